"""Newline-delimited JSON: Ollama, Cohere v1, and batch results.

A frame is a line with its line end. White space around the value stays where it is, and so do a CR
and the record separator of `application/json-seq`.
"""

from __future__ import annotations

import msgspec

from secretgate.streams.base import Frame, Run
from secretgate.streams.whole import is_json

_AROUND = b" \t\r\n\x1e"


class JsonLine(msgspec.Struct, frozen=True, gc=False):
    """One line: `text`, then its line end."""

    text: bytes
    end: bytes = b"\n"
    whole: bool = True

    @property
    def raw(self) -> bytes:
        return self.text + self.end

    @property
    def payload(self) -> bytes | None:
        return self.text.strip(_AROUND) or None if self.whole else None

    @property
    def event(self) -> str:
        return ""

    def with_payload(self, payload: bytes) -> bytes:
        head = len(self.text) - len(self.text.lstrip(_AROUND))
        tail = len(self.text.rstrip(_AROUND))
        return self.text[:head] + payload + self.text[max(head, tail) :] + self.end


class NdjsonFramer:
    """Splits a stream into lines."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def feed(self, data: bytes) -> list[Frame]:
        return [*self.run(data).frames()]

    def run(self, data: bytes) -> Run:
        stop = data.rfind(b"\n") + 1
        if stop == 0:
            self._held += [data] if data else []
            return Run(b"", b"\n", JsonLine)
        raw = b"".join((*self._held, data[:stop])) if self._held else data[:stop]
        self._held = [data[stop:]] if stop < len(data) else []
        return Run(raw, b"\n", JsonLine)

    def finish(self) -> list[Frame]:
        text = b"".join(self._held)
        self._held = []
        return [JsonLine(text, b"", whole=is_json(text.strip(_AROUND)))] if text else []
