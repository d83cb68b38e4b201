"""How much of a request was looked at, and how much was not, in bytes.

Every byte of a body is in one class; what is in none of the others is the format itself (JSON's braces,
numbers and the like).
"""

from __future__ import annotations

import operator
from typing import NamedTuple

from secretgate.outbound.requests import Decision, Verdict

NAMES = {
    "scanned": "text that was looked at",
    "opaque": "signed, encrypted or identifying fields",
    "binary": "images, audio, files without text",
    "skipped": "credentials for the provider, bodies left alone",
    "unreadable": "bodies that could not be read",
    "format": "the format around them",
}


class Coverage(NamedTuple):
    total: int = 0
    """The body, decompressed where it could be."""
    scanned: int = 0
    opaque: int = 0
    binary: int = 0
    skipped: int = 0
    unreadable: int = 0

    def __add__(self, other: tuple[int, ...]) -> Coverage:  # type: ignore[override]
        return Coverage(*map(operator.add, self, other))

    def classes(self) -> dict[str, int]:
        """Bytes by class, all of them."""
        classes = self._asdict()
        total = classes.pop("total")
        return {**classes, "format": max(0, total - sum(classes.values()))}


def coverage(decision: Decision) -> Coverage:
    size, counts = decision.size, decision.counts
    if decision.verdict is Verdict.LEFT_ALONE:
        return Coverage(size, skipped=size)
    if decision.verdict is Verdict.UNREADABLE and not counts.scanned:
        return Coverage(size, unreadable=size)
    return Coverage(size, counts.scanned, counts.opaque, counts.bytes, counts.credential)


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
