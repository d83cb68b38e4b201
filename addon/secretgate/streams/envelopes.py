"""Messages in five-byte envelopes: Connect and gRPC streams, in both directions.

An envelope is a flag byte, a length and a message, which may be compressed individually. Each is
emitted as soon as it is complete, so that bidirectional streams are never held back. A Connect
stream ends with an envelope that holds JSON, a gRPC-Web stream with one that holds trailers.

After an invalid flag or length there is no way to find the next envelope: the rest of the stream is
emitted as envelopes without a message. A request must be refused at that point; an answer is left
for the client to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final

import msgspec

from secretgate.bodies.asides import metadata_in_message
from secretgate.bodies.base import Unreadable
from secretgate.bodies.encodings import decode, encode
from secretgate.streams.base import Frame, FrameByFrame

COMPRESSED: Final = 0x01
END_OF_STREAM: Final = 0x02
TRAILERS: Final = 0x80
LIMIT: Final = 1 << 26

_HEAD = Struct(">BI")
_FLAGS: Final = COMPRESSED | END_OF_STREAM | TRAILERS


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One message in its envelope, as received."""

    raw: bytes
    coding: str = ""
    """The compression that the stream's header names; if empty, it is detected by magic bytes."""
    limit: int = LIMIT
    sound: bool = True

    @property
    def flags(self) -> int:
        return self.raw[0]

    @property
    def last(self) -> bool:
        """Whether it ends the stream: JSON in Connect, trailers in gRPC-Web, never protobuf."""
        return self.sound and bool(self.flags & (END_OF_STREAM | TRAILERS))

    @property
    def message(self) -> bytes:
        """The decompressed message. Raises `Unreadable`."""
        return self._read()[0]

    @property
    def lone_message(self) -> bytes:
        """Like `message`, for requests: raises `Unreadable` for metadata in compressed data too."""
        message, chain = self._read()
        if chain and metadata_in_message(self.raw[_HEAD.size :], chain, self.limit, message):
            raise Unreadable("a compressed message carries metadata besides its data")
        return message

    def with_message(self, message: bytes) -> bytes:
        content = encode(message, self._read()[1])
        return envelope(content, self.flags)

    @property
    def payload(self) -> bytes | None:
        """The message, for streams whose messages are JSON."""
        try:
            return self.message or None
        except Unreadable:
            return None

    @property
    def event(self) -> str:
        return ""

    def with_payload(self, payload: bytes) -> bytes:
        return self.with_message(payload) if self.sound else self.raw

    def _read(self) -> tuple[bytes, Sequence[str]]:
        if not self.sound:
            raise Unreadable("the message framing is invalid, or the stream was truncated")
        content = self.raw[_HEAD.size :]
        if not self.flags & COMPRESSED or not content:
            return content, ()
        return decode(content, self.coding, self.limit)


def envelope(content: bytes, flags: int = 0) -> bytes:
    """Return `content` in an envelope."""
    return _HEAD.pack(flags, len(content)) + content


class EnvelopeFramer(FrameByFrame):
    """Cuts a stream into envelopes. `coding` is `connect-content-encoding` or `grpc-encoding`."""

    def __init__(self, coding: str = "", limit: int = LIMIT) -> None:
        self._coding = coding
        self._limit = limit
        self._held: list[bytes] = []
        self._size = 0
        self._wanted = _HEAD.size
        self._lost = False

    def feed(self, data: bytes) -> list[Frame]:
        return [*self.envelopes(data)]

    def finish(self) -> list[Frame]:
        rest = b"".join(self._held)
        self._held, self._size = [], 0
        return [self._unsound(rest)] if rest else []

    def envelopes(self, data: bytes) -> list[Envelope]:
        self._held.append(data)
        self._size += len(data)
        if self._size < self._wanted and not self._lost:
            return []
        data = b"".join(self._held)
        found: list[Envelope] = []
        at = 0
        while not self._lost and len(data) - at >= _HEAD.size:
            flags, size = _HEAD.unpack_from(data, at)
            if flags & ~_FLAGS or size > self._limit:
                self._lost = True
                break
            end = at + _HEAD.size + size
            if end > len(data):
                self._wanted = end - at
                break
            found.append(Envelope(data[at:end], self._coding, self._limit))
            self._wanted = _HEAD.size
            at = end
        rest = data[at:]
        if self._lost and rest:
            found.append(self._unsound(rest))
            rest = b""
        self._held, self._size = [rest], len(rest)
        return found

    def _unsound(self, raw: bytes) -> Envelope:
        return Envelope(raw, sound=False)
