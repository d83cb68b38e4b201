"""Encrypts what a store holds: AES-GCM under the installation's key, bound to its owner.

Each scope has its own key, derived from the installation's key. The scope, the kind of record and,
for a chain, its link are authenticated as associated data, so a record that was moved to another
scope or conversation fails to decrypt.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12
OVERHEAD = _NONCE + 16
"""Bytes that sealing adds."""


class Sealer:
    """Seals and opens records of one scope, which is given as a tuple of its parts."""

    def __init__(self, key: bytes, scope: tuple[bytes, ...]) -> None:
        self._scope = _framed(scope)
        info = b"secretgate vault\0" + self._scope
        self._cipher = AESGCM(HKDF(SHA256(), 32, salt=None, info=info).derive(key))

    def seal(self, kind: bytes, name: bytes, plain: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, self._bound(kind, name))

    def opened(self, kind: bytes, name: bytes, sealed: bytes) -> bytes | None:
        """Return the plaintext, or None if the record was changed or sealed for another owner."""
        if len(sealed) < OVERHEAD:
            return None
        nonce, body = sealed[:_NONCE], sealed[_NONCE:]
        try:
            return self._cipher.decrypt(nonce, body, self._bound(kind, name))
        except InvalidTag:
            return None

    def _bound(self, kind: bytes, name: bytes) -> bytes:
        return _framed((kind, name)) + self._scope


def _framed(parts: tuple[bytes, ...]) -> bytes:
    """Join parts with length prefixes, so that no two different sequences give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
