"""Hyperscan for a small set of patterns searched for in streams, chunk by chunk."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import hyperscan as hs


class Many(Exception):
    """There are more matches than the caller wants."""


class Scanner:
    """A database of patterns. `scan` is thread-safe."""

    def __init__(
        self,
        patterns: Sequence[bytes],
        starts: bool = False,
        literal: bool = False,
        once: bool = False,
    ) -> None:
        """Compile the patterns.

        `starts`: whether start offsets are reported, which takes longer. `literal`: whether the
        patterns are plain strings. `once`: whether the first match of each is enough.
        """
        self._local = threading.local()
        self._database = hs.Database(mode=hs.HS_MODE_BLOCK)
        count = len(patterns)
        self._database.compile(
            expressions=list(patterns),
            ids=list(range(count)),
            elements=count,
            flags=[
                (hs.HS_FLAG_SOM_LEFTMOST if starts else 0) | (hs.HS_FLAG_SINGLEMATCH if once else 0)
            ]
            * count,
            literal=literal,
        )

    def scan(self, text: bytes) -> list[tuple[int, int]]:
        """Return start and end of every match, ordered by end; starts are 0 unless requested."""
        return [(start, end) for _, start, end in self._matches(text)]

    def which(self, text: bytes) -> list[tuple[int, int]]:
        """Return the index of the pattern and the end of every match, ordered by end."""
        return [(number, end) for number, _, end in self._matches(text)]

    def few(self, text: bytes, most: int) -> list[int]:
        """Return the end of every match, in order. Raises `Many` if there are more than `most`."""
        found: list[int] = []

        def note(_number: int, _start: int, end: int, _flags: int, _context: Any) -> bool:
            found.append(end)
            return len(found) > most

        try:
            self._database.scan(text, match_event_handler=note, scratch=self._scratch())
        except hs.error:
            if len(found) > most:
                raise Many from None
            raise
        return found

    def _matches(self, text: bytes) -> list[tuple[int, int, int]]:
        found: list[tuple[int, int, int]] = []
        self._database.scan(text, match_event_handler=_note, context=found, scratch=self._scratch())
        return found

    def _scratch(self) -> Any:
        try:
            return self._local.scratch
        except AttributeError:
            scratch = self._local.scratch = hs.Scratch(self._database)
            return scratch


def _note(number: int, start: int, end: int, _flags: int, found: Any) -> None:
    found.append((number, start, end))
