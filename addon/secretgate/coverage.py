"""How many bytes of a request were scanned, and how many were not, by reason.

Every byte of a body is in exactly one class; what is in none of the others belongs to the format
itself (JSON's braces, numbers and the like).
"""

from __future__ import annotations

import operator
from typing import NamedTuple

from secretgate.outbound.requests import Decision, Verdict

NAMES = {
    "scanned": "text searched for secrets",
    "opaque": "signed, encrypted or identifying fields",
    "binary": "images, audio, files without text",
    "skipped": "credentials for the provider, bodies left alone",
    "unreadable": "bodies that could not be read",
    "format": "braces, numbers and other syntax",
}


class Coverage(NamedTuple):
    """The bytes of one or several requests, by class."""

    total: int = 0
    """Size of the body, decompressed if possible."""
    scanned: int = 0
    opaque: int = 0
    binary: int = 0
    skipped: int = 0
    unreadable: int = 0

    def __add__(self, other: tuple[int, ...]) -> Coverage:  # type: ignore[override]
        return Coverage(*map(operator.add, self, other))

    def classes(self) -> dict[str, int]:
        """Return the bytes of every class, including `format`."""
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
    """Return a number of bytes in readable form."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
