"""Keyed digests of what has passed, to know it again without keeping it.

The tag of AES-GCM over bytes that are authenticated and not encrypted: at 20 GB a second on a
processor with AES instructions, several times as fast as any hash. With a fixed nonce it is a universal hash: two
texts that were chosen without the key have the same tag with a probability of about 2^-100, however often
someone tries. Tags never leave the process, and the key is made when it starts and written nowhere.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Digests:
    """Digests for one purpose; `of_context` gives those for another, under the same key."""

    __slots__ = ("_nonce", "_seal")

    def __init__(self, parent: Digests | None = None, nonce: bytes = bytes(12)) -> None:
        self._seal: Callable[[bytes, bytes, bytes | memoryview], bytes]
        self._seal = parent._seal if parent is not None else AESGCM(os.urandom(32)).encrypt
        self._nonce = nonce

    def of(self, raw: bytes | memoryview) -> bytes:
        return self._seal(self._nonce, b"", raw)

    def of_context(self, *context: bytes) -> Digests:
        """Digests that say in which context the bytes stood."""
        parts = b"".join(len(part).to_bytes(8, "big") + part for part in context)
        return Digests(self, hashlib.blake2b(parts, digest_size=12).digest())
