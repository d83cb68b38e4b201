"""`application/vnd.amazon.eventstream`: the streams of Amazon Bedrock.

A message is a prelude (its length, the length of its headers, a CRC of both), headers, a payload,
and a CRC over all of it. Replacing the payload means recomputing the length and both CRCs. In the
stream of `invoke-with-response-stream` the relevant JSON is base64 in the payload's member `bytes`;
in `converse-stream` it is the payload itself. Agents send plain text in `bytes`, which is presented
as an event with that text.

A message with a wrong CRC has no payload here and is forwarded unchanged, for the client to refuse.
If the prelude itself is wrong, no later message can be located, and the rest is passed through.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator
from functools import lru_cache
from struct import Struct
from typing import NamedTuple
from zlib import crc32

import msgspec

from secretgate.streams.base import Frame, FrameByFrame
from secretgate.streams.whole import is_json

_PRELUDE = Struct(">III")
_LENGTHS = Struct(">II")
_CRC = Struct(">I")
_LEAST = _PRELUDE.size + _CRC.size
_MOST = 1 << 25
"""More than any service sends: a larger value cannot be a length."""

_BYTES = re.compile(rb'"bytes"\s*:\s*"([A-Za-z0-9+/=]*)"')
_NAMES = (b":event-type", b":exception-type", b":error-code")
_SIGNATURE = b":chunk-signature"
_USUAL = 512
"""Size of a message's headers up to which they are remembered."""
_SIZES = (0, 0, 1, 2, 4, 8, 0, 0, 8, 16)
"""Size of a header's value in bytes, indexed by its type."""
_BEHIND_A_LENGTH = (b"\6", b"\7")


class _Said(msgspec.Struct):
    text: str


class _Wrapped(NamedTuple):
    """A payload in base64, the span of which is `start` to `end`."""

    start: int
    end: int
    content: bytes


def _is_text(payload: bytes) -> bool:
    """Whether a wrapped payload is text, rather than a JSON event or bytes."""
    if not payload or (payload.lstrip().startswith(b"{") and is_json(payload)):
        return False
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _as_event(text: bytes) -> bytes:
    return msgspec.json.encode(_Said(text.decode()))


class EventStreamFrame(msgspec.Struct, frozen=True, gc=False):
    """One message; without a `head`, bytes that are not a valid message."""

    raw: bytes
    head: int | None = None
    """Offset of the payload."""

    @property
    def payload(self) -> bytes | None:
        text = self._text()
        wrapped = self._wrapped(text)
        if wrapped is None:
            return text or None
        inner = wrapped.content
        return (_as_event(inner) if _is_text(inner) else inner) or None

    @property
    def event(self) -> str:
        if self.head is None:
            return ""
        headers = self.raw[_PRELUDE.size : self.head]
        return _name(headers) if len(headers) <= _USUAL else _name.__wrapped__(headers)

    def with_payload(self, payload: bytes) -> bytes:
        if self.head is None:
            return self.raw
        text = self._text()
        if wrapped := self._wrapped(text):
            start, end, content = wrapped
            if _is_text(content):
                payload = msgspec.json.decode(payload, type=_Said).text.encode()
            payload = text[:start] + b64encode(payload) + text[end:]
        size = self.head + len(payload) + _CRC.size
        lengths = _LENGTHS.pack(size, self.head - _PRELUDE.size)
        headers = self.raw[_PRELUDE.size : self.head]
        message = b"".join((lengths, _CRC.pack(crc32(lengths)), headers, payload))
        return message + _CRC.pack(crc32(message))

    def _text(self) -> bytes:
        return b"" if self.head is None else self.raw[self.head : -_CRC.size]

    def _wrapped(self, text: bytes) -> _Wrapped | None:
        """Return the payload in `text` if it is wrapped in base64, otherwise None."""
        if self.event != "chunk" or (match := _BYTES.search(text)) is None:
            return None
        try:
            return _Wrapped(*match.span(1), b64decode(match[1], validate=True))
        except Base64Error:
            return None


