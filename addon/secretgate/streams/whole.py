"""Tells whether the remainder of a truncated stream is a complete JSON value nevertheless."""

from __future__ import annotations

import msgspec


def is_json(text: bytes | None) -> bool:
    """Whether `text` is one complete JSON value."""
    if not text:
        return False
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
