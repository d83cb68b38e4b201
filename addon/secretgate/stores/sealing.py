"""Seals what a store holds: AES-GCM under the installation's key, bound to whom it belongs to.

Each scope has a key of its own, derived from the installation's, and the scope is part of what is
authenticated, with the kind of the record and, for a chain, its link. A record that somebody moved to
another scope or another conversation does not open.
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
    """Seals for one scope; `scope` is what tells it apart, part by part."""

    def __init__(self, key: bytes, scope: tuple[bytes, ...]) -> None:
        self._scope = _framed(scope)
        info = b"secretgate vault\0" + self._scope
        self._cipher = AESGCM(HKDF(SHA256(), 32, salt=None, info=info).derive(key))

    def seal(self, kind: bytes, name: bytes, plain: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, self._bound(kind, name))

    def opened(self, kind: bytes, name: bytes, sealed: bytes) -> bytes | None:
        """What was sealed; None for what was sealed for somebody else, or changed."""
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
    """Parts as one, so that no two sequences of parts read the same."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
