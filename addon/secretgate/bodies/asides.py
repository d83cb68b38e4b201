"""What compressed data carries beside the data: names and comments of gzip, frames of zstd that are skipped, metadata
of brotli.

Whoever unpacks it does not see them, and they arrive all the same. They are looked for where they can begin; a stretch of
data that only looks like one costs a look at a few bytes. Where the metadata of brotli begin, only who unpacks it all can
tell, but they are as they are, not compressed: so there every long run of text is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from .encodings import BROTLI, GZIP, ZSTD, decode

_MEMBER: Final = re.compile(rb"\x1f\x8b\x08([\x04-\x1f]).{6}", re.DOTALL)
_SKIPPED: Final = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18(.{4})", re.DOTALL)
_RUN: Final = re.compile(rb"[\t\x20-\x7e]{16,}")
_EXTRA, _NAME, _COMMENT = 4, 8, 16
_LONGEST: Final = 64 << 10
"""Bytes of one of them."""


def _of_gzip(raw: bytes) -> Iterator[bytes]:
    for member in _MEMBER.finditer(raw):
        flags, at = member[1][0], member.end()
        if flags & _EXTRA:
            end = at + 2 + int.from_bytes(raw[at : at + 2], "little")
            yield raw[at + 2 : end]
            at = end
        for flag in (_NAME, _COMMENT):
            if flags & flag:
                end = raw.find(b"\0", at, at + _LONGEST)
                yield raw[at : end if end >= 0 else at + _LONGEST]
                at = end + 1 if end >= 0 else at + _LONGEST


def _of_zstd(raw: bytes) -> Iterator[bytes]:
    for frame in _SKIPPED.finditer(raw):
        yield raw[frame.end() : frame.end() + int.from_bytes(frame[1], "little")]


def _of_brotli(raw: bytes) -> Iterator[bytes]:
    yield from _RUN.findall(raw)


_OF: Final[dict[str, Callable[[bytes], Iterator[bytes]]]] = {
    GZIP: _of_gzip,
    ZSTD: _of_zstd,
    BROTLI: _of_brotli,
}


def asides(raw: bytes, chain: Sequence[str], limit: int) -> bytes:
    """All of it, in lines; `chain` is that of the `Decoded` body."""
    found: list[bytes] = []
    for number, coding in enumerate(reversed(chain), 1):
        if coding in _OF:
            found += _OF[coding](raw)
        if number < len(chain):
            raw = decode(raw, coding, limit, deep=False).plain
    return b"\n".join(found)
