"""Finds where placeholders may begin in an answer; for nearly every byte the result is negative.

Python's `re` searches some 30 MB/s, Hyperscan a thousand. `Beginnings` may report false positives,
but never misses a place where `Template.spelled` or `Template.beginning` would match, so that only
the reported places need a closer look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from secretgate.scanner import Scanner

HEAD: Final = 4
"""Number of characters of a template's head that are searched for."""
ALIAS_HEAD: Final = 8
"""The same of an alias, in bytes."""
_MOST_ALIASES: Final = 64

_BREAK = r"[ \t]*(?:(?:\\+r)?\\+n|\r?\n)[ \t]*"
"""A line break between two characters, in any of its spellings."""
_CUT = r"(?:[ \t]+|[ \t]*(?:\\+r|\r)|\\+(?:u[0-7]{0,3})?|&[a-zA-Z#0-9]{0,5}|%[0-7]?)"
"""What an escape, a line break or an indentation may look like when it is cut off."""
# The end of a string that is not a member name.
_STRING_END = r'"[ \t\r\n]*(?:[^ \t\r\n:]|\z)'
_LONG: Final = 512
"""Length from which it pays to search for the ends of beginnings first: a fifth of the time."""
REACH: Final = 1200
"""Maximum distance in bytes from the start of a beginning to its end: spellings are bounded."""
# A quote of JSON text nested in JSON text, on which the escaping of a value depends.
_QUOTE_IN_QUOTES: Final = rb'\\\\"'


class Beginnings:
    """Searches for placeholders of templates with this `head`; `first` matches its first letter."""

    def __init__(self, head: str, first: str) -> None:
        self._first = re.compile(first.encode())
        self._suspects: tuple[bytes, ...] = (_pattern(first, head, _STRING_END), _QUOTE_IN_QUOTES)
        self._in_events = Scanner(self._suspects)
        self._watches: dict[tuple[bytes, ...], Watch] = {}
        in_text = [_pattern(first, head, r"\z")]
        self._in_text = Scanner(in_text, starts=True)
        self._in_long_text = Scanner(in_text)
        self._once = head[0].isalpha() and head[0].lower() not in head[1:HEAD].lower()
        """Whether the first character cannot occur again in what is searched for."""
        self._head = head[:HEAD].lower().encode()
        self._plain = self._once and head[:HEAD].isalpha() and not {*head[1:HEAD].lower()} & {*"nr"}
        """Whether a literal match of the head always starts at its first letter.

        It might not with an `n` or `r` in it, with which line breaks may be spelled.
        """

    def in_events(self, raw: bytes) -> list[int]:
        """Return offsets in the text of one or more events that need a closer look.

        Each is inside a literal that may hold a placeholder, or the beginning of one at its end, or
        a quote on which the escaping of values depends.
        """
        return [end - 1 for _, end in self._in_events.scan(raw)]

    def watch(self, marks: tuple[bytes, ...]) -> Watch:
        """Return a search that looks for the strings `marks` as well."""
        watch = self._watches.get(marks)
        if watch is None:
            watch = self._watches[marks] = Watch(self._suspects, marks)
        return watch

    def in_text(self, text: bytes) -> list[int]:
        """Return the offsets at which a placeholder may begin, whole or cut off at the end."""
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
            starts |= self._starts(text, max(0, closer[0] - REACH))
        return sorted(starts)

    def _starts(self, text: bytes, low: int) -> set[int]:
        """Search `text[low:]`."""
        starts = set()
        for start, end in self._in_text.scan(text[low:]):
            start, end = start + low, end + low
            starts.add(start)
            # A match that contains another first character reports only its leftmost start.
            if not self._once or not text[start:end].isalpha():
                starts |= {at for at in range(start, end) if self._first.match(text, at)}
        return starts


class SeveralBeginnings(Beginnings):
    """The same for placeholders of templates with different heads."""

    def __init__(self, each: Sequence[Beginnings]) -> None:
        self._each = each
        self._suspects = tuple(dict.fromkeys(one for some in each for one in some._suspects))
        self._in_events = Scanner(self._suspects)
        self._watches = {}

    def in_text(self, text: bytes) -> list[int]:
        return sorted({at for one in self._each for at in one.in_text(text)})


class Watch:
    """Searches for the beginnings of placeholders and a few strings in one pass."""

    def __init__(self, suspects: Sequence[bytes], marks: Sequence[bytes]) -> None:
        self._suspects = len(suspects)
        self._scanner = Scanner([*suspects, *map(re.escape, marks)])

    def see(self, raw: bytes) -> tuple[list[int], bool]:
        """Return the offsets of `Beginnings.in_events`, and whether any of the strings occurs."""
        found = self._scanner.which(raw)
        if not found:
            return [], False
        hits = [end - 1 for number, end in found if number < self._suspects]
        return hits, len(hits) < len(found)


class Aliases:
    """Finds where any of these strings, which have to match exactly, may occur in events."""

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
def beginnings(heads: tuple[tuple[str, str], ...]) -> Beginnings:
    """Return a search for each pair of a template's `head` and a pattern of its `first` letter."""
    each = [Beginnings(head, first) for head, first in dict.fromkeys(heads)]
    return each[0] if len(each) == 1 else SeveralBeginnings(each)


def _pattern(first: str, head: str, end: str) -> bytes:
    """Return a pattern for the start of the head in any spelling, possibly cut off by `end`."""
    rest = ""
    for char in reversed(head[1:HEAD]):
        begins = (
            f"[{char.upper()}{char.lower()}]" if char.isalpha() else rf"[{re.escape(char)}\\%&]"
        )
        more = rf"{begins}{rest}" if char.isalpha() or not rest else begins
        rest = rf"(?:(?:{_BREAK})?(?:{more}|{_CUT}?{end}))"
    return (first + rest).encode()