class EventStreamFramer(FrameByFrame):
    """Splits a stream into messages, each a frame."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self._wanted = _PRELUDE.size
        """Number of bytes needed before parsing can continue."""
        self._lost = False

    def feed(self, data: bytes) -> list[Frame]:
        self._held.append(data)
        self._size += len(data)
        if self._size < self._wanted and not self._lost:
            return []
        data = b"".join(self._held)
        frames: list[Frame] = []
        at = 0
        while not self._lost and len(data) - at >= _PRELUDE.size:
            size, headers, crc = _PRELUDE.unpack_from(data, at)
            if crc32(data[at : at + _LENGTHS.size]) != crc or not _LEAST + headers <= size <= _MOST:
                self._lost = True
                break
            if len(data) - at < size:
                self._wanted = size
                break
            frames.append(_message(data[at : at + size], _PRELUDE.size + headers))
            self._wanted = _PRELUDE.size
            at += size
        rest = data[at:]
        if self._lost and rest:
            frames.append(EventStreamFrame(rest))
            rest = b""
        self._held, self._size = [rest], len(rest)
        return frames

    def finish(self) -> list[Frame]:
        rest = b"".join(self._held)
        self._held, self._size = [], 0
        return [EventStreamFrame(rest)] if rest else []


class Opened(NamedTuple):
    """An event, and everything else in its message."""

    around: bytes
    event: bytes


def opened(raw: bytes) -> Opened | None:
    """Return what is in one message of a client; None if it is not a valid one.

    Clients sign their messages: a signed one holds another one, or nothing at the end.
    """
    size, headers, crc = _PRELUDE.unpack_from(raw) if len(raw) >= _LEAST else (0, 0, 0)
    if size != len(raw) or crc32(raw[: _LENGTHS.size]) != crc or size < _LEAST + headers:
        return None
    frame = _message(raw, _PRELUDE.size + headers)
    if frame.head is None:
        return None
    head, text = raw[_PRELUDE.size : frame.head], frame.raw[frame.head : -_CRC.size]
    if text and any(name == _SIGNATURE for name, _ in _headers(head)):
        inner = opened(text)
        return inner and Opened(head + inner.around, inner.event)
    if match := _BYTES.search(text):
        try:
            event = b64decode(match[1], validate=True)
        except Base64Error:
            return None
        return Opened(head + text[: match.start(1)] + text[match.end(1) :], event)
    return Opened(head, text)


def exception(name: str, payload: bytes) -> bytes:
    """Return an exception message, which ends a stream with an error."""
    headers = b"".join(
        struct.pack(">B", len(key)) + key + b"\7" + struct.pack(">H", len(value)) + value
        for key, value in (
            (b":message-type", b"exception"),
            (b":exception-type", name.encode()),
            (b":content-type", b"application/json"),
        )
    )
    empty = _PRELUDE.pack(0, 0, 0) + headers + bytes(_CRC.size)
    return EventStreamFrame(empty, _PRELUDE.size + len(headers)).with_payload(payload)


def _message(raw: bytes, head: int) -> EventStreamFrame:
    (crc,) = _CRC.unpack_from(raw, len(raw) - _CRC.size)
    return EventStreamFrame(raw, head if crc32(raw[: -_CRC.size]) == crc else None)


@lru_cache(maxsize=256)
def _name(headers: bytes) -> str:
    """Return the event name in the headers of a message; those of a kind are all the same."""
    values = dict(_headers(headers))
    names = (values[name] for name in _NAMES if name in values)
    return next(names, b"").decode("utf-8", "replace")


def _headers(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each header's name and its value as bytes; stop at the first malformed one."""
    at = 0
    while at < len(block):
        start = at + 1
        at = start + block[start - 1]
        name = block[start:at]
        kind = block[at : at + 1]
        at += 1
        if kind in _BEHIND_A_LENGTH:
            size = int.from_bytes(block[at : at + 2], "big")
            at += 2
        elif kind and kind[0] < len(_SIZES):
            size = _SIZES[kind[0]]
        else:
            return
        if at + size > len(block):
            return
        yield name, block[at : at + size]
        at += size
