"""Lines as tools print them: numbered, behind a path or a date, quoted, or as a patch.

What spans several lines, such as the name and the value of a Kubernetes variable, or the head and
the rows of a table, is found in such a text once what was put before each line is gone. The view
`lines` reads the text without it; the text itself is searched, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from .database import CASELESS, Expression
from .decoded import Decoded, Piece, Token, traced
from .model import Layer

LINES: Final = "lines"
"""The kind of the view."""

_WORD: Final = (
    r"(?:pass(?:w|phrase|code)|_pass\b|pwd|kennwort|contrase|senha\b|secret|token|credential|creds\b"
    r"|auth(?:orization)?\b|(?:_|api|access|secret|private|account|master)[ _-]?key)"
)
"""Words of which code has fewer than of `context_places.WORD`: neither `pass` nor `key`."""
EXPRESSION: Final = Expression(
    _WORD
    + r"[^\n=(]{0,40}\n(?:\x1b\[[0-9;]{0,12}m)?[ \t]{0,10}(?:[>+|#*;-]|//|\xe2|L?\[?[0-9]{1,7}[^0-9]"
    r"|[\w./@+~-]{1,60}[:-][0-9]{1,7}[:-]|[\w.-]{1,40} {1,8}\||[0-9a-f^]{7,40} \()",
    CASELESS,
)
"""A line that ends soon after a credential word, before a line that may be framed."""

_COLOUR: Final = rb"(?:\x1b\[[0-9;]{0,12}m)?"
_BAR: Final = rb"(?:\||\xe2\x94[\x82\x83]|\xe2\x95\x91)"
"""Vertical lines: | │ ┃ ║."""
_FORMS: Final = (
    re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]{5,18}(?:Z|[+-][0-9:]{4,6})? "),
    re.compile(rb"[ \t]{0,10}[0-9]{1,7}[ \t]{1,10}(?P<next>[0-9]{1,7}) {1,3}(?:[+-] ?)?"),
    re.compile(
        rb"%b[ \t]{0,10}L?\[?(?P<next>[0-9]{1,7})%b"
        rb"(?:\xe2\x86\x92|\t| ?%b ?|\]?[:).]? {1,2}|[:)])%b" % (_COLOUR, _COLOUR, _BAR, _COLOUR)
    ),
    re.compile(rb"(?P<same>[\w./@+~-]{1,200}?)[:-](?P<number>[0-9]{1,7})[:-]"),
    re.compile(rb"(?P<same>[\w.-]{1,60}) {1,8}\| "),
    re.compile(rb"[0-9a-f^]{7,40} \([^)\n]{8,80} (?P<next>[0-9]{1,7})\) "),
    re.compile(rb"(?P<same>[ \t]{0,8}(?:>|\+|#{1,3}|//[/!]?|\*|;{1,2}|%b|\xe2\x8e\xbf)) ?" % _BAR),
)
"""What stands before a line: a date, one or two numbers, a place, a service, who wrote it, a mark.

`next` is a number that grows by one with each line, `number` one that grows, and `same` does not
change.
"""
_CHANGED: Final = (b"+", b"-")
_PATCHED: Final = (b" ", *_CHANGED)
"""How the lines of a patch begin."""
_LINE: Final = re.compile(rb"[^\n]*\n?")
_MOST: Final = 40
"""Lines that are read from a credential word on."""
_LONGEST: Final = 4096
"""Bytes of a line before its credential word."""


class _Line(NamedTuple):
    """A line in some form, and what tells which line follows it."""

    form: re.Pattern[bytes]
    start: int
    inner: int
    """Where what stands before it ends."""
    end: int
    same: bytes
    number: int
    steps: bool
    """Whether the number of the next line is one higher."""

    def precedes(self, other: _Line) -> bool:
        if self.same != other.same:
            return False
        return other.number == self.number + 1 if self.steps else other.number >= self.number


def pieces(text: bytes, places: Sequence[int]) -> Iterator[Piece]:
    """Yield framed lines of a text, without what stands before them.

    `places` are the ascending ends of matches of `EXPRESSION`. A patch is read twice: as the text
    before it and as the text after it.
    """
    reached = 0
    for place in places:
        if place <= reached:
            continue
        second = text.rfind(b"\n", 0, place) + 1
        low = max(0, second - _LONGEST)
        first = max(low, text.rfind(b"\n", low, second - 1) + 1)
        if region := _region(text, first, second):
            reached = region[-1].end
            yield _piece(text, [line[1:4] for line in region])
        elif text[second : second + 1] in _CHANGED:
            hunk = list(_hunk(text, first))
            reached = hunk[-1][2] if hunk else place
            for dropped in _CHANGED if hunk else ():
                yield _piece(text, hunk, dropped)


def _region(text: bytes, first: int, second: int) -> list[_Line]:
    """Return the lines that follow one another in some form from `first` on: two or more, or none."""
    end = text.find(b"\n", second) + 1 or len(text)
    for form in _FORMS:
        before = _read(form, text, first, second)
        line = before and _read(form, text, second, end)
        if before and line and before.precedes(line):
            break
    else:
        return []
    region = [before, line]
    for span in _lines(text, end):
        following = _read(form, text, *span)
        if following is None or not region[-1].precedes(following):
            break
        region.append(following)
    return region


def _lines(text: bytes, start: int) -> Iterator[tuple[int, int]]:
    return (match.span() for match in islice(_LINE.finditer(text, start), _MOST))


def _read(form: re.Pattern[bytes], text: bytes, start: int, end: int) -> _Line | None:
    match = form.match(text, start, end)
    if match is None:
        return None
    named = match.groupdict()
    number = int(named.get("next") or named.get("number") or 0)
    same = named.get("same", b"")
    return _Line(form, start, match.end(), end, same, number, "next" in named)


def _hunk(text: bytes, first: int) -> Iterator[tuple[int, int, int]]:
    """Yield the lines from `first` on that may be of a patch: start, start of the text, and end."""
    for start, end in _lines(text, first):
        if text[start : start + 1] not in _PATCHED:
            return
        yield start, start + 1, end


def _piece(
    text: bytes, lines: Sequence[tuple[int, int, int]], dropped: bytes | None = None
) -> Piece:
    """Return lines without what stands before them, and without those that begin with `dropped`."""
    low, high = lines[0][0], lines[-1][2]
    tokens: list[Token] = []
    said: list[bytes] = []
    for start, inner, end in lines:
        if dropped is not None and text.startswith(dropped, start):
            inner = end
        tokens.append((start - low, inner - low, b""))
        said.append(text[inner:end])
    trace = traced(lambda _: tokens)
    return Piece(Layer(LINES, low, high), Decoded(b"".join(said), text[low:high], trace))
