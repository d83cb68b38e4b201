"""Chooses the framer for a streamed answer: by content type, else by its first bytes.

Some back ends send a stream without a content type or with a wrong one. If the request asked for a
stream and the content type does not name a format, the first bytes decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from .base import Frame, FrameByFrame, Framer, Run
from .envelopes import EnvelopeFramer
from .eventstream import EventStreamFramer
from .json_array import JsonArrayFramer
from .ndjson import NdjsonFramer
from .sse import SseFramer

BY_TYPE: Final[Mapping[str, Callable[[], Framer]]] = MappingProxyType(
    {
        "text/event-stream": SseFramer,
        "application/x-ndjson": NdjsonFramer,
        "application/ndjson": NdjsonFramer,
        "application/jsonl": NdjsonFramer,
        "application/x-jsonl": NdjsonFramer,
        "application/jsonlines": NdjsonFramer,
        "application/x-jsonlines": NdjsonFramer,
        "application/json-lines": NdjsonFramer,
        "application/stream+json": NdjsonFramer,
        "application/x-json-stream": NdjsonFramer,
        "application/json-seq": NdjsonFramer,
        "application/vnd.amazon.eventstream": EventStreamFramer,
        "application/connect+json": EnvelopeFramer,
        "application/grpc+json": EnvelopeFramer,
        "application/grpc-web+json": EnvelopeFramer,
    }
)

_FIRST_BYTES: Final[tuple[tuple[bytes, Callable[[], Framer]], ...]] = (
    (b"data", SseFramer),
    (b"event", SseFramer),
    (b"id:", SseFramer),
    (b"retry", SseFramer),
    (b":", SseFramer),
    (b"[", JsonArrayFramer),
    (b"{", JsonArrayFramer),
)
_VAGUE: Final = frozenset(
    ("", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain")
)
_BEFORE: Final = b" \t\r\n\xef\xbb\xbf\x1e"


def framer_for(content_type: str, *, asked: bool) -> Framer | None:
    """Return the framer for an answer, or None if it is not a stream.

    `asked`: whether the request asked for a stream (`"stream": true`, `Accept: text/event-stream`,
    a path such as `:streamGenerateContent`).
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if known := BY_TYPE.get(media_type):
        return known()
    return SniffingFramer() if asked and media_type in _VAGUE else None


class OpaqueFrame(msgspec.Struct, frozen=True, gc=False):
    """Bytes of an unknown format."""

    raw: bytes

    @property
    def payload(self) -> bytes | None:
        return None

    @property
    def event(self) -> str:
        return ""

    def with_payload(self, payload: bytes) -> bytes:
        return self.raw


class OpaqueFramer(FrameByFrame):
    """Passes everything through as it arrives."""

    def feed(self, data: bytes) -> list[Frame]:
        return [OpaqueFrame(data)] if data else []

    def finish(self) -> list[Frame]:
        return []


class SniffingFramer:
    """Picks a framer by the first bytes; a stream of no known format is opaque."""

    def __init__(self) -> None:
        self._head = b""
        self._framer: Framer | None = None

    def feed(self, data: bytes) -> list[Frame]:
        framer, data = self._settled(data)
        return framer.feed(data) if framer is not None else []

    def run(self, data: bytes) -> Run | list[Frame]:
        framer, data = self._settled(data)
        return framer.run(data) if framer is not None else []

    def _settled(self, data: bytes) -> tuple[Framer | None, bytes]:
        """Return the framer, or None while undecided, and the bytes to feed it."""
        if self._framer is None:
            self._head += data
            self._framer = _by_first_bytes(self._head.lstrip(_BEFORE))
            if self._framer is not None:
                data, self._head = self._head, b""
        return self._framer, data

    def finish(self) -> list[Frame]:
        if self._framer is not None:
            return self._framer.finish()
        head, self._head = self._head, b""
        return [OpaqueFrame(head)] if head else []


def _by_first_bytes(head: bytes) -> Framer | None:
    for start, framer in _FIRST_BYTES:
        if head.startswith(start):
            return framer()
    undecided = any(start.startswith(head) for start, _ in _FIRST_BYTES)
    return None if undecided else OpaqueFramer()
