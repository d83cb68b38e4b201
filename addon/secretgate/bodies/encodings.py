"""Content codings: decoding a body by its `Content-Encoding`, and encoding it again.

The header is a claim; the bytes are the fact. Clients and relays drop the header, keep it over a
plain body, or name the wrong coding. So a claim that does not hold is dropped if the bytes are
text, and a body without a claim is checked for the magic bytes of gzip and zstd. What still cannot
be decoded is `Unreadable`, because its content is unknown.

Each coding is undone by a stage of `codings`, in whole bodies and in streams; only the end is handled
differently. A whole body must end where its coding ends. A stream emits whatever has arrived as soon as
it can be decoded.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from mitmproxy.net import encoding

from secretgate.bodies.base import Unreadable
from secretgate.bodies.codings import (
    BROTLI,
    DEFLATE,
    GZIP,
    RAW_DEFLATE,
    STAGES,
    ZSTD,
    BrokenError,
    Deflate,
    Stage,
    TrailingError,
)
from secretgate.bodies.parts import CONTROL

_NAMES: Final = {
    **dict.fromkeys(("", "identity", "none", "utf-8"), ""),
    **dict.fromkeys(("gzip", "x-gzip"), GZIP),
    **{coding: coding for coding in (DEFLATE, BROTLI, ZSTD)},
}
_MARKS: Final = ((b"\x1f\x8b\x08", GZIP), (b"\x28\xb5\x2f\xfd", ZSTD))
_MARKED: Final = {coding for _, coding in _MARKS}
_MAX_CHAIN: Final = 4
STREAM_LIMIT: Final = 1 << 28
_MOST_SEEN: Final = 32 << 20
"""Input in bytes after which the codings count as right though nothing was decoded yet: twice the
longest block of any of them."""


class Decoded(NamedTuple):
    """A decoded body, and the codings to apply when it is encoded again."""

    plain: bytes
    chain: tuple[str, ...]
    """The codings that were undone, in the order in which they were applied."""


def decode(raw: bytes, header: str, limit: int, deep: bool = True) -> Decoded:
    """Decode a body; return it with the codings it came in. Raises `Unreadable`.

    `header` is the `Content-Encoding`, or empty. If `deep`, codings that it does not name but the
    bytes show are undone too. Never produces much more than `limit` bytes, whatever the body
    expands to.
    """
    claimed = _claimed(header)
    _check_size(len(raw), limit)
    plain, chain = raw, []
    for coding in reversed(claimed):
        if not plain:
            break
        if (_marked(plain) or coding) != coding:
            break
        try:
            plain, exact = _undo(plain, coding, limit)
        except BrokenError:
            if _is_text(plain):
                break
            raise Unreadable(f"the body is truncated or corrupt {coding} data") from None
        chain.append(exact)
    while deep and len(chain) < _MAX_CHAIN and (mark := _marked(plain)):
        try:
            plain, exact = _undo(plain, mark, limit)
        except BrokenError:
            raise Unreadable(f"the body starts like {mark} but is truncated or corrupt") from None
        chain.append(exact)
    if deep and _marked(plain):
        raise Unreadable(f"the body is compressed more than {_MAX_CHAIN} times")
    return Decoded(plain, tuple(reversed(chain)))


def encode(plain: bytes, chain: Sequence[str]) -> bytes:
    """Apply the codings of a `Decoded` to `plain`, in their order."""
    for coding in chain:
        if coding == RAW_DEFLATE:
            packer = zlib.compressobj(1, wbits=-15)
            plain = packer.compress(plain) + packer.flush()
        else:
            encoded = encoding.encode(plain, coding)
            assert isinstance(encoded, bytes)
            plain = encoded
    return plain


class Decoder:
    """Decodes a streamed answer incrementally.

    `feed` returns everything that can be decoded by then. A stream that turns out to be corrupt
    first yields what was decodable, and raises `Unreadable` on the next call; so does one of which
    a single `feed` expands to more than `limit`. `complete` tells whether the stream may end at
    this point: if it is False after `finish`, the stream was truncated. Bytes after the end of the
    coded data are dropped.
    """

    def __init__(self, header: str, limit: int = STREAM_LIMIT) -> None:
        self._claimed = _claimed(header)
        self._limit = limit
        self._stages: list[Stage] | None = None
        self._seen: bytearray | None = bytearray()
        """All input so far, kept until the first output proves that the codings are right."""
        self._broken = ""
        self._over = False

    @property
    def complete(self) -> bool:
        return self._over or (not self._broken and all(stage.done for stage in self._stages or ()))

    def feed(self, data: bytes) -> bytes:
        if self._broken:
            raise Unreadable(self._broken)
        if self._over:
            return b""
        if self._seen is None and not self._stages and len(data) <= self._limit:
            return data
        if self._seen is not None:
            self._seen += data
            if self._stages is None:
                data = bytes(self._seen)
                chain = self._chain(data)
                if chain is None:
                    return b""
                self._open(chain)
            if len(self._seen) > _MOST_SEEN:
                self._seen = None
        return self._run(data)

    def finish(self) -> bytes:
        if self._broken:
            raise Unreadable(self._broken)
        seen, self._seen = bytes(self._seen or b""), None
        if seen and (self._stages is None or not self.complete):
            if _is_text(seen):
                self._stages = []
                return seen
            if self._stages is None:
                self._open(self._claimed)
                return self._run(seen)
        return b""

    def _chain(self, head: bytes) -> Sequence[str] | None:
        """Return the codings to undo, or None while the first bytes are not conclusive."""
        outer = self._claimed[-1] if self._claimed else ""
        mark = _marked(head)
        if mark is None and any(mark.startswith(head) for mark, _ in _MARKS):
            return None
        if outer == mark or (outer and mark is None and outer not in _MARKED):
            return self._claimed
        if mark:
            return [mark]
        return [] if _is_text(head, whole=False) else self._claimed

    def _open(self, chain: Sequence[str]) -> None:
        self._stages = [STAGES[coding]() for coding in reversed(chain)]

    def _run(self, data: bytes) -> bytes:
        out: list[bytes] = []
        size = 0
        try:
            for piece in _through(self._stages or [], data):
                size += len(piece)
                _check_size(size, self._limit)
                out.append(piece)
        except (TrailingError, BrokenError) as wrong:
            if not size and self._stages and self._seen:
                seen = bytes(self._seen)
                mark = _marked(seen)
                if mark or _is_text(seen, whole=False):
                    self._open([mark] if mark and len(self._stages) == 1 else [])
                    self._seen = None
                    return self._run(seen)
            if isinstance(wrong, TrailingError):
                self._over = True
            else:
                self._broken = "the answer does not match its Content-Encoding"
        except Unreadable as error:
            self._broken = error.reason
        if size:
            self._seen = None
        return b"".join(out)


def _through(stages: Sequence[Stage], data: bytes) -> Iterator[bytes]:
    if not stages:
        yield data
        return
    for piece in stages[0].pieces(data):
        yield from _through(stages[1:], piece)


def _claimed(header: str) -> list[str]:
    names = [name.strip().lower() for name in header.split(",")]
    if unknown := [name for name in names if name not in _NAMES]:
        raise Unreadable(f"unknown Content-Encoding {unknown[0][:40]!r}")
    codings = [_NAMES[name] for name in names if _NAMES[name]]
    if len(codings) > _MAX_CHAIN:
        raise Unreadable(f"more than {_MAX_CHAIN} codings in Content-Encoding")
    return codings


def _undo(data: bytes, coding: str, limit: int) -> tuple[bytes, str]:
    """Return the decoded data and the exact coding."""
    stage = STAGES[coding]()
    pieces: list[bytes] = []
    size = 0
    for piece in stage.pieces(data):
        size += len(piece)
        _check_size(size, limit)
        pieces.append(piece)
    if not stage.done:
        raise BrokenError
    return b"".join(pieces), stage.chosen if isinstance(stage, Deflate) else coding


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise Unreadable(f"the body is larger than the limit of {limit} bytes")


def _marked(data: bytes) -> str | None:
    return next((coding for mark, coding in _MARKS if data.startswith(mark)), None)


def _is_text(data: bytes, *, whole: bool = True) -> bool:
    """Whether `data` is UTF-8 text; unless it is the `whole`, a character may be cut at the end."""
    try:
        codecs.utf_8_decode(data, "strict", whole)
    except UnicodeDecodeError:
        return False
    return len(data.translate(None, CONTROL)) == len(data)
