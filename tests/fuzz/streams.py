"""Fuzz targets for what arrives in pieces: framers, answers and content codings."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from addon.kit import Bench
from fuzz.cutting import Target, cut, fed
from fuzz.planting import TOKENS, planted
from policy.answer_cases import REDACT, judge
from secretgate import tolerant
from secretgate.bodies.base import Unreadable
from secretgate.bodies.encodings import Decoder, decode
from secretgate.inbound.responses import Readers, respond
from secretgate.inbound.restoration import Channel, Depth, restore
from secretgate.placeholders import Issued
from secretgate.policy.judged import JudgedFramer
from secretgate.policy.messages import TextsFramer
from secretgate.providers import DIALECTS
from secretgate.streams.base import Frame, Framer
from secretgate.streams.envelopes import envelope
from secretgate.streams.eventstream import EventStreamFramer
from secretgate.streams.framers import framer_for
from secretgate.streams.json_array import JsonArrayFramer
from secretgate.streams.sse import SseFramer

CODINGS = ("gzip", "deflate", "br", "zstd", "gzip, br", "identity", "x")


def framing(content_type: str) -> Framer:
    """Return the framer for a content type; an array, if there is none."""
    return framer_for(content_type) or JsonArrayFramer()


def framer_of(content_type: str) -> Target:
    def target(data: bytes) -> None:
        def frames(pieces: Sequence[bytes]) -> list[Any]:
            framer = framing(content_type)
            return [frame for got in fed(framer.feed, framer.finish, pieces) for frame in got]

        try:
            whole = frames([data])
        except Unreadable:
            return
        pieces = frames(list(cut(data)))
        assert b"".join(frame.raw for frame in whole) == data
        assert b"".join(frame.raw for frame in pieces) == data
        payloads = [frame.payload for frame in whole if frame.payload is not None]
        assert payloads == [frame.payload for frame in pieces if frame.payload is not None]
        for frame in whole:
            if frame.payload is not None:
                assert frame.with_payload(frame.payload) == frame.raw

    return target


def eventstream_messages(data: bytes) -> None:
    """Messages with correct lengths and checksums, one for each line `headers|payload`.

    Changing a payload must change nothing else, and lengths and checksums must be correct again.
    """
    messages = [message(*line.partition(b"|")[::2]) for line in data.split(b"\n")]
    raw = b"".join(messages)
    framer = EventStreamFramer()
    frames = framer.feed(raw)
    assert [frame.raw for frame in frames] == messages
    pieces = EventStreamFramer()
    assert [
        frame for each in fed(pieces.feed, pieces.finish, list(cut(raw))) for frame in each
    ] == frames
    for frame, (headers, _, payload) in zip(
        frames, (line.partition(b"|") for line in data.split(b"\n")), strict=True
    ):
        inner = frame.payload
        assert inner is not None or not payload or b'"bytes"' in payload
        if inner is not None:
            changed = frame.with_payload(inner + b" ")
            size, headed, crc = struct.unpack_from(">III", changed)
            assert (size, headed, crc) == (len(changed), len(headers), zlib.crc32(changed[:8]))
            assert struct.unpack(">I", changed[-4:])[0] == zlib.crc32(changed[:-4])
            again = framer.feed(changed)
            assert [each.payload for each in again] == [inner + b" "]


def message(headers: bytes, payload: bytes) -> bytes:
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


@cache
def _issued() -> Issued:
    bench = Bench()
    names = {bench.name(secret.decode()).encode(): secret for secret in TOKENS.values()}
    return Issued(bench.template, names)


def named(data: bytes) -> bytes:
    """Return the data with placeholders in place of the marks."""
    for mark, name in zip(TOKENS, _issued().values, strict=True):
        data = data.replace(mark, name)
    return data


NO_JSON = b"(no JSON)"


def _read(payload: bytes) -> bytes:
    """Return an event's payload, or NO_JSON if no client could parse it."""
    try:
        tolerant.decode(payload)
    except (ValueError, RecursionError):
        return NO_JSON
    return payload


