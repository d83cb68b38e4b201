"""Amazon's bidirectional streams: clean events pass as they are, any other ends the call."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from typing import Any
from zlib import crc32

import pytest
from test_streams_eventstream import chunk, message
from wire_support import Gate, dump, secret

from secretgate.grpc import Refused
from secretgate.outbound.requests import Decision, Verdict
from secretgate.signed_events import SignedEvents, speaks

KEY = secret(1)
PATH = "/model/amazon.nova-sonic-v1:0/invoke-with-bidirectional-stream"


def signed(inner: bytes, note: str = "") -> bytes:
    """Return a message around another one, as clients sign them."""
    headers = b"\x05:date\x08" + struct.pack(">Q", 1_795_000_000_000)
    headers += b"\x10:chunk-signature\x06" + struct.pack(">H", 32) + bytes(range(200, 232))
    if note:
        headers += b"\x05:note\x07" + struct.pack(">H", len(note)) + note.encode()
    lengths = struct.pack(">II", 16 + len(headers) + len(inner), len(headers))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + inner
    return body + struct.pack(">I", crc32(body))


def event(name: str, **content: Any) -> bytes:
    return dump({"event": {name: {"promptName": "p", **content}}})


def call(gate: Gate, told: list[Decision]) -> SignedEvents:
    headers = {"content-type": "application/vnd.amazon.eventstream", "authorization": "AWS4-HMAC"}
    request = gate.request("bedrock", path=PATH, headers=headers)
    return SignedEvents(gate.requests, request, gate.nothing_issued, told.append)


CLEAN = [
    signed(chunk(event("sessionStart", inferenceConfiguration={"maxTokens": 1024}))),
    chunk(event("textInput", content="hello")),
    signed(chunk(event("audioInput", content=b64encode(bytes(range(256))).decode()))),
    signed(b""),
]
BAD = {
    "a text": signed(chunk(event("textInput", content=f"it is {KEY}"))),
    "a text that is not signed": chunk(event("textInput", content=KEY)),
    "a tool": signed(chunk(event("promptStart", toolConfiguration={"tools": [{"toolSpec": {"description": KEY}}]}))),
    "a result": signed(chunk(event("toolResult", content=json.dumps({"said": KEY})))),
    "beside the event": signed(message(dump({"bytes": "e30=", "p": KEY}), event_type="chunk")),
    "an event without bytes": signed(message(event("textInput", content=KEY), event_type="chunk")),
    "a header": signed(chunk(b"{}"), note=KEY),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_clean_events_pass_as_they_come(size: int) -> None:
    told: list[Decision] = []
    stream, raw = call(Gate(), told), b"".join(CLEAN)
    out = [stream.feed(raw[at : at + size]) for at in range(0, len(raw), size)]
    assert b"".join(out) == raw
    assert stream.finish() == b""
    assert {decision.verdict for decision in told} == {Verdict.CLEAN}


@pytest.mark.parametrize("mode", ["redact", "block"])
@pytest.mark.parametrize("where", BAD)
def test_an_event_with_a_secret_ends_the_call(where: str, mode: str) -> None:
    told: list[Decision] = []
    stream = call(Gate(mode=mode), told)
    assert stream.feed(CLEAN[0]) == CLEAN[0]
    with pytest.raises(Refused):
        stream.feed(BAD[where])
    assert told[-1].refused
    assert [spot.rule for spot in told[-1].spots] == ["zz-key"]
    if mode == "redact":
        assert "signed one after the other" in told[-1].message
    assert KEY not in told[-1].message


def test_audit_changes_nothing() -> None:
    told: list[Decision] = []
    assert call(Gate(mode="audit"), told).feed(BAD["a text"]) == BAD["a text"]
    assert told[-1].verdict is Verdict.AUDITED


@pytest.mark.parametrize(
    "raw",
    [
        CLEAN[1][:-1] + b"?",
        b"\xff" * 40,
        message(b'{"bytes": "e30"}', event_type="chunk"),
        signed(b"x" * 20),
        chunk(b"\x00\x01 not JSON"),
        message(b"no JSON"),
    ],
)
def test_what_cannot_be_read_ends_the_call(raw: bytes) -> None:
    with pytest.raises(Refused):
        call(Gate(), []).feed(raw)
    assert call(Gate(on_unreadable="pass"), []).feed(raw) == raw


def test_a_last_event_that_is_cut_is_not_sent() -> None:
    stream = call(Gate(), [])
    assert stream.feed(CLEAN[0][:-3]) == b""
    with pytest.raises(Refused):
        stream.finish()


def test_the_content_type_tells() -> None:
    assert speaks("application/vnd.amazon.eventstream; x=y")
    assert not speaks("application/json")
