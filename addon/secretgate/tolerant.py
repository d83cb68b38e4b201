"""JSON values as clients read them, for what is judged: their parsers take more than the standard allows.

JavaScript and Python both take halves of surrogate pairs, and replace bytes that are no UTF-8; Python takes `NaN` and
numbers without a bound, and where it is told to, control characters in strings. What such a parser takes, and this one did not, would pass without a rule having seen it.
Spans are read elsewhere (`bodies/json_reader.py`); this gives values.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

_MOST_DIGITS = 4000
"""Python itself turns no longer text into an integer, as that takes a time that grows faster than the text."""


def decode(raw: bytes) -> Any:
    """Raises ValueError where no client would read it either."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(raw.decode("utf-8-sig", "replace"), strict=False, parse_int=_number)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


def elements(raw: bytes) -> list[bytes]:
    """Those of an array, as they are spelled where that can be. Raises ValueError as `decode` does, and where it is none."""
    try:
        return [bytes(each) for each in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = decode(raw)
    if not isinstance(value, list):
        raise ValueError("no array")
    return [json.dumps(each, separators=(",", ":")).encode() for each in value]


def encode(value: Any) -> bytes:
    """Halves of surrogate pairs are escaped, as they may stand in JSON in no other way."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