def answer_of(content_type: str, dialect: str) -> Target:
    def target(data: bytes) -> None:
        data = named(data)

        def out(pieces: Sequence[bytes]) -> list[bytes]:
            headers = {"content-type": content_type}
            way = respond(
                headers, Readers(DIALECTS[dialect], _issued(), lambda _: None), stream=True
            )
            assert way is not None
            sent = b"".join(fed(way.feed, way.finish, pieces))
            framer = framing(content_type)
            frames = [*framer.feed(sent), *framer.finish()]
            return [_read(frame.payload) for frame in frames if frame.payload is not None]

        assert out([data]) == out(list(cut(data)))

    return target


def judged_answer_of(dialect: str) -> Target:
    """A policy that redacts the model's text: cuts make no difference, and no value stays in a text."""

    def target(data: bytes) -> None:
        raw = planted(data)

        def out(pieces: Sequence[bytes]) -> list[bytes]:
            judged = JudgedFramer(SseFramer(), judge(REDACT, DIALECTS[dialect]))
            frames = [frame for got in fed(judged.feed, judged.finish, pieces) for frame in got]
            payloads = [frame.payload for frame in frames]
            return [_read(payload) for payload in payloads if payload is not None]

        try:
            whole = out([raw])
        except Unreadable:
            return
        assert whole == out(list(cut(raw)))

    return target


def judged_messages(data: bytes) -> None:
    """Messages without a schema, one per line: null edits change no byte, edited ones can be read."""
    raw = b"".join(envelope(line) for line in planted(data).split(b"\n"))

    def frames(pieces: Sequence[bytes]) -> list[Frame]:
        framer = TextsFramer("")
        return [frame for got in fed(framer.feed, framer.finish, pieces) for frame in got]

    try:
        whole = frames([raw])
    except Unreadable:
        return
    assert b"".join(frame.raw for frame in whole) == raw
    assert [frame.raw for frame in frames(list(cut(raw)))] == [frame.raw for frame in whole]
    for frame in whole:
        payload = frame.payload
        if payload is None:
            continue
        assert frame.with_payload(payload) == frame.raw
        said = {place: f"{text}x" for place, text in json.loads(payload).items()}
        (again,) = frames([frame.with_payload(json.dumps(said).encode())]) if said else (None,)
        assert again is None or again.payload is not None


def channel(data: bytes) -> None:
    text = named(data)
    depth = Depth(len(data) % len(Depth))
    if depth is not Depth.PLAIN and _read(b'"%b"' % text) == NO_JSON:
        return
    one = Channel(_issued(), depth)
    pieces = list(cut(text)) if depth is Depth.PLAIN else list(_literals(text))
    assert b"".join(fed(one.feed, one.finish, pieces)) == restore(text, _issued(), depth)


_CHARACTER = re.compile(rb"\\u.{4}|\\?.", re.DOTALL)


def _literals(text: bytes) -> Iterator[bytes]:
    """Split like `cut`, but never inside an escape: each piece is valid in a JSON literal."""
    characters = iter(_CHARACTER.findall(text))
    for piece in cut(text):
        yield b"".join(itertools.islice(characters, len(piece)))


def content_coding(data: bytes) -> None:
    header = CODINGS[data[0] % len(CODINGS)] if data else ""
    raw = data[1:]
    limit = 1 << 16
    with contextlib.suppress(Unreadable):
        assert len(decode(raw, header, limit)[0]) <= limit

    def out(pieces: Sequence[bytes]) -> bytes | None:
        decoder = Decoder(header, limit)
        try:
            return b"".join(fed(decoder.feed, decoder.finish, pieces))
        except Unreadable:
            return None

    with contextlib.suppress(Unreadable):
        whole, pieces = out([raw]), out(list(cut(raw)))
        assert whole is None or pieces is None or whole == pieces
