"""Matches events against the `Shape` of one that was read (see `shapes.py`).

Most events are a beginning, one string and an end. For these a search for the end of the line is
enough, and one scan of all strings together tells whether any of them is more than one string.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

from secretgate.bodies.json_reader import closing_quote
from secretgate.bodies.steps import Steps
from secretgate.inbound.event_reader import Identity
from secretgate.providers import Piece
from secretgate.scanner import Scanner

NUMERAL = re.compile(rb"-?[0-9][0-9.eE+-]*+")
# A string up to its closing quote; none that ends with five or more backslashes is matched.
_STRING = rb'([^"]*+(?:(?:(?<=[^\\]\\)|(?<=[^\\]\\\\\\))"[^"]*+)*+)(?<!\\\\\\\\\\)'
_REST = rb"|(.).*+"
_BARE_QUOTE = Scanner([rb'(?:^|[^\\])(?:\\\\)*"'], once=True)
"""A quote that is not escaped."""
_WORTH_COMPILING: Final = 500
"""Number of events from which on a compiled expression pays.

Every answer needs its own, as it contains ids of its own.
"""
_BACKSLASH: Final = 0x5C
_LONG: Final = 512
"""Length of a literal from which a scan of it is faster than jumping from quote to quote."""

Span = tuple[int, int]
Match = tuple["Shape", list[Span], int]
"""A shape, the spans of its literals, and the end of the event. (A plain tuple: there are many.)"""


class Shape:
    """A `head`, then literals, each with the bytes that follow it."""

    __slots__ = (
        "_asked",
        "_line",
        "_pattern",
        "_places",
        "head",
        "holes",
        "identity",
        "name",
        "number",
        "path",
        "piece",
        "size",
        "text",
    )

    def __init__(self, head: bytes, holes: list[tuple[re.Pattern[bytes] | None, bytes]]) -> None:
        self.head = head
        self.holes = holes
        """For each literal: what it looks like, unless it is a string, and the bytes after it."""
        self.text = self.number = -1
        """Indexes of the literals that are the piece of text and the sequence number, or -1."""
        self.piece = Piece.OPAQUE
        self.identity: Identity = ()
        self.path: Steps = ()
        self.name = ""
        """The frame's event name, where it is not part of the matched bytes."""
        self.size = len(head) + sum(len(behind) for _, behind in holes)
        """The size in bytes of an event without its literals."""
        self._places = range(1, len(holes) + 1)
        self._pattern: re.Pattern[bytes] | None = None
        self._line = holes[0][1].find(b"\n") if len(holes) == 1 and holes[0][0] is None else -1
        """Where in what follows the only literal, a string, its line ends; -1 where it cannot be
        told from that where the string ends."""
        self._asked = 0

    def match(self, raw: bytes, at: int) -> Match | None:
        if not raw.startswith(self.head, at):
            return None
        self._asked += 1
        if self._asked < _WORTH_COMPILING:
            return self._step_by_step(raw, at)
        found = self._compiled().match(raw, at)
        if found is None or found.lastindex != len(self.holes):
            return self._step_by_step(raw, at)
        return self, [found.span(place) for place in self._places], found.end()

    def _compiled(self) -> re.Pattern[bytes]:
        """The expression for an event, or for anything else up to the end."""
        if self._pattern is None:
            literals = [
                (_STRING if look is None else b"(%b)" % look.pattern) + re.escape(behind)
                for look, behind in self.holes
            ]
            spelled = re.escape(self.head) + b"".join(literals) + _REST
            self._pattern = re.compile(spelled, re.DOTALL)
        return self._pattern

    def _step_by_step(self, raw: bytes, at: int) -> Match | None:
        """Match without the expression, whatever the number of backslashes in a literal."""
        at += len(self.head)
        spans: list[Span] = []
        for look, behind in self.holes:
            if look is None:
                end = raw.find(b'"', at)
                if end > at and raw[end - 1] == _BACKSLASH:
                    end = _end(raw, at, end, behind)
            else:
                literal = look.match(raw, at)
                end = literal.end() if literal else -1
            if end < 0 or not raw.startswith(behind, end):
                return None
            spans.append((at, end))
            at = end + len(behind)
        return self, spans, at

    def streak(self, raw: bytes, at: int) -> Streak | None:
        """Return the events of this shape that begin here and follow one another."""
        if not raw.startswith(self.head, at):
            return None
        if self._line >= 0:
            pieces, stop = self._by_lines(raw, at)
            text = b"".join(pieces)
            if not _BARE_QUOTE.scan(text):
                return Streak(self, pieces, stop, text) if pieces else None
            self._line = -1
        found: list[tuple[bytes, ...]] = []
        stop = at
        if self._asked + (len(raw) - at) // self.size >= _WORTH_COMPILING:
            found = self._compiled().findall(raw, at)
            stop = len(raw)
            if found[-1][-1]:
                found.pop()
                stop = at + len(found) * self.size + sum(map(len, chain.from_iterable(found)))
        if not found:
            found, stop = self._one_by_one(raw, at)
        if not found:
            return None
        self._asked += len(found)
        pieces = [literals[self.text] for literals in found]
        return Streak(self, pieces, stop, b"".join(pieces), found)

    def _one_by_one(self, raw: bytes, at: int) -> tuple[list[tuple[bytes, ...]], int]:
        """Return the literals of consecutive events of this shape, and the offset after them."""
        found: list[tuple[bytes, ...]] = []
        while raw.startswith(self.head, at) and (one := self._step_by_step(raw, at)) is not None:
            _, spans, at = one
            found.append(tuple([raw[start:end] for start, end in spans]))
        return found, at

    def _by_lines(self, raw: bytes, at: int) -> tuple[list[bytes], int]:
        """Return the only literals of these events, and the offset after the events.

        One with a bare quote is not the only literal of its event.
        """
        ((_, behind),), line = self.holes, self._line
        head, ahead, after = self.head, len(self.head), len(behind)
        find, startswith = raw.find, raw.startswith
        pieces: list[bytes] = []
        while startswith(head, at):
            start = at + ahead
            end = find(b"\n", start) - line
            if end < start or not startswith(behind, end):
                break
            if raw[end - 1] == _BACKSLASH and closing_quote(raw, start) != end:
                break
            pieces.append(raw[start:end])
            at = end + after
        return pieces, at


