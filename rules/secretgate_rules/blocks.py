"""Multi-line secrets: splits a PEM, PGP, PuTTY or SSH2 key into the base64 content of its lines.

A key looks different in a file, in a patch, in a heredoc and in a JSON string. Only the runs of
base64 in its lines stay the same. Each becomes a part of the finding, so the same key has the same
parts wherever it occurs, and one placeholder per line leaves the surrounding format intact.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 1 << 16
"""Maximum length of a block, in bytes."""

_MARKER = re.compile(rb"-{4,5} ?(?:BEGIN|END)[^\n-]{0,80}-{4,5}")
_BREAK = re.compile(rb"\\+[nrt]|[\s\"'`,;\\]++")
_CONTENT = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,}")
_FRAME = rb"\xe2(?:\x86\x92|\x8e\xbf|\x94[\x82\x83]|\x95\x91)"
"""Arrows and vertical lines that tools write before a line: → ⎿ │ ┃ ║."""
_AHEAD = re.compile(rb"[0-9]{1,7}(?:[:|)>#]|%b)|%b" % (_FRAME, _FRAME))
"""What stands before a line that a tool has numbered or framed."""
_ASIDE = (b" ", b"\t")
"""What may follow the number of a line instead."""
_CORE = re.compile(rb"[A-Za-z0-9+/_-]{2,}={0,2}|=[A-Za-z0-9+/]{4}\b")


def lines(text: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """Return the spans of the lines' base64 content in `text[start:end]`, as offsets in `text`.

    If there is none, or the content of some line would be left out, the whole block is the only
    span.
    """
    prefix = _prefix(text, start)
    markers = [match.span() for match in _MARKER.finditer(text, start, end)]
    found: list[tuple[int, int]] = []
    position = start
    for low, high in [*markers, (end, end)]:
        found += _cores(text, position, low, prefix)
        position = max(position, high)
    return found if found and not _missed(text, start, end, found) else [(start, end)]


def _missed(text: bytes, start: int, end: int, found: list[tuple[int, int]]) -> bool:
    """Whether the content of a line is in none of the spans found."""
    spans = [*found, (end, end)]
    at = start
    for low, high in spans:
        if _CONTENT.search(text, at, low):
            return True
        at = high
    return False


def _prefix(text: bytes, start: int) -> bytes:
    line = text.rfind(b"\n", 0, start) + 1
    before = text[line:start].strip()
    return before if before and not re.search(rb"[A-Za-z0-9=:({\[]", before) else b""


def _cores(text: bytes, start: int, end: int, prefix: bytes) -> list[tuple[int, int]]:
    found = []
    position = start
    for gap in [*_BREAK.finditer(text, start, end), None]:
        low, high = position, gap.start() if gap else end
        if prefix and text.startswith(prefix, low) and text[low - 1 : low] == b"\n":
            low += len(prefix)
        if ahead := _AHEAD.match(text, low, high):
            low = ahead.end()
        core = _CORE.match(text, low, high)
        counted = text[high : high + 1] in _ASIDE and text[low:high].isdigit() and high - low < 8
        if core and core.end() == high and not counted:
            found.append((low, high))
        position = gap.end() if gap else end
    return found
