"""The two fake secrets of fuzzed inputs, which contain `@1` and `@2` in their place.

So no corpus contains anything that looks like a secret.
"""

from __future__ import annotations

from addon.kit import token

TOKENS = {b"@1": token(1).encode(), b"@2": token(2).encode()}


def planted(data: bytes) -> bytes:
    for mark, secret in TOKENS.items():
        data = data.replace(mark, secret)
    return data
