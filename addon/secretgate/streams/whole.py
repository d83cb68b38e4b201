"""Whether what a cut-off stream left behind is a whole value all the same."""

from __future__ import annotations

import msgspec


def is_json(text: bytes | None) -> bool:
    if not text:
        return False
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
