"""How much of a request was looked at, and how much was not, in bytes.

Every byte of a body is in one class at most; what is in none is the format itself (JSON's braces, names and numbers).
"""

from __future__ import annotations

from typing import NamedTuple

from secretgate.requests import Decision, Verdict


class Coverage(NamedTuple):
    total: int = 0
    """The body, decompressed where it could be."""
    scanned: int = 0
    opaque: int = 0
    binary: int = 0
    skipped: int = 0
    unreadable: int = 0

    def __add__(self, other: tuple[int, ...]) -> Coverage:  # type: ignore[override]
        return Coverage(*map(sum, zip(self, other, strict=True)))


def coverage(decision: Decision) -> Coverage:
    size, counts = decision.size, decision.counts
    if decision.verdict is Verdict.LEFT_ALONE:
        return Coverage(size, skipped=size)
    if decision.verdict is Verdict.UNREADABLE and not counts.scanned:
        return Coverage(size, unreadable=size)
    return Coverage(size, counts.scanned, counts.opaque, counts.bytes, counts.credential)
