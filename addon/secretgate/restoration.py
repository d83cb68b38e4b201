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

from secretgate.placeholders import Issued, plain_spelling

_HORIZON = 1200
"""How far from the end a placeholder may begin that has not ended: its spellings are bounded."""
_ALIAS_HEAD = 8
_QUOTES = re.compile(rb'(\\*)"')


class Depth(IntEnum):
    """In how many JSON string literals a channel's text stands, as it is spelled."""

    PLAIN = 0
    LITERAL = 1
    """The inside of a JSON literal: free text in an event."""
    NESTED = 2
    """JSON text inside a JSON literal: tool arguments in an event."""


def escaped(value: bytes, depth: int) -> bytes:
    """A value as it stands inside `depth` JSON string literals."""
    text = value.decode("utf-8", "surrogatepass") if depth else ""
    for _ in range(depth):
        text = json.dumps(text, ensure_ascii=not _encodable(text))[1:-1]
    return text.encode() if depth else value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def restore(text: bytes, issued: Issued, depth: Depth) -> bytes:
    """A whole text, restored."""
    if not issued:
        return text
    channel = Channel(issued, depth)
    return channel.feed(text) + channel.finish()


class Channel:
    """One run of text: `feed` gives what can go on, `finish` what is left."""

    __slots__ = ("_inner", "_issued", "depth", "held")

    def __init__(self, issued: Issued, depth: Depth) -> None:
        self.held = b""
        self.depth = depth
        self._issued = issued
        self._inner = False
        # Whether the text that has gone on ends inside a string of a JSON text in a string of the
        # channel's JSON text, where quotes need yet another backslash.

    def feed(self, text: bytes) -> bytes:
        text = self.held + text
        restored, at = self._restored(text)
        rest = text[at:]
        hold = self._hold(rest)
        self.held = rest[hold:]
        self._follow(rest[:hold])
        return restored + rest[:hold]

    def finish(self) -> bytes:
        held, self.held = self.held, b""
        return held

    def _restored(self, text: bytes) -> tuple[bytes, int]:
        """What stands up to the end of the last placeholder, restored, and where that is."""
        pieces: list[bytes] = []
        at = 0
        for start, end, spelled, value in self._found(text):
            self._follow(text[at:start])
            pieces += text[at:start], self._placed(spelled, value)
            at = end
        return b"".join(pieces), at

    def _found(self, text: bytes) -> list[tuple[int, int, bytes, bytes]]:
        issued = self._issued
        found = []
        for match in issued.template.find(text):
            value = issued.value(match[0])
            if value is None:
                issued.unknown.add(plain_spelling(match[0]))
            else:
                issued.restored.add(value)
                found.append((match.start(), match.end(), match[0], value))
        for alias, original in issued.aliases.items():
            at = text.find(alias)
            while at >= 0:
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

    def _hold(self, text: bytes) -> int:
        """Where the text begins that may still become a placeholder."""
        start = max(0, len(text) - _HORIZON)
        hold = len(text)
        beginning = self._issued.template.beginning.search(text, start)
        while beginning is not None:
            if self._issued.may_begin(beginning[0]):
                hold = beginning.start()
                break
            beginning = self._issued.template.beginning.search(text, beginning.start() + 1)
        for alias in self._issued.aliases:
            hold = min(hold, _may_begin(alias, text))
        return hold

    def _follow(self, text: bytes) -> None:
        """Keeps track of the quotes that JSON text in JSON text stands in."""
        if self.depth != Depth.NESTED or b'\\"' not in text:
            return
        for quotes in _QUOTES.finditer(text):
            backslashes = len(quotes[1])
            if backslashes == 1:
                self._inner = False
            elif backslashes == 3:
                self._inner = not self._inner


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
