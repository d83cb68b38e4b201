"""Chooses the framer for a streamed answer: by content type, else by its first bytes.

Some back ends send a stream without a content type or with a wrong one. If the request asked for a
stream and the content type names neither a format nor a kind of file, the first bytes decide. A file that is downloaded
may begin with anything: of these, only JSON lines are a stream.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from secretgate.streams.base import Framer
from secretgate.streams.envelopes import EnvelopeFramer
from secretgate.streams.eventstream import EventStreamFramer
from secretgate.streams.json_array import JsonArrayFramer
from secretgate.streams.ndjson import NdjsonFramer
from secretgate.streams.sse import SseFramer
from secretgate.streams.whole import is_json

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
    (b"data:", SseFramer),
    (b"event:", SseFramer),
    (b"id:", SseFramer),
    (b"retry:", SseFramer),
    (b":", SseFramer),
    (b"[", JsonArrayFramer),
    (b"{", JsonArrayFramer),
)
_VAGUE: Final = frozenset(
    ("", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain")
)
_JSON: Final = re.compile(rb"\{\s*[\"}]|\[\s*[\"{\[\]]")
_JSON_OR_NOT: Final = re.compile(rb"[\[{]?\s*")
_BEFORE: Final = b" \t\r\n\xef\xbb\xbf\x1e"


class Text(Enum):
    """Marks what is not a stream."""

    TEXT = "text"
    DOCUMENT = "document"
    """It begins as JSON does."""


def framer_for(media_type: str) -> Framer | None:
    """Return the framer for an answer, or None if its type does not say that it is a stream."""
    known = BY_TYPE.get(media_type)
    return known() if known else None


def is_vague(media_type: str) -> bool:
    """Whether an answer of this type may still be a stream, if the request asked for one.

    It does with `"stream": true`, `Accept: text/event-stream`, or a path such as
    `:streamGenerateContent`.
    """
    return media_type in _VAGUE


def sniffed(head: bytes) -> Framer | Text | None:
    """Return the framer that the first bytes ask for, `Text` if none, or None while undecided."""
    head = head.lstrip(_BEFORE)
    for start, framer in _FIRST_BYTES:
        if head.startswith(start):
            return framer()
    undecided = any(start.startswith(head) for start, _ in _FIRST_BYTES)
    return None if undecided else Text.TEXT


def sniffed_file(head: bytes) -> Framer | Text | None:
    """Like `sniffed`, for a file: its first line decides."""
    line, end, _ = head.lstrip(_BEFORE).partition(b"\n")
    if not line.startswith((b"{", b"[")):
        return Text.TEXT if line else None
    if line.startswith(b"{") and not end:
        return None
    return NdjsonFramer() if line.startswith(b"{") and is_json(line) else Text.DOCUMENT


def sniffed_text(head: bytes) -> Framer | Text | None:
    """Like `sniffed_file`, for an answer whose type says text: what plainly begins as JSON is none."""
    begin = head.lstrip(_BEFORE)
    if _JSON_OR_NOT.fullmatch(begin):
        return None
    return sniffed_file(head) if _JSON.match(begin) else Text.TEXT
