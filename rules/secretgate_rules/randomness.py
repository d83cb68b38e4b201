"""Estimates whether a string is random rather than written by a person.

Shannon entropy alone cannot distinguish `getUserAccountSettingsFor` from a key. So the string is
encoded by two models, and the costs are compared in bits: a bigram table of identifiers and words
in source code (`bigrams.bin`, 61 x 60 costs in 1/12 bit, counted over open-source code), and
characters drawn uniformly from the alphabet of the string. The difference is the evidence; above
zero, the uniform model explains the string better.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log2
from pathlib import Path
from typing import Final

from .memo import remembered

_SYMBOLS = 60
_START = 60
_COSTS = Path(__file__).with_name("bigrams.bin").read_bytes()


def _symbol_table() -> bytes:
    table = bytearray([59]) * 256
    for index in range(26):
        table[97 + index] = index
        table[65 + index] = 26 + index
    table[48:58] = bytes([52]) * 10
    for index, char in enumerate(b"_-./+="):
        table[char] = 53 + index
    return bytes(table)


_TO_SYMBOL = _symbol_table()
_HEX = re.compile(rb"[0-9a-f]+|[0-9A-F]+")
_MIXED_HEX = re.compile(rb"[0-9a-fA-F]{16,}")


def entropy(value: bytes) -> float:
    """Return the Shannon entropy in bits per character."""
    size = len(value)
    return -sum(n / size * log2(n / size) for n in Counter(value).values()) if size else 0.0


def alphabet(value: bytes) -> int:
    """Return the size of the smallest common alphabet that contains the string."""
    if _HEX.fullmatch(value):
        return 10 if value.isdigit() else 16
    if _MIXED_HEX.fullmatch(value):
        return 22
    size = 0
    if any(97 <= c <= 122 for c in value):
        size += 26
    if any(65 <= c <= 90 for c in value):
        size += 26
    if any(48 <= c <= 57 for c in value):
        size += 10
    if not value.isalnum():
        size += 2 if not value.translate(None, b"_-./+=") or _plain(value) else 20
    return max(size, 2)


def _plain(value: bytes) -> bool:
    return value.translate(None, b"_-./+=").isalnum()


_ENOUGH: Final = 200


@remembered(4096)
def evidence(value: bytes) -> float:
    """Return the evidence in bits that a value is random: positive if it looks so."""
    value = value[:_ENOUGH]
    cost, previous = 0, _START
    for symbol in value.translate(_TO_SYMBOL):
        cost += _COSTS[previous * _SYMBOLS + symbol]
        previous = symbol
    return cost / 12 - len(value) * log2(alphabet(value))


_SCRAMBLED = re.compile(rb"[a-z]{10,200}")
_CERTAIN: Final = 28.0
_LIKELY: Final = 24.0
_LONG: Final = 16


def scrambled(value: bytes) -> bool:
    """Return whether the value is lower-case letters that make no words, in any language but few."""
    if not _SCRAMBLED.fullmatch(value):
        return False
    return evidence(value) >= (_LIKELY if len(value) >= _LONG else _CERTAIN)
