"""The content codings: for each of them, a stage that undoes it in pieces of bounded size.

A stage takes coded data as it comes. What it yields at a time is bounded, however far the data expands,
so that its caller can stop in time.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import brotli
import zstandard

GZIP, DEFLATE, RAW_DEFLATE, BROTLI, ZSTD = "gzip", "deflate", "raw-deflate", "br", "zstd"

_GZIP_MEMBER: Final = re.compile(rb"\x1f(?:\x8b|\Z)")
_GZIP_WBITS: Final = 31
_ZSTD_FRAME: Final = re.compile(rb"(?:\x28(?:\xb5|\Z)|[\x50-\x5f](?:\x2a|\Z))")
_MAX_WINDOW: Final = 1 << 27
_PIECE: Final = 1 << 20
"""Maximum size in bytes of a piece, where the library can limit it."""


class Stage(Protocol):
    """Undoes one coding. `done` is true at points where the coded data may end."""

    done: bool

    def pieces(self, data: bytes) -> Iterator[bytes]: ...


class BrokenError(Exception):
    """The data is not, or no longer, in this coding."""


class TrailingError(BrokenError):
    """The coded data had ended, and more followed that is not in this coding."""


class _Inflate:
    """gzip with any number of members, zlib, and raw deflate."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._zip = zlib.decompressobj(wbits)
        self.done = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        full = False
        while data or full:
            if self._zip.eof:
                data = self._next_member(data)
                full = False
                continue
            try:
                piece = self._zip.decompress(data, _PIECE)
            except zlib.error:
                raise BrokenError from None
            data = self._zip.unconsumed_tail or self._zip.unused_data
            full = len(piece) == _PIECE
            self.done = self._zip.eof
            if piece:
                yield piece

    def _next_member(self, data: bytes) -> bytes:
        if self._wbits == _GZIP_WBITS:
            data = data.lstrip(b"\0")
        if data:
            if self._wbits != _GZIP_WBITS or not _GZIP_MEMBER.match(data):
                raise TrailingError
            self._zip = zlib.decompressobj(self._wbits)
        return data


class Deflate:
    """`deflate` as found in practice: with the zlib wrapper of the standard, or without."""

    def __init__(self) -> None:
        self.chosen = DEFLATE
        self._head = b""
        self._stage: _Inflate | None = None
        self.done = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if self._stage is None:
            self._head += data
            self.done = not self._head
            if len(self._head) < 2:
                return
            first, second = self._head[:2]
            if first & 15 != 8 or (first << 8 | second) % 31:
                self.chosen = RAW_DEFLATE
            self._stage = _Inflate(15 if self.chosen == DEFLATE else -15)
            data, self._head = self._head, b""
        for piece in self._stage.pieces(data):
            yield piece
            self.done = self._stage.done
        self.done = self._stage.done


class _Brotli:
    """Before brotli 1.2 a call's output cannot be limited, so input is fed in small slices."""

    _BOUNDED = hasattr(brotli.Decompressor, "can_accept_more_data")
    _SLICE = 64

    def __init__(self) -> None:
        self._brotli = brotli.Decompressor()
        self.done = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if data and self._brotli.is_finished():
            raise TrailingError
        try:
            yield from self._bounded(data) if self._BOUNDED else self._sliced(data)
        except brotli.error:
            raise BrokenError from None

    def _bounded(self, data: bytes) -> Iterator[bytes]:
        # Output may remain when all input was taken.
        piece = self._brotli.process(data, output_buffer_limit=_PIECE)
        self.done = self._brotli.is_finished()
        yield piece
        while not self.done and (piece or not self._brotli.can_accept_more_data()):
            piece = self._brotli.process(b"", output_buffer_limit=_PIECE)
            self.done = self._brotli.is_finished()
            yield piece

    def _sliced(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), self._SLICE):
            piece = self._brotli.process(data[at : at + self._SLICE])
            self.done = self._brotli.is_finished()
            yield piece


class _Zstd:
    """Concatenated frames. Four bytes can encode a block of 128 KiB, hence the slices."""

    _SLICE = 1 << 10

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        self._frame = self._context.decompressobj()
        self.done = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), self._SLICE):
            rest = data[at : at + self._SLICE]
            while rest:
                if self._frame.eof:
                    if not _ZSTD_FRAME.match(rest):
                        raise TrailingError
                    self._frame = self._context.decompressobj()
                try:
                    piece = self._frame.decompress(rest)
                except zstandard.ZstdError:
                    raise BrokenError from None
                rest = self._frame.unused_data if self._frame.eof else b""
                self.done = self._frame.eof
                if piece:
                    yield piece


STAGES: Final[dict[str, Callable[[], Stage]]] = {
    GZIP: lambda: _Inflate(_GZIP_WBITS),
    DEFLATE: Deflate,
    BROTLI: _Brotli,
    ZSTD: _Zstd,
}
