"""One JSON array, sent element by element: Gemini without `alt=sse`.

A frame is an element with the comma and white space before it; the opening and the closing bracket
are frames of their own. The framer tracks brackets and strings and validates nothing else: its
input comes from the provider, and the client will judge it. A value that arrives in one chunk is
matched by one regular expression; a value that was cut is followed bracket by bracket. An answer
that is not an array but one object, as errors are, or several in a row, is framed value by value.
"""

from __future__ import annotations

import re

import msgspec

from secretgate.streams.base import Frame, FrameByFrame
from secretgate.streams.whole import is_json

_SPACE = b" \t\r\n"
_BETWEEN = re.compile(rb'[\[\]{}",]')
_WITHIN = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+([\[\]{}"])?', re.DOTALL)
_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+("?+)', re.DOTALL)


def _nested(depth: int) -> bytes:
    """Return a pattern for values nested up to `depth` levels."""
    inside = rb'[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    value = rb"[\[{](?:" + inside + rb")*+[\]}]"
    for _ in range(depth - 1):
        value = rb"[\[{](?:" + inside + rb"|" + value + rb")*+[\]}]"
    return value


_WHOLE = re.compile(_nested(12), re.DOTALL)


class JsonElement(msgspec.Struct, frozen=True, gc=False):
    """An array element: the value is `raw[start:]`; without a `start` there is none."""

    raw: bytes
    start: int | None = None

    @property
    def payload(self) -> bytes | None:
        return None if self.start is None else self.raw[self.start :]

    @property
    def event(self) -> str:
        return ""

    def with_payload(self, payload: bytes) -> bytes:
        return self.raw if self.start is None else self.raw[: self.start] + payload


class JsonArrayFramer(FrameByFrame):
    """Splits a JSON array into its elements."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._value: int | None = None
        """Offset of the current value, counted from the start of the held data."""
        self._depth = 0
        self._base: int | None = None
        """The depth at which values begin and end: 1 in an array, else 0; None before any value."""
        self._in_string = self._escaped = False

    def feed(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        cut = at = 0
        while at < len(data):
            at, end = self._step(data, at, cut)
            if end is not None:
                frames += self._emit(data[cut:end])
                cut = end
        if cut < len(data):
            self._held.append(data[cut:])
        return frames

    def finish(self) -> list[Frame]:
        raw = b"".join(self._held)
        self._held = []
        if not raw:
            return []
        start = _scalar_start(raw) if self._value is None else self._value
        return [JsonElement(raw, start if is_json(raw[start:]) else None)]

    def _emit(self, tail: bytes) -> list[Frame]:
        raw = b"".join((*self._held, tail)) if self._held else tail
        frame = JsonElement(raw, self._value)
        self._held, self._value = [], None
        return [frame]

    def _step(self, data: bytes, at: int, cut: int) -> tuple[int, int | None]:
        """Return the offset to continue at, and the offset at which a frame ends, if one does."""
        if self._in_string:
            return self._string(data, at)
        if self._value is not None:
            return self._within(data, at)
        return self._between(data, at, cut)

    def _string(self, data: bytes, at: int) -> tuple[int, int | None]:
        if self._escaped:
            self._escaped = False
            return at + 1, None
        match = _STRING.match(data, at)
        assert match is not None
        if not match[1]:
            self._escaped = match.end() < len(data)
            return len(data), None
        self._in_string = False
        return match.end(), match.end() if self._depth == self._base else None

    def _within(self, data: bytes, at: int) -> tuple[int, int | None]:
        match = _WITHIN.match(data, at)
        assert match is not None
        at = match.end()
        if match[1] == b'"':
            self._in_string = True
        elif match[1] in (b"[", b"{"):
            self._depth += 1
        elif match[1]:
            self._depth -= 1
            if self._depth == self._base:
                return at, at
        return at, None

    def _between(self, data: bytes, at: int, cut: int) -> tuple[int, int | None]:
        match = _BETWEEN.search(data, at)
        if match is None:
            return len(data), None
        mark, at, end = match[0], match.start(), match.end()
        if self._base is None:
            self._base = int(mark == b"[")
            if self._base:
                self._depth = 1
                return end, end
        before = b"".join((*self._held, data[cut:at]))
        if mark in (b",", b"]", b"}"):
            scalar = _scalar_start(before)
            if scalar < len(before.rstrip(_SPACE)):
                self._value = scalar
                return at, at
            if mark == b",":
                return end, None
            self._depth, self._base = 0, None
            return end, end
        self._value = len(before)
        if mark == b'"':
            self._in_string = True
        elif whole := _WHOLE.match(data, at):
            return whole.end(), whole.end()
        else:
            self._depth += 1
        return end, None


def _scalar_start(text: bytes) -> int:
    return len(text) - len(text.lstrip(_SPACE + b","))
