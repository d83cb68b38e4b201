"""What goes over the provider's wire: the requests it recorded, the manner in which it answers."""

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
    """One request as it arrived, or one WebSocket connection."""

    host: str
    method: str
    path: str
    version: str
    headers: Headers
    raw: bytes
    messages: list[bytes] = field(default_factory=list)
    """What came over the WebSocket, message by message."""
    control: list[bytes] = field(default_factory=list)
    """What its control frames carried."""
    trailers: Headers = ()
    gone: threading.Event = field(default_factory=threading.Event, compare=False)
    """Set when the client goes away before the answer is complete."""

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
        """Every byte that left for this request, as it came and decoded; credentials of ours aside."""
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
    """Compresses a stream so that each event can be read as soon as it has arrived."""

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
    """The provider stops in mid-answer until the test has seen what it wants to see.

    >>> with provider.manner(gate=Gate(after=1)) as manner:
    ...     first = next(stream)          # arrives although the answer is not complete
    ...     manner.gate.open()
    """

    def __init__(self, after: int = 1) -> None:
        self.after = after
        """How many deltas pass before the stop."""
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
    """How the provider answers until told otherwise."""

    script: Script = field(default_factory=agent)
    style: Style = field(default_factory=Style)
    cuts: tuple[int, ...] = ()
    """Sizes of the writes, taken in turn; nothing: a write an event."""
    encoding: str = ""
    websockets: bool = True
    """Whether upgrades are accepted; if not, they are answered as any GET is."""
    declared: bool = True
    """Whether `content-type` (and `content-encoding`) are sent."""
    pings: int = 0
    """Keep-alives before the first event."""
    empties: bool = False
    """An empty piece follows each event: over HTTP/2 a DATA frame of no length."""
    gate: Gate | None = None
    die: int | None = None
    """The connection is torn down after so many deltas."""
    truncate: int = 0
    """So many bytes at the end of the (encoded) answer are never sent, the stream still ends well."""
    error: tuple[int, str] | None = None
    """Status and message; `{last}` in it stands for what the request said last."""


class Died(Exception):
    """The provider goes away in mid-answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: AsyncIterator[bytes]
    """Each piece is written as it is."""


Respond = Callable[[Received], Answer]
