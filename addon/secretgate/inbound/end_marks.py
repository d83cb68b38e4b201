"""End marks: every frame that ends all texts contains one of these strings, and few others do.

Only events that contain one have to be read to know whether the answer continues.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from secretgate.providers import Dialect
from secretgate.scanner import Scanner
from secretgate.streams.base import END_MARK

_LONG: Final = 1024
"""Length of text above which a `Scanner` finds several strings faster than `find`."""


class EndMarks:
    """The end marks of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        kinds = [kind for kind, names in dialect.closing.items() if not names]
        flags = [path.rpartition(".")[2] for path in dialect.ends]
        self.strings = (
            END_MARK,
            *(f'"{kind}"'.encode() for kind in kinds),
            *(f"event: {kind}".encode() for kind in kinds),
            *(f'"{flag}":{space}true'.encode() for flag in flags for space in ("", " ")),
        )

    def stand_in(self, raw: bytes, at: int) -> bool:
        """Whether a marker occurs at or after offset `at`."""
        if len(raw) - at < _LONG:
            return any(raw.find(string, at) >= 0 for string in self.strings)
        return bool(_scanner(self.strings).scan(raw[at:]))


@lru_cache(maxsize=64)
def _scanner(strings: tuple[bytes, ...]) -> Scanner:
    return Scanner(strings, literal=True, once=True)
