"""Numbers with their nouns, for sentences that people read."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return the number and its noun: `1 file`, `2,048 files`."""
    return f"{number:,} {plural(number, noun)}"


def plural(number: int, noun: str) -> str:
    """Return the noun as it stands behind the number: `file` or `files`."""
    return noun if number == 1 else f"{noun}s"