class Streak(NamedTuple):
    """Consecutive events of one shape."""

    shape: Shape
    pieces: list[bytes]
    """The piece of text of each event, if they have one."""
    stop: int
    """The offset after the last event."""
    text: bytes
    """The pieces, joined."""
    literals: Sequence[tuple[bytes, ...]] = ()
    """The literals of each event, if there are others than the piece."""

    @property
    def sizes(self) -> list[int]:
        """The size in bytes of each event."""
        size = self.shape.size
        if not self.literals:
            return [size + len(piece) for piece in self.pieces]
        return [size + sum(map(len, literals)) for literals in self.literals]


def _end(raw: bytes, start: int, search: int, behind: bytes) -> int:
    """Return the end of the string that begins at `start`, or -1; look from `search` on.

    `behind` is what follows if the string is the one of a shape: it is looked for from the end of
    the line, as source code has an escaped quote in every other line.
    """
    line = raw.find(b"\n", search)
    stop = line if line >= 0 else len(raw)
    if stop - start < _LONG:
        return closing_quote(raw, start, search)
    inside = behind.find(b"\n")
    end = raw.rfind(behind, search, stop if inside < 0 else stop + len(behind) - inside)
    if end < 0 or raw[end - 1] == _BACKSLASH or _BARE_QUOTE.scan(raw[start:end]):
        return closing_quote(raw, start, search)
    return end
