"""Bedrock's binary event streams, compared with botocore's reader if that is installed."""

from __future__ import annotations

import importlib.util
import json
import struct
from base64 import b64encode
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_streams_framing import cut, payloads, run

from secretgate.streams.eventstream import EventStreamFramer

HEADERS = {":message-type": "event", ":content-type": "application/json"}


def message(payload: bytes, **names: str) -> bytes:
    headers = b""
    for name, value in {
        **HEADERS,
        **{":" + k.replace("_", "-"): v for k, v in names.items()},
    }.items():
        headers += struct.pack(">B", len(name)) + name.encode()
        headers += b"\x07" + struct.pack(">H", len(value)) + value.encode()
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def chunk(event: bytes) -> bytes:
    inner = json.dumps({"bytes": b64encode(event).decode(), "p": "abcd"}).encode()
    return message(inner, event_type="chunk")


def read_by_botocore(raw: bytes) -> list[tuple[dict[str, str], bytes]]:
    eventstream = pytest.importorskip("botocore.eventstream")
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(raw)
    return [(read.headers, read.payload) for read in buffer]


OBJECTS = st.dictionaries(st.text(max_size=3), st.integers()).map(
    lambda each: json.dumps(each).encode()
)


@given(st.lists(OBJECTS, max_size=4), st.lists(st.integers(0, 999), max_size=5))
def test_a_chunk_is_the_event_inside_of_it(events: list[bytes], places: list[int]) -> None:
    raw = b"".join(map(chunk, events))
    frames = run(EventStreamFramer(), cut(raw, places))
    assert payloads(frames) == events
    assert [frame.raw for frame in frames] == [*map(chunk, events)]
    assert {frame.event for frame in frames} <= {"chunk"}
    for frame in frames:
        assert frame.with_payload(b"{}") == chunk(b"{}")


@given(st.text(min_size=1), st.text())
def test_a_chunk_of_text_is_an_event_with_that_text(text: str, other: str) -> None:
    (frame,) = run(EventStreamFramer(), [chunk(text.encode())])
    event = json.loads(frame.payload or b"")
    if event != {"text": text}:
        assert event == json.loads(text)
    elif other:
        assert frame.with_payload(json.dumps({"text": other}).encode()) == chunk(other.encode())


def test_every_cut_gives_the_same_messages() -> None:
    raw = chunk(b'{"a": 1}') + message(b'{"b": 2}', event_type="contentBlockDelta")
    for at in range(len(raw) + 1):
        frames = run(EventStreamFramer(), [raw[:at], raw[at:]])
        assert payloads(frames) == [b'{"a": 1}', b'{"b": 2}']
    assert len(run(EventStreamFramer(), cut(raw, range(len(raw))))) == 2


def test_converse_has_the_json_itself() -> None:
    inner = b'{"delta":{"bytes":"aGk="}}'
    (frame,) = EventStreamFramer().feed(message(inner, event_type="contentBlockDelta"))
    assert (frame.payload, frame.event) == (inner, "contentBlockDelta")
    longer = inner.replace(b"aGk=", b"x" * 70_000)
    assert frame.with_payload(longer) == message(longer, event_type="contentBlockDelta")


def test_an_exception_is_named() -> None:
    raw = message(
        b'{"message":"no"}', message_type="exception", exception_type="throttlingException"
    )
    (frame,) = EventStreamFramer().feed(raw)
    assert (frame.payload, frame.event) == (b'{"message":"no"}', "throttlingException")


@given(payload=st.binary(), other=st.binary(), kind=st.sampled_from(["chunk", "x", "metadata"]))
@pytest.mark.skipif(importlib.util.find_spec("botocore") is None, reason="needs botocore")
def test_botocore_reads_what_we_write(payload: bytes, other: bytes, kind: str) -> None:
    (frame,) = EventStreamFramer().feed(message(payload, event_type=kind))
    ((headers, read),) = read_by_botocore(frame.with_payload(other))
    assert read == other
    assert headers == {**HEADERS, ":event-type": kind}


def test_a_message_with_a_wrong_sum_goes_out_as_it_came() -> None:
    good, bad = chunk(b"{}"), bytearray(chunk(b"{}"))
    bad[-6] ^= 1
    frames = EventStreamFramer().feed(good + bytes(bad) + good)
    assert [frame.payload for frame in frames] == [b"{}", None, b"{}"]
    assert frames[1].with_payload(b"[]") == bytes(bad)


@pytest.mark.parametrize("at", range(12))
def test_behind_a_wrong_prelude_everything_goes_through_at_once(at: int) -> None:
    bad = bytearray(chunk(b"{}"))
    bad[at] ^= 1
    framer = EventStreamFramer()
    assert [frame.raw for frame in framer.feed(bytes(bad))] == [bytes(bad)]
    assert [frame.raw for frame in framer.feed(b"more")] == [b"more"]
    assert framer.finish() == []


def test_a_cut_off_message_has_no_payload() -> None:
    raw = chunk(b'{"a": 1}')
    for at in range(1, len(raw)):
        (frame,) = run(EventStreamFramer(), [raw[:at]])
        assert (frame.raw, frame.payload) == (raw[:at], None)


@given(st.binary(max_size=40), st.binary(max_size=20))
def test_headers_of_any_kind_are_read_without_an_error(headers: bytes, payload: bytes) -> None:
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    raw = body + struct.pack(">I", crc32(body))
    (frame,) = EventStreamFramer().feed(raw)
    assert isinstance(frame.event, str)
    assert frame.payload in (payload, None)
    assert frame.with_payload(payload) == raw
