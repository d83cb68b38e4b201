"""Puts values back where a model wrote their placeholders, however the text is cut.

A *channel* is one run of text of an answer: a text block, the arguments of one tool call, a string
of a document. Text goes in as the answer spells it (the inside of a JSON literal, escapes and
all), so that everything around a placeholder goes out byte for byte, and comes out with the
values escaped for the place they stand in. What may still become a placeholder that was issued to
this conversation is held back; nothing else is.
"""

from __future__ import annotations

import json
import re
from enum import IntEnum
from urllib.parse import quote

import msgspec

from secretgate.placeholders import Issued, plain_spelling
from secretgate.scanner import Scanner

_HORIZON = 1200
"""How far from the end a placeholder may begin that has not ended: its spellings are bounded."""
_ALIAS_HEAD = 8
_ESCAPE = len(r"\u001b")
_QUOTES = re.compile(rb'(\\*)"')
_QUOTE_IN_QUOTES = Scanner([rb'\\\\"', rb"\\\z"])


class Depth(IntEnum):
    """In how many JSON string literals a channel's text stands, as it is spelled."""

    PLAIN = 0
    LITERAL = 1
    """The inside of a JSON literal: free text in an event."""
    NESTED = 2
    """JSON text inside a JSON literal: tool arguments in an event."""


def escaped(value: bytes, depth: int) -> bytes:
    """A value as it stands inside `depth` JSON string literals."""
    for _ in range(depth):
        text = value.decode("utf-8", "surrogatepass")
        try:
            value = msgspec.json.encode(text)[1:-1]
        except UnicodeEncodeError:
            value = json.dumps(text)[1:-1].encode()
    return value


def restore(text: bytes, issued: Issued, depth: Depth) -> bytes:
    """A whole text, restored."""
    if not issued:
        return text
    channel = Channel(issued, depth)
    return channel.feed(text) + channel.finish()


class Channel:
    """One run of text: `feed` gives what can go on, `finish` what is left."""

    __slots__ = ("_backslashes", "_inner", "_issued", "depth", "held")

    def __init__(self, issued: Issued, depth: Depth) -> None:
        self.held = b""
        self.depth = depth
        self._issued = issued
        self._inner = False
        # Whether the text that has gone on ends inside a string of a JSON text in a string of the
        # channel's JSON text, where quotes need yet another backslash.
        self._backslashes = b""
        # Those at the end of what has gone on: a quote may come.

    @property
    def pending(self) -> bool:
        """Whether the channel has anything to remember for the next piece."""
        return bool(self.held or self._inner or self._backslashes)

    def feed(self, text: bytes) -> bytes:
        if self.held:
            text = self.held + text
        issued = self._issued
        starts = issued.template.beginnings.in_text(text)
        if starts:
            starts = [start for start in starts if self._begins(text, start)]
        if not starts and not issued.aliases:
            self.held = b""
            self.follow(text)
            return text
        if len(starts) == 1 and not issued.aliases and issued.begins(text, starts[0]):
            self.held = text[starts[0] :]
            text = text[: starts[0]]
            self.follow(text)
            return text
        restored, at = self._restored(text, starts)
        hold = self._hold(text, at, starts)
        self.held = text[hold:]
        rest = text[at:hold]
        self.follow(rest)
        return restored + rest

    def finish(self) -> bytes:
        held, self.held = self.held, b""
        return held

    def _restored(self, text: bytes, starts: list[int]) -> tuple[bytes, int]:
        """What stands up to the end of the last placeholder, restored, and where that is."""
        pieces: list[bytes] = []
        at = 0
        for start, end, spelled, value in self._found(text, starts):
            self.follow(text[at:start])
            pieces += text[at:start], self._placed(spelled, value)
            at = end
        return b"".join(pieces), at

    def _found(self, text: bytes, starts: list[int]) -> list[tuple[int, int, bytes, bytes]]:
        issued = self._issued
        found = []
        behind = 0
        for start in starts:
            if start < behind or issued.begins(text, start):
                continue
            match = issued.template.at(text, start)
            if match is None:
                continue
            behind = match.end()
            value = issued.value(match[0])
            if value is None:
                issued.unknown.add(plain_spelling(match[0]))
            else:
                issued.restored.add(value)
                found.append((start, behind, match[0], value))
        for alias, original in issued.aliases.items():
            at = text.find(alias)
            while at >= 0:
                if self._begins(text, at):
                    found.append((at, at + len(alias), alias, original))
                    issued.restored.add(original)
                at = text.find(alias, at + len(alias))
        found.sort()
        return found

    def _placed(self, spelled: bytes, value: bytes) -> bytes:
        if spelled in self._issued.aliases:
            return value
        if b"%3" in spelled and b"%" not in self._issued.template.text.encode():
            return quote(value, safe="").encode()
        return escaped(value, self.depth + (self._inner and self.depth == Depth.NESTED))

    def _hold(self, text: bytes, at: int, starts: list[int]) -> int:
        """Where behind `at` the text begins that may still become a placeholder."""
        issued = self._issued
        hold = len(text)
        nearest = max(at, hold - _HORIZON)
        for start in starts:
            if start >= nearest and issued.held_from(text, start):
                hold = start
                break
        for alias in issued.aliases:
            begins = at + _may_begin(alias, text[at:])
            if begins < hold and self._begins(text, begins):
                hold = begins
        return hold

    def _begins(self, text: bytes, at: int) -> bool:
        """Whether anything can begin here: not inside an escape of the literal that the text stands in."""
        return not self.depth or not _in_escape(text, at)

    def follow(self, text: bytes) -> None:
        """Keeps track of the quotes that JSON text in JSON text stands in."""
        if self.depth is not Depth.NESTED or not text:
            return
        text = self._backslashes + text
        if b'\\"' in text:
            for quotes in _QUOTES.finditer(text):
                backslashes = len(quotes[1])
                if backslashes == 1:
                    self._inner = False
                elif backslashes == 3:
                    self._inner = not self._inner
        self._backslashes = text[len(text.rstrip(b"\\")) :]


def _in_escape(text: bytes, at: int) -> bool:
    """Whether an escape of JSON has begun before `at` and not ended: the `r` of `\\r`, the digits of `\\u001b`."""
    begins = text.rfind(b"\\", max(0, at - _ESCAPE + 1), at)
    if begins < 0:
        return False
    ends = begins + (_ESCAPE if text[begins + 1 : begins + 2] == b"u" else 2)
    backslashes = begins + 1 - len(text[: begins + 1].rstrip(b"\\"))
    return at < ends and backslashes % 2 == 1


def quotes_in_quotes(text: bytes) -> bool:
    """Whether a text holds, or may end in, what says that JSON text stands in its JSON text."""
    return bool(_QUOTE_IN_QUOTES.scan(text))


def _may_begin(alias: bytes, text: bytes) -> int:
    """Where an alias may begin that ends behind `text`; its length if nowhere."""
    at = text.find(alias[:_ALIAS_HEAD], max(0, len(text) - len(alias) + 1))
    while at >= 0:
        if alias.startswith(text[at:]):
            return at
        at = text.find(alias[:_ALIAS_HEAD], at + 1)
    for length in range(min(_ALIAS_HEAD - 1, len(text)), 0, -1):
        if text.endswith(alias[:length]):
            return len(text) - length
    return len(text)
