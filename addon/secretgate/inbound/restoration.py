"""Replaces placeholders in an answer by the values they stand for, however the text is chunked.

A *channel* is one run of text of an answer: a text block, the arguments of one tool call, a string
of a document. Text goes in as the answer encodes it (the inside of a JSON literal, escapes
included), so that everything around a placeholder is forwarded byte for byte; values are inserted
with the escaping that their position requires. Held back is only what may still become a
placeholder that was issued to this conversation.
"""

from __future__ import annotations

import re
from enum import IntEnum
from urllib.parse import quote

from secretgate.bodies.forms import escaped
from secretgate.placeholders import Issued, plain_spelling
from secretgate.placeholders.beginnings import ALIAS_HEAD, REACH
from secretgate.scanner import Scanner

_ESCAPE = len(r"\u001b")
_QUOTES = re.compile(rb'(\\*)"')
_QUOTE_IN_QUOTES = Scanner([rb'\\\\"', rb"\\\z"])


class Depth(IntEnum):
    """The number of JSON string literals in which a channel's text is nested in the answer."""

    PLAIN = 0
    LITERAL = 1
    """The inside of a JSON literal: free text in an event."""
    NESTED = 2
    """JSON text inside a JSON literal: tool arguments in an event."""


def restore(text: bytes, issued: Issued, depth: Depth) -> bytes:
    """Return a complete text with its placeholders replaced."""
    if not issued:
        return text
    channel = Channel(issued, depth)
    return channel.feed(text) + channel.finish()


class Channel:
    """One run of text: `feed` returns what can be forwarded, `finish` what is left."""

    __slots__ = ("_backslashes", "_inner", "_issued", "depth", "held")

    def __init__(self, issued: Issued, depth: Depth) -> None:
        self.held = b""
        self.depth = depth
        self._issued = issued
        self._inner = False
        """Whether the text so far ends inside a string of JSON text nested in the JSON text.

        Quotes there need one more level of backslashes.
        """
        self._backslashes = b""
        """The backslashes at the end of what was forwarded: a quote may follow."""

    @property
    def pending(self) -> bool:
        """Whether the channel carries any state over to the next piece."""
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
        """Return the text up to the end of the last placeholder, restored, and that offset."""
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
        """Return the offset after `at` of text that may still become a placeholder."""
        issued = self._issued
        hold = len(text)
        nearest = max(at, hold - REACH)
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
        """Whether a placeholder can begin at `at`: not inside an escape of the literal."""
        return not self.depth or not in_escape(text, at)

    def follow(self, text: bytes) -> None:
        """Track the quotes around JSON text nested in JSON text."""
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


def in_escape(text: bytes, at: int) -> bool:
    r"""Whether `at` is inside a JSON escape, such as at the `r` of `\r` or a digit of `\u001b`."""
    begins = text.rfind(b"\\", max(0, at - _ESCAPE + 1), at)
    if begins < 0:
        return False
    ends = begins + (_ESCAPE if text[begins + 1 : begins + 2] == b"u" else 2)
    backslashes = begins + 1 - len(text[: begins + 1].rstrip(b"\\"))
    return at < ends and backslashes % 2 == 1


def quotes_in_quotes(text: bytes) -> bool:
    """Whether a text holds a quote of JSON text nested in its JSON text, or may end within one."""
    return bool(_QUOTE_IN_QUOTES.scan(text))


def _may_begin(alias: bytes, text: bytes) -> int:
    """Return where an alias may begin that continues beyond `text`; by default, its end."""
    at = text.find(alias[:ALIAS_HEAD], max(0, len(text) - len(alias) + 1))
    while at >= 0:
        if alias.startswith(text[at:]):
            return at
        at = text.find(alias[:ALIAS_HEAD], at + 1)
    for length in range(min(ALIAS_HEAD - 1, len(text)), 0, -1):
        if text.endswith(alias[:length]):
            return len(text) - length
    return len(text)
