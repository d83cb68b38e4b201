"""Where in an answer a placeholder may begin: the question that nearly every byte answers with no.

Python's `re` asks it at some 30 MB/s, Hyperscan at a thousand. A `Beginnings` says yes a little too
often and never no where `Template.spelled` or `Template.beginning` would match, so whoever asks looks
closer there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from secretgate.scanner import Scanner

HEAD: Final = 4
"""So many characters of a template's head are looked for."""
ALIAS_HEAD: Final = 8
_MOST_ALIASES: Final = 64

_BREAK = r"[ \t]*(?:(?:\\+r)?\\+n|\r?\n)[ \t]*"
"""A line break between two characters, as it is spelled."""
_CUT = r"(?:[ \t]+|[ \t]*(?:\\+r|\r)|\\+(?:u[0-7]{0,3})?|&[a-zA-Z#0-9]{0,5}|%[0-7]?)"
"""What an escape, a break or an indentation may be cut off to."""
# The end of a string, unless it is a member's name.
_STRING_END = r'"[ \t\r\n]*(?:[^ \t\r\n:]|\z)'
_LONG: Final = 512
"""In a longer text it pays to ask first where the beginnings end: that takes a fifth of the time."""
_REACH: Final = 1200
"""How far before that they begin at most."""
# Text in a string of a JSON text of its own, which decides how often a value has to be escaped.
_QUOTE_IN_QUOTES: Final = rb'\\\\"'


class Beginnings:
    """Of placeholders whose template begins with `head`; `first`: the spellings of its first
    character."""

    def __init__(self, head: str, first: str) -> None:
        self._first = re.compile(first.encode())
        self._suspects = (_pattern(first, head, _STRING_END), _QUOTE_IN_QUOTES)
        self._in_events = Scanner(self._suspects)
        self._watches: dict[tuple[bytes, ...], Watch] = {}
        in_text = [_pattern(first, head, r"\z")]
        self._in_text = Scanner(in_text, starts=True)
        self._in_long_text = Scanner(in_text)
        self._once = head[0].isalpha() and head[0].lower() not in head[1:HEAD].lower()
        # Whether what follows the first character cannot itself be the first.
        self._head = head[:HEAD].lower().encode()
        self._plain = self._once and head[:HEAD].isalpha() and not {*head[1:HEAD].lower()} & {*"nr"}
        # Whether a head to the letter is one that begins with its first letter: a line break may be spelled
        # with two of them.

    def in_events(self, raw: bytes) -> list[int]:
        """Offsets in the text of one or more events, each in a literal that may hold a placeholder, the
        beginning of one at its end, or what says how one has to be escaped."""
        return [end - 1 for _, end in self._in_events.scan(raw)]

    def watch(self, marks: tuple[bytes, ...]) -> Watch:
        """Looks for these strings too."""
        watch = self._watches.get(marks)
        if watch is None:
            watch = self._watches[marks] = Watch(self._suspects, marks)
        return watch

    def in_text(self, text: bytes) -> list[int]:
        """Where in a text a placeholder may begin, be it whole or cut off by the text's end."""
        if len(text) <= _LONG:
            return sorted(self._starts(text, 0))
        starts: set[int] = set()
        closer: list[int] = []
        for _, end in self._in_long_text.scan(text):
            if self._plain and end < len(text) and text[end - HEAD : end].lower() == self._head:
                starts.add(end - HEAD)
            else:
                closer.append(end)
        if closer:
            starts |= self._starts(text, max(0, closer[0] - _REACH))
        return sorted(starts)

    def _starts(self, text: bytes, low: int) -> set[int]:
        """The same in what stands behind `low`."""
        starts = set()
        for start, end in self._in_text.scan(text[low:]):
            start, end = start + low, end + low
            starts.add(start)
            # A match that holds another first character tells the leftmost start alone.
            if not self._once or not text[start:end].isalpha():
                starts |= {at for at in range(start, end) if self._first.match(text, at)}
        return starts


class Watch:
    """For what a placeholder may begin at, and for a few strings, in one go."""

    def __init__(self, suspects: Sequence[bytes], marks: Sequence[bytes]) -> None:
        self._suspects = len(suspects)
        self._scanner = Scanner([*suspects, *map(re.escape, marks)])

    def see(self, raw: bytes) -> tuple[list[int], bool]:
        """What `Beginnings.in_events` says, and whether one of the strings stands there."""
        found = self._scanner.which(raw)
        if not found:
            return [], False
        hits = [end - 1 for number, end in found if number < self._suspects]
        return hits, len(hits) < len(found)


class Aliases:
    """Where one of these strings, which are to be found to the letter, may stand in events."""

    def __init__(self, aliases: Iterable[bytes]) -> None:
        heads = {alias[:ALIAS_HEAD] for alias in aliases}
        cut = {head[:size] + b'"' for head in heads for size in range(1, len(head))}
        self._scanner = (
            Scanner(sorted(heads | cut), literal=True) if len(heads) <= _MOST_ALIASES else None
        )

    def in_events(self, raw: bytes) -> list[int]:
        if self._scanner is None:
            return list(range(len(raw)))
        return [end - 1 for _, end in self._scanner.scan(raw)]


@lru_cache(maxsize=16)
def beginnings(head: str, first: str) -> Beginnings:
    return Beginnings(head, first)


def _pattern(first: str, head: str, end: str) -> bytes:
    """The first characters of the head however they are spelled, or as many as stand before `end`."""
    rest = ""
    for char in reversed(head[1:HEAD]):
        begins = (
            f"[{char.upper()}{char.lower()}]" if char.isalpha() else rf"[{re.escape(char)}\\%&]"
        )
        more = rf"{begins}{rest}" if char.isalpha() or not rest else begins
        rest = rf"(?:(?:{_BREAK})?(?:{more}|{_CUT}?{end}))"
    return (first + rest).encode()
