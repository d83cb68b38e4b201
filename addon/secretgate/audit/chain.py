"""The hash chain of the audit log; bytes in, bytes out.

A line is a JSON object that begins with the record's number and the hash of the previous record,
and ends with its own hash over everything before it. The hash is keyed (HMAC), so that someone who
can write to the files but does not have the key can neither change nor forge a record. The files
alone do not show whether records at the end were cut off; the *head*, a small authenticated file,
records how far the log goes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

GENESIS = "0" * 64
_BEGIN = re.compile(rb'\{"seq":([0-9]{1,18}),"prev":"([0-9a-f]{64})"')
_END = re.compile(rb',"hash":"([0-9a-f]{64})"\}\Z')
HEAD_SIZE = 512


class Link(NamedTuple):
    """The position of a line in the chain. `sound` tells whether its hash is correct."""

    seq: int
    prev: str
    hash: str
    sound: bool


def derived(digest: Callable[[bytes], bytes]) -> bytes:
    """Derive the chain's key from the installation's keyed digest."""
    return digest(b"audit chain")


def seal(key: bytes, seq: int, prev: str, record: bytes) -> tuple[bytes, str]:
    """Return the line for a record (a non-empty JSON object), and the line's hash."""
    body = b'{"seq":%d,"prev":"%s",%s' % (seq, prev.encode(), record[1:-1])
    digest = hmac.digest(key, body, hashlib.sha256).hex()
    return b'%s,"hash":"%s"}\n' % (body, digest.encode()), digest


def link(key: bytes, line: bytes) -> Link | None:
    """Parse a line, without its line end; return None if it does not have the shape of a record."""
    begin, end = _BEGIN.match(line), _END.search(line)
    if begin is None or end is None:
        return None
    digest = hmac.digest(key, line[: end.start()], hashlib.sha256).hex()
    stored = end[1].decode()
    return Link(int(begin[1]), begin[2].decode(), stored, hmac.compare_digest(digest, stored))


class Head(msgspec.Struct, frozen=True):
    """The end of the log, as last written."""

    seq: int = 0
    hash: str = GENESIS
    size: int = 0
    """Size in bytes of the current file."""
    first: int = 1
    """Number of the current file's first record."""
    oldest: int = 1
    """Number of the first record that is still kept."""

    def sealed(self, key: bytes) -> bytes:
        text = msgspec.json.encode(self)
        mac = hmac.digest(key, text, hashlib.sha256).hex().encode()
        return (text + b" " + mac).ljust(HEAD_SIZE - 1) + b"\n"


def open_head(key: bytes, sealed: bytes) -> Head | None:
    """Return the head, or None if it is missing, damaged or sealed with another key."""
    text, _, mac = sealed.strip().rpartition(b" ")
    digest = hmac.digest(key, text, hashlib.sha256).hex().encode()
    if not hmac.compare_digest(digest, mac):
        return None
    try:
        return msgspec.json.decode(text, type=Head)
    except msgspec.DecodeError:
        return None
