"""Metadata inside compressed data, such as gzip file names, which decompressing drops.

It would reach the provider unseen. Names and comments of gzip and skippable frames of zstd are
looked for wherever their magic bytes occur; a false match costs only a look at a few bytes. Where a
metadata block of brotli begins is known only to a full decoder, but its content is stored
uncompressed: so for brotli, every long run of printable text is returned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from secretgate.bodies.codings import BROTLI, GZIP, ZSTD
from secretgate.bodies.encodings import decode

_MEMBER: Final = re.compile(rb"\x1f\x8b\x08([\x04-\x1f]).{6}", re.DOTALL)
_SKIPPED: Final = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18(.{4})", re.DOTALL)
_RUN: Final = re.compile(rb"[\t\x20-\x7e]{16,}")
_TOKEN: Final = re.compile(rb"[\w+/=.:@~-]{16,}")
_EDGE: Final = 4
"""Number of characters at either end of a run that may be adjacent data, printable by chance."""
_EXTRA, _NAME, _COMMENT = 4, 8, 16
_LONGEST: Final = 64 << 10
"""Maximum size in bytes of a gzip name or comment."""


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
    """Return all such metadata, joined by newlines; `chain` is that of the `Decoded` body."""
    found: list[bytes] = []
    for number, coding in enumerate(reversed(chain), 1):
        if coding in _OF:
            found += _OF[coding](raw)
        if number < len(chain):
            raw = decode(raw, coding, limit, deep=False).plain
    return b"\n".join(found)


def metadata_in_message(raw: bytes, chain: Sequence[str], limit: int, plain: bytes) -> bool:
    """Whether an individually compressed message, `plain` when decompressed, carries such metadata.

    Compressed data of brotli may contain printable text by chance, and short messages are stored
    uncompressed. So for brotli, only runs of letters and digits count that are as long as a key and
    not part of the message.
    """
    found = asides(raw, chain, limit)
    if BROTLI not in chain:
        return bool(found)
    return any(run[_EDGE:-_EDGE] not in plain for run in _TOKEN.findall(found))
