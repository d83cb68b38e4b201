"""Finds the occurrences of short fixed strings in a text, overlapping ones included.

The library that is used compares dozens of strings at many positions at once, twenty times as fast
as it walks an automaton, but only if it may skip what overlaps an occurrence, and only for so many
strings. So strings are searched for in groups, and an automaton then walks through the few places
where something was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

_GROUP: Final = 64
_MOST_GROUPS: Final = 16
"""With more groups than this, the automaton alone is as fast."""
_MOST_STRINGS: Final = 5_000
"""Maximum number of strings of an automaton: no other thread runs while one is built, for 5 ms."""
_PIECE: Final = 16 << 10
_GROUP_COST: Final = 0.17e-9
_AUTOMATON_COST: Final = 5e-9

Match = tuple[int, int, int]
"""The index of a string, and its start and end."""


class Keys:
    """A search for non-empty strings, which must be distinct; `find` is thread-safe."""

    def __init__(self, strings: Sequence[bytes]) -> None:
        self._strings = strings
        self._longest = max(map(len, strings), default=1)
        groups = [strings[at : at + _GROUP] for at in range(0, len(strings), _GROUP)]
        self.cost = _GROUP_COST * len(groups)
        """Approximate number of seconds per byte of text."""
        self._groups: list[BytesAhoCorasick] = []
        if len(groups) > _MOST_GROUPS:
            self.cost = _AUTOMATON_COST * -(-len(strings) // _MOST_STRINGS)
        else:
            self._groups = [
                BytesAhoCorasick(group, MatchKind.LeftmostFirst, Implementation.NoncontiguousNFA)
                for group in groups
            ]

    @cached_property
    def _automata(self) -> list[tuple[int, BytesAhoCorasick]]:
        """The automata, each with the index of its first string."""
        return [
            (at, BytesAhoCorasick(some, implementation=Implementation.ContiguousNFA))
            for at in range(0, len(self._strings), _MOST_STRINGS)
            for some in [self._strings[at : at + _MOST_STRINGS]]
        ]

    def find(self, text: bytes) -> Iterator[Match]:
        """Yield every occurrence."""
        windows = self._windows(text) if self._groups else [(0, len(text))]
        for start, end in windows:
            piece = text[start:end]
            for first, automaton in self._automata:
                for number, low, high in automaton.find_matches_as_indexes(piece, True):
                    yield first + number, start + low, start + high

    def occur(self, text: bytes) -> bool:
        """Return whether any of the strings occurs in `text`."""
        # Piece by piece, as a search returns all that a piece holds.
        length = _PIECE + self._longest - 1
        return any(
            search.find_matches_as_indexes(text[at : at + length])
            for search in self._groups or [automaton for _, automaton in self._automata]
            for at in range(0, len(text), _PIECE)
        )

    def _windows(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Yield disjoint spans that contain all occurrences.

        Every occurrence begins within one of those that the groups find.
        """
        found = [
            match[1:] for group in self._groups for match in group.find_matches_as_indexes(text)
        ]
        begin = reached = 0
        for start, end in sorted(found):
            if start >= reached:
                if reached:
                    yield begin, reached
                begin = start
            reached = max(reached, end + self._longest - 1)
        if reached:
            yield begin, reached
