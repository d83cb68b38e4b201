"""The two made-up secrets of fuzzed inputs: `@1` and `@2` stand for them, so that no corpus holds anything that looks like one."""

from __future__ import annotations

from addon.kit import token

TOKENS = {b"@1": token(1).encode(), b"@2": token(2).encode()}


def planted(data: bytes) -> bytes:
    for mark, secret in TOKENS.items():
        data = data.replace(mark, secret)
    return data
