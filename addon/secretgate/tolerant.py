"""Decodes JSON as leniently as clients do, for what the policy judges.

Parsers accept more than the standard allows. JavaScript and Python both accept lone surrogates and
replace invalid UTF-8; Python accepts `NaN`, numbers of any size and, if told to, control characters
in strings. Anything that such a parser accepted and this one did not would pass without a rule
having seen it. This module returns values; spans are read in `bodies/json_reader.py`.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

_MOST_DIGITS = 4000
"""Python limits conversions to about this length, as their time grows faster than the text."""


def decode(raw: bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError if no client could read it either."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(raw.decode("utf-8-sig", "replace"), strict=False, parse_int=_number)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


def elements(raw: bytes) -> list[bytes]:
    """Return the elements of an array, with their original spelling if possible.

    Raises ValueError as `decode` does, and if the text is not an array.
    """
    try:
        return [bytes(each) for each in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = decode(raw)
    if not isinstance(value, list):
        raise ValueError("not an array")
    return [json.dumps(each, separators=(",", ":")).encode() for each in value]


def encode(value: Any) -> bytes:
    """Return a value as JSON; lone surrogates are escaped, the only form JSON allows."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()
