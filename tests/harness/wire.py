"""The provider's wire: recorded requests, and the settings for its answers."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import brotli
import zstandard

from harness.dialects import Style
from harness.model import Script, agent

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass
class Received:
    """One request as received, or one WebSocket connection."""

    host: str
    method: str
    path: str
    version: str
    headers: Headers
    raw: bytes
    messages: list[bytes] = field(default_factory=list)
    """Messages received over the WebSocket."""
    control: list[bytes] = field(default_factory=list)
    """Payloads of its control frames."""
    trailers: Headers = ()
    gone: threading.Event = field(default_factory=threading.Event, compare=False)
    """Set when the client disconnects before the answer is complete."""

    def header(self, name: str) -> str | None:
        wanted = name.lower().encode()
        return next((v.decode() for k, v in self.headers if k.lower() == wanted), None)

    @property
    def content(self) -> bytes:
        return decoded(self.raw, self.header("content-encoding"))

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def everything(self) -> bytes:
        """Every byte sent for this request, raw and decoded, without the test's own credentials."""
        own = {b"x-api-key", b"authorization", b"x-goog-api-key"}
        fields = (*self.headers, *self.trailers)
        head = b"\r\n".join(k + b": " + v for k, v in fields if k.lower() not in own)
        try:
            body = self.content
        except (ValueError, OSError, zlib.error, EOFError, zstandard.ZstdError, brotli.error):
            body = b""
        return b"\0\0".join(
            [self.path.encode(), head, self.raw, body, *self.messages, *self.control]
        )


def decoded(raw: bytes, encoding: str | None) -> bytes:
    match encoding:
        case None | "" | "identity":
            return raw
        case "gzip":
            return gzip.decompress(raw)
        case "deflate":
            return zlib.decompress(raw)
        case "br":
            return bytes(brotli.decompress(raw))
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    raise ValueError(f"no such content-encoding: {encoding}")


def encoded(raw: bytes, encoding: str) -> bytes:
    return b"".join(Encoder(encoding).all([raw]))


class Encoder:
    """Compresses a stream so that each event can be decoded as soon as it arrives."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        if encoding in ("gzip", "deflate"):
            self._zlib = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
        elif encoding == "br":
            self._brotli = brotli.Compressor(quality=4)
        elif encoding == "zstd":
            self._zstd = zstandard.ZstdCompressor().compressobj()
        elif encoding:
            raise ValueError(f"no such content-encoding: {encoding}")

    def feed(self, data: bytes) -> bytes:
        match self._encoding:
            case "gzip" | "deflate":
                return self._zlib.compress(data) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
            case "br":
                return bytes(self._brotli.process(data) + self._brotli.flush())
            case "zstd":
                flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
                return self._zstd.compress(data) + self._zstd.flush(flush)
        return data

    def finish(self) -> bytes:
        match self._encoding:
            case "gzip" | "deflate":
                return self._zlib.flush()
            case "br":
                return bytes(self._brotli.finish())
            case "zstd":
                return self._zstd.flush()
        return b""

    def all(self, pieces: Sequence[bytes]) -> Iterator[bytes]:
        yield from map(self.feed, pieces)
        yield self.finish()


class Gate:
    """Makes the provider pause within an answer until the test has checked what it wants.

    >>> with provider.manner(gate=Gate(after=1)) as manner:
    ...     first = next(stream)          # arrives although the answer is not complete
    ...     manner.gate.open()
    """

    def __init__(self, after: int = 1) -> None:
        self.after = after
        """Number of deltas before the pause."""
        self.reached = threading.Event()
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    async def wait(self) -> None:
        self.reached.set()
        if not await asyncio.to_thread(self._open.wait, 30):
            raise TimeoutError("nobody opened the gate")


@dataclass(frozen=True)
class Manner:
    """How the provider answers."""

    script: Script = field(default_factory=agent)
    style: Style = field(default_factory=Style)
    cuts: tuple[int, ...] = ()
    """Sizes of the writes, used in turn; empty: one write per event."""
    encoding: str = ""
    websockets: bool = True
    """Whether WebSocket upgrades are accepted; otherwise they are answered like any GET."""
    declared: bool = True
    """Whether `content-type` (and `content-encoding`) are sent."""
    pings: int = 0
    """Number of keep-alives before the first event."""
    empties: bool = False
    """Whether an empty piece follows each event; over HTTP/2, a DATA frame of length zero."""
    gate: Gate | None = None
    die: int | None = None
    """Number of deltas after which the connection is aborted."""
    truncate: int = 0
    """Number of bytes cut off at the end of the encoded answer, which still ends without an error."""
    error: tuple[int, str] | None = None
    """Status and message; `{last}` in the message is replaced by the request's last texts."""


class Died(Exception):
    """The provider aborts the connection within an answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: AsyncIterator[bytes]
    """Each piece is a separate write."""


Respond = Callable[[Received], Answer]
