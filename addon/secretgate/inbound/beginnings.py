"""Where in an answer a placeholder may begin: the question that nearly every byte answers with no.

Python's `re` asks it at some 30 MB/s, Hyperscan at a thousand. A `Beginnings` says yes a little too
often and never no where `Template.spelled` or `Template.beginning` would match, so whoever asks looks
closer there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from secretgate.inbound.scanner import Scanner

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
# Text in a string of a JSON text of its own, which decides how often a value has to be escaped.
_ONE_BREAK = re.compile(rb"([ \t]*+)((?:\\+r)?\\+n[ \t]*+)?")
_BEGINS: Final = b" \t\r\n\\%&"
"""What an escape, a break or an indentation begins with."""
_ENDING = re.compile(rb"([A-Za-z])((?:[ \t]|\\+[rn])*+)\Z")
"""The last letter of a text, and what of a line break stands behind it."""
_CUT_OFF = re.compile(rb"(?:\\|&[a-zA-Z#0-9]{0,5})\Z")
"""Before a letter: that it is part of an escape."""
_NEAR: Final = 32
"""So much of two pieces is looked at where they meet."""
_QUOTE_IN_QUOTES: Final = rb'\\\\"'


class Beginnings:
    """Of placeholders whose template begins with `head`; `first`: the spellings of its first
    character."""

    def __init__(self, head: str, first: str) -> None:
        self._first = re.compile(first.encode())
        self._in_events = Scanner([_pattern(first, head, _STRING_END), _QUOTE_IN_QUOTES])
        self._in_text = Scanner([_pattern(first, head, r"\z")], starts=True)
        self._head = head.lower().encode()
        self._distinct = head.isalpha() and len(set(self._head)) == len(head)
        self._once = head[0].isalpha() and head[0].lower() not in head[1:HEAD].lower()
        # Whether what follows the first character cannot itself be the first.

    def in_events(self, raw: bytes) -> list[int]:
        """Offsets in the text of one or more events, each in a literal that may hold a placeholder, the
        beginning of one at its end, or what says how one has to be escaped."""
        return [end - 1 for _, end in self._in_events.scan(raw)]

    def refuted(self, text: bytes, more: bytes) -> int:
        """Where the end of a text begins that looks like the beginning of a placeholder and is none, as `more`
        comes behind it; -1 where there is no such end, or where that takes a closer look."""
        near = text[-_NEAR:]
        ending = _ENDING.search(near) if self._distinct else None
        if ending is None:
            return -1
        last = self._head.find(ending[1].lower())
        start = ending.start() - last
        if last < 0 or start < 0 or near[start : ending.end(1)].lower() != self._head[: last + 1]:
            return -1
        if _CUT_OFF.search(near, 0, start) or not self._breaks_off(ending[2] + more[:_NEAR], last):
            return -1
        return len(text) - len(near) + start

    def _breaks_off(self, more: bytes, last: int) -> bool:
        """Whether the head does not go on with `more` behind its character `last`."""
        broken = _ONE_BREAK.match(more)
        if broken is None or broken.end() == len(more):
            return False
        if broken[1] and not broken[2]:
            # Spaces alone are no break.
            return more[broken.end()] not in _BEGINS
        for char, wanted in zip(more[broken.end() :].lower(), self._head[last + 1 :], strict=False):
            if char != wanted:
                return char not in _BEGINS
        return False

    def in_text(self, text: bytes) -> list[int]:
        """Where in a text a placeholder may begin, be it whole or cut off by the text's end."""
        found = self._in_text.scan(text)
        if not found:
            return []
        starts = set()
        for start, end in found:
            starts.add(start)
            # A match that holds another first character tells the leftmost start alone.
            if not self._once or not text[start:end].isalpha():
                starts |= {at for at in range(start, end) if self._first.match(text, at)}
        return sorted(starts)


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
