"""How each record is bound to the one before it; bytes in, bytes out.

A line is a JSON object that begins with the record's number and the hash of the record before, and ends with its own
hash, which is made over all of the line before it. The hash is keyed, so that who can write the files but does not have
the key can neither change a record nor make one. What the files alone cannot tell is whether the last records were cut
off; for that there is the *head*, a small sealed note of how far the log goes.
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
    """What a line says of its place. `sound`: its hash fits."""

    seq: int
    prev: str
    hash: str
    sound: bool


def derived(digest: Callable[[bytes], bytes]) -> bytes:
    """The chain's key, from the installation's keyed digest."""
    return digest(b"audit chain")


def seal(key: bytes, seq: int, prev: str, record: bytes) -> tuple[bytes, str]:
    """The line for a record (a JSON object with members), and its hash."""
    body = b'{"seq":%d,"prev":"%s",%s' % (seq, prev.encode(), record[1:-1])
    digest = hmac.digest(key, body, hashlib.sha256).hex()
    return b'%s,"hash":"%s"}\n' % (body, digest.encode()), digest


def link(key: bytes, line: bytes) -> Link | None:
    """The link that a line is, without its end of line; None if it has not the shape of one."""
    begin, end = _BEGIN.match(line), _END.search(line)
    if begin is None or end is None:
        return None
    digest = hmac.digest(key, line[: end.start()], hashlib.sha256).hex()
    stored = end[1].decode()
    return Link(int(begin[1]), begin[2].decode(), stored, hmac.compare_digest(digest, stored))


class Head(msgspec.Struct, frozen=True):
    """How far the log goes."""

    seq: int = 0
    hash: str = GENESIS
    size: int = 0
    """Of the file that is written to."""
    first: int = 1
    """The first record of that file."""
    oldest: int = 1
    """The first record that is still kept."""

    def sealed(self, key: bytes) -> bytes:
        text = msgspec.json.encode(self)
        mac = hmac.digest(key, text, hashlib.sha256).hex().encode()
        return (text + b" " + mac).ljust(HEAD_SIZE - 1) + b"\n"


def open_head(key: bytes, sealed: bytes) -> Head | None:
    """None where it is missing, damaged, or sealed with another key."""
    text, _, mac = sealed.strip().rpartition(b" ")
    digest = hmac.digest(key, text, hashlib.sha256).hex().encode()
    if not hmac.compare_digest(digest, mac):
        return None
    try:
        return msgspec.json.decode(text, type=Head)
    except msgspec.DecodeError:
        return None
