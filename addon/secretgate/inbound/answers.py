"""Restores answers: placeholders become values again, event by event or in one document.

Bytes in, bytes out, without HTTP. Single events are handled in `events.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from secretgate.inbound.documents import DocumentReader, document
from secretgate.inbound.events import Events
from secretgate.inbound.restoration import Channel, Depth
from secretgate.inbound.spoken import Unread
from secretgate.inbound.written import Recorder
from secretgate.placeholders import Issued
from secretgate.providers import Dialect
from secretgate.streams.base import Frame, Framer, Run
from secretgate.streams.framers import Text

_LONG_ARRAY: Final = 256
"""Size in bytes from which an array of numbers is left out of what is recorded."""
_NUMERALS: Final = b"-+.0123456789eE, \t\r\n"


class Answer(Protocol):
    """Restores an answer as its bytes arrive."""

    def feed(self, data: bytes) -> bytes:
        """Consume `data` and return what can be forwarded."""

    def finish(self) -> bytes:
        """Return what is left at the end."""


class EventAnswer:
    """A streamed answer: frames of one format. `later` returns what has been issued so far."""

    def __init__(
        self, framer: Framer, events: Events, later: Callable[[], Issued] | None = None
    ) -> None:
        self._framer = framer
        self._events = events
        self._later = later

    def feed(self, data: bytes) -> bytes:
        if self._later is not None:
            self._events.issued = self._later()
        run = self._framer.run(data)
        if not isinstance(run, Run):
            return self._through(run)
        return self._events.run(run)

    def finish(self) -> bytes:
        *whole, last = self._framer.finish() or (None,)
        return self._through(filter(None, whole)) + b"".join(self._events.finish(last))

    def _through(self, frames: Iterable[Frame]) -> bytes:
        out: list[bytes] = []
        for frame in frames:
            out += self._events.event(frame)
        return b"".join(out)


class DocumentAnswer:
    """An answer that is one JSON document, restored once it is complete.

    It has to be complete because what marks a string as thinking may follow it. White space sent
    ahead to keep the connection alive is forwarded at once. A document of more than `limit` bytes
    is forwarded unchanged.
    """

    def __init__(
        self,
        dialect: Dialect,
        issued: Issued,
        recorder: Recorder | None = None,
        limit: int = 64 << 20,
        over: Callable[[], None] = lambda: None,
        read: DocumentReader = document,
    ) -> None:
        self._dialect = dialect
        self._issued = issued
        self._recorder = recorder
        self._limit = limit
        self._over = over
        self._read = read
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        if self._limit < 0:
            return data
        if not self._pieces:
            rest = data.lstrip(b" \t\r\n")
            if not rest:
                return data
        self._pieces.append(data)
        self._size += len(data)
        if self._size <= self._limit:
            return b""
        self._limit = -1
        self._over()
        whole, self._pieces = b"".join(self._pieces), []
        return whole

    def finish(self) -> bytes:
        if not self._pieces:
            return b""
        payload = b"".join(self._pieces)
        restored = self._read(payload, self._dialect, self._issued)
        if self._recorder is not None:
            self._recorder.add(Unread(_without_numbers(restored)))
            self._recorder.end()
        return restored


def _without_numbers(payload: bytes) -> bytes:
    """Return a document without its long arrays of numbers, such as embeddings, which hold no text."""
    pieces: list[bytes] = []
    done, at = 0, payload.find(b"[")
    while at >= 0:
        end = payload.find(b"]", at)
        numbers = end - at > _LONG_ARRAY and payload.find(b'"', at, end) < 0
        if numbers and not payload[at + 1 : end].translate(None, _NUMERALS):
            pieces.append(payload[done : at + 1])
            done = at = end
        at = payload.find(b"[", at + 1)
    return b"".join((*pieces, payload[done:])) if pieces else payload


class TextAnswer:
    """An answer that is plain text."""

    def __init__(self, issued: Issued) -> None:
        self._channel = Channel(issued.within(False), Depth.PLAIN) if issued else None

    def feed(self, data: bytes) -> bytes:
        return self._channel.feed(data) if self._channel else data

    def finish(self) -> bytes:
        return self._channel.finish() if self._channel else b""


class SniffedAnswer:
    """An answer whose headers do not say what it is: decided by its first bytes."""

    def __init__(
        self,
        stream: Callable[[Framer], Answer],
        text: Callable[[], Answer],
        document: Callable[[], Answer],
        sniff: Callable[[bytes], Framer | Text | None],
    ) -> None:
        self._stream = stream
        self._others = {Text.TEXT: text, Text.DOCUMENT: document}
        self._sniff = sniff
        self._head = b""
        self._answer: Answer | None = None

    def feed(self, data: bytes) -> bytes:
        if self._answer is None:
            self._head += data
            kind = self._sniff(self._head)
            if kind is None:
                return b""
            self._answer = self._others[kind]() if isinstance(kind, Text) else self._stream(kind)
            data, self._head = self._head, b""
        return self._answer.feed(data)

    def finish(self) -> bytes:
        json = self._head.lstrip().startswith((b"{", b"["))
        answer = self._answer or self._others[Text.DOCUMENT if json else Text.TEXT]()
        head, self._head = self._head, b""
        return answer.feed(head) + answer.finish()
