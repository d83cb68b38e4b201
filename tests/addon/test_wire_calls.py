"""Connect and gRPC, message by message: forwarded as they arrive, restored across messages."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from chunk_invariance import assert_chunk_invariant
from google.protobuf import struct_pb2
from test_bodies_protobuf import field as wide
from test_wire_readers import envelope, field
from wire_support import SCOPE, Gate, secret

from secretgate.grpc import Call, EnvelopesAnswer, ProtobufAnswer, Refused, RequestStream, speaks
from secretgate.hosts import Hosts, Route, Treatment, builtin
from secretgate.outbound import references
from secretgate.outbound.requests import Decision
from secretgate.providers import DIALECTS
from secretgate.streams.envelopes import END_OF_STREAM, EnvelopeFramer

KEY = secret(1)


def messages(raw: bytes) -> list[bytes]:
    framer = EnvelopeFramer()
    found = [each.message for each in framer.envelopes(raw)]
    assert not framer.finish()
    return found


def chat(text: str) -> bytes:
    """Return a message as a real protobuf library writes and reads it."""
    message = struct_pb2.Struct()
    message.update({"role": "user", "text": text, "n": 7})
    return message.SerializeToString()


def text_of(message: bytes) -> str:
    return str(struct_pb2.Struct.FromString(message)["text"])


def call(gate: Gate, told: list[Decision] | None = None, **request: Any) -> RequestStream:
    given = {"headers": {"content-type": "application/connect+proto"}, **request}
    told = [] if told is None else told
    return RequestStream(
        gate.requests, gate.request("protobuf", **given), gate.nothing_issued, told.append
    )


def test_each_message_goes_on_when_it_has_come() -> None:
    gate = Gate()
    stream = call(gate)
    first, second = envelope(chat(f"it is {KEY}")), envelope(chat("and on"))
    out = b""
    for at in range(len(first)):
        out += stream.feed(first[at : at + 1])
    assert [text_of(message) for message in messages(out)] == [f"it is {gate.name(KEY)}"]
    assert stream.feed(second) == second
    assert stream.feed(envelope(b"")) == envelope(b"")
    assert stream.finish() == b""
    assert stream.issued.values == {gate.name(KEY).encode(): KEY.encode()}


def test_what_was_found_once_is_found_in_later_messages() -> None:
    gate = Gate()
    stream = call(gate)
    stream.feed(envelope(chat(f"it is {KEY}")))
    again = stream.feed(envelope(chat(f"x{KEY}y")))
    assert KEY.encode() not in again


@pytest.mark.parametrize("settings", [{"mode": "block"}, {}])
def test_what_must_not_be_sent_ends_the_call(settings: dict[str, str]) -> None:
    told: list[Decision] = []
    gate = Gate(**settings)
    stream = call(gate, told)
    bad = envelope(chat(KEY)) if settings else b"\x7f\x00\x00\x00\x04abcd" + KEY.encode()
    ended: list[str] = []
    through = Call(
        stream, lambda error: ended.append(type(error).__name__), lambda: ended.append("end")
    )
    assert through(envelope(chat("fine"))) == [envelope(chat("fine"))]
    assert through(bad) == []
    assert ended == ["Refused", "end"]
    assert through(envelope(chat("late"))) == []
    assert told[-1].refused
    assert KEY not in told[-1].message


@pytest.mark.parametrize(
    ("settings", "treatment"),
    [
        ({"on_unreadable": "pass"}, Treatment.CONTENT),
        ({}, Treatment.OTHER),
        ({"mode": "audit"}, Treatment.CONTENT),
    ],
)
def test_policy_may_let_the_unreadable_pass(settings: dict[str, str], treatment: Treatment) -> None:
    told: list[Decision] = []
    stream = call(Gate(**settings), told, treatment=treatment)
    raw = envelope(b"\xff\xff\xff no protobuf")
    assert stream.feed(raw) == raw
    assert [decision.refused for decision in told] == [False]


def test_a_cut_off_message_is_not_sent() -> None:
    stream = call(Gate())
    assert stream.feed(envelope(chat(KEY))[:-1]) == b""
    with pytest.raises(Refused):
        stream.finish()


def test_compressed_messages_stay_compressed() -> None:
    gate = Gate()
    headers = {"content-type": "application/connect+proto", "connect-content-encoding": "gzip"}
    out = call(gate, headers=headers).feed(envelope(gzip.compress(chat(KEY)), 1))
    assert out[0] == 1
    assert text_of(gzip.decompress(out[5:])) == gate.name(KEY)


def test_json_messages_are_json() -> None:
    gate = Gate()
    stream = call(gate, headers={"content-type": "application/connect+json"})
    (sent,) = messages(stream.feed(envelope(json.dumps({"text": f'"{KEY}"'}).encode())))
    assert json.loads(sent) == {"text": f'"{gate.name(KEY)}"'}


GATE = Gate()
ISSUED = GATE.issued(KEY, secret(2))
TEXT = f"a {GATE.name(KEY)}{GATE.name(secret(2))}, REDACTED<no> or R"
WANTED = TEXT.replace(GATE.name(KEY), KEY).replace(GATE.name(secret(2)), secret(2))


def answered(pieces: Iterable[str], cuts: int = 0, issued: Any = ISSUED) -> str:
    raw = b"".join(envelope(field(1, field(2, piece.encode()) + b"\x18\x07")) for piece in pieces)
    answer = EnvelopesAnswer({}, lambda: issued)
    parts = [raw[at : at + cuts] for at in range(0, len(raw), cuts)] if cuts else [raw]
    out = b"".join([*map(answer.feed, parts), answer.finish()])
    assert [each[2 + (each[1] > 127) :][-2:] for each in messages(out)] == [b"\x18\x07"] * len(
        messages(out)
    )
    return b"".join(_inner(message) for message in messages(out)).decode()


def _inner(message: bytes) -> bytes:
    """Return field 2 of field 1."""
    from secretgate.bodies.protobuf import read_protobuf

    body = read_protobuf(message)
    return b"".join(body.raw[slot.start : slot.end] for slot in body.slots)


def test_every_two_part_split_of_an_answers_text() -> None:
    def stream(chunks: Iterable[str]) -> Iterator[str]:
        yield answered(chunks)

    assert assert_chunk_invariant(stream, lambda _: WANTED, TEXT) == len(TEXT)


@pytest.mark.parametrize("size", [1, 2, 5, 30])
@pytest.mark.parametrize("cuts", [0, 1, 7])
def test_many_pieces_and_many_cuts(size: int, cuts: int) -> None:
    pieces = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]
    assert answered(pieces, cuts) == WANTED


QUOTED = 'a "key" \\ with\nlines of ' + secret(3)
NAME = GATE.name(QUOTED)
ARGUMENTS = json.dumps({"command": f"echo '{NAME}'", "why": "to {", "to": NAME})
CALLED = json.dumps({"command": f"echo '{QUOTED}'", "why": "to {", "to": QUOTED})
KINDS = {
    "arguments": (ARGUMENTS, CALLED),
    "two calls": (ARGUMENTS * 2, CALLED * 2),
    "what only begins like JSON": (f"{{{{ .x }}}} {NAME}", f"{{{{ .x }}}} {QUOTED}"),
    "what goes on after JSON": (f'{{"a": 1}} is {NAME}', f'{{"a": 1}} is {QUOTED}'),
    "a text with JSON in it": (f'so {{"a": "{NAME}', f'so {{"a": "{QUOTED}'),
}


@pytest.mark.parametrize("size", [1, 2, 7, 30, 9999])
@pytest.mark.parametrize("kind", KINDS)
def test_a_value_is_written_as_the_text_needs_it(kind: str, size: int) -> None:
    """The arguments of a call are JSON in a field of a message."""
    text, wanted = KINDS[kind]
    issued = GATE.issued(QUOTED)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert answered(pieces, issued=issued) == wanted
    if size > len(text) and kind != "two calls":
        answer = ProtobufAnswer(issued)
        answer.feed(chat(text))
        assert text_of(answer.finish()) == wanted


def test_arguments_come_back_as_the_provider_wrote_them() -> None:
    gate = Gate()
    gate.vault.learn(SCOPE, {QUOTED.encode(): "zz-key"})
    sent = call(gate).feed(envelope(chat(CALLED)))
    assert [text_of(each) for each in messages(sent)] == [ARGUMENTS]


def test_a_heartbeat_sets_free_what_waits() -> None:
    answer = EnvelopesAnswer({}, lambda: ISSUED)
    half = envelope(field(1, field(2, GATE.name(KEY)[:9].encode())))
    beat = envelope(field(3, b"\x08\x01"))
    assert answer.feed(half) == b""
    assert answer.feed(beat) == half + beat


def test_the_same_field_several_times_in_one_message() -> None:
    name = GATE.name(KEY).encode()
    answer = EnvelopesAnswer({}, lambda: ISSUED)
    (message,) = messages(
        answer.feed(envelope(field(1, name) + field(1, b"x " + name) + field(2, b"-")))
    )
    assert message == field(1, KEY.encode()) + field(1, b"x " + KEY.encode()) + field(2, b"-")


def test_the_end_of_a_connect_stream_may_quote_the_request() -> None:
    answer = EnvelopesAnswer({}, lambda: ISSUED)
    end = envelope(
        json.dumps({"error": {"message": f"bad: {GATE.name(KEY)}"}}).encode(), END_OF_STREAM
    )
    (said,) = messages(answer.feed(end))
    assert json.loads(said)["error"]["message"] == f"bad: {KEY}"


def test_what_holds_no_placeholder_is_the_same_bytes() -> None:
    answer = EnvelopesAnswer({}, lambda: ISSUED)
    raw = envelope(chat("nothing here")) + envelope(b"") + envelope(b"\xff\xff")
    assert answer.feed(raw) + answer.finish() == raw


def test_an_answer_of_one_message() -> None:
    answer = ProtobufAnswer(ISSUED)
    assert answer.feed(chat(f"it is {GATE.name(KEY)}")) == b""
    assert text_of(answer.finish()) == f"it is {KEY}"


def test_which_types_are_calls() -> None:
    assert speaks("application/grpc")
    assert speaks("application/grpc-web+proto")
    assert speaks("application/connect+json")
    assert not speaks("application/proto")


RUN = "0b5e7c4e-1111-4222-8333-444455556666"


def appended(run: str, message: bytes, as_json: bool) -> dict[str, Any]:
    """Return the path, content and headers of a request that brings a message of a call's client."""
    content = field(1, message.hex().encode()) + field(2, field(1, run.encode()))
    if as_json:
        said = {"data": message.hex(), "requestId": {"requestId": run}, "appendSeqno": "3"}
        content = json.dumps(said).encode()
    kind = "json" if as_json else "proto"
    return {
        "path": "/aiserver.v1.BidiService/BidiAppend",
        "content": content,
        "headers": {"content-type": f"application/{kind}"},
    }


@pytest.mark.parametrize("as_json", [True, False], ids=["JSON", "protobuf"])
@pytest.mark.parametrize("streamed", [True, False], ids=["a call", "one request"])
def test_the_two_halves_of_a_call_of_cursors_are_one_conversation(
    streamed: bool, as_json: bool
) -> None:
    """Over HTTP/1.1 one request opens the answer, and others bring the client's messages in hex."""
    gate = Gate()
    opening = {"path": "/agent.v1.AgentService/RunSSE"}
    if streamed:
        stream = call(gate, **opening)
        assert stream.feed(envelope(field(1, RUN.encode()))) == envelope(field(1, RUN.encode()))
        source: Any = stream
    else:
        asked = gate.request("protobuf", content=envelope(field(1, RUN.encode())), **opening)
        source = gate.requests.meanwhile(asked, references.awaited(asked), gate.nothing_issued)
    answer = EnvelopesAnswer({}, lambda: source.issued)
    out = answer.feed(envelope(chat("thinking")))
    other = "7" + RUN[1:]
    for run in (other, RUN):
        said = appended(run, chat(f"use {KEY}"), as_json)
        sent = gate.requests.decide(gate.request("protobuf", **said))
        assert sent.content is not None
        inner = bytes.fromhex(re.findall(rb"[0-9a-f]{60,}", sent.content)[0].decode())
        assert text_of(inner) == f"use {gate.name(KEY)}"
        out += answer.feed(envelope(chat(f"got {gate.name(KEY)}")))
    said_last = [text_of(each) for each in messages(out + answer.finish())]
    assert said_last == ["thinking", f"got {gate.name(KEY)}", f"got {KEY}"]


OWN = secret(2)
METADATA = field(1, b"windsurf") + field(3, OWN.encode()) + wide(21, OWN.encode())
LOGGED_IN: dict[str, tuple[str, bytes]] = {
    "a call": (
        "application/connect+proto",
        envelope(field(1, METADATA) + field(3, field(3, KEY.encode()))),
    ),
    "one message": (
        "application/proto",
        field(1, METADATA) + field(3, field(3, KEY.encode())),
    ),
    "JSON": (
        "application/json",
        json.dumps({"metadata": {"apiKey": OWN, "userJwt": OWN}, "prompt": KEY}).encode(),
    ),
}


@pytest.mark.parametrize("how", LOGGED_IN)
def test_the_key_with_which_windsurf_logs_in_stays(how: str) -> None:
    """It comes with each message, not in a header."""
    gate = Gate()
    kind, content = LOGGED_IN[how]
    assert DIALECTS["windsurf"] is route("server.self-serve.windsurf.com").dialect
    sent = gate.requests.decide(
        gate.request("windsurf", content=content, headers={"content-type": kind})
    ).content
    assert sent is not None
    assert sent.count(OWN.encode()) == 2
    assert KEY.encode() not in sent
    assert gate.name(KEY).encode() in sent
    elsewhere = field(2, METADATA) + field(3, OWN.encode())
    sent = gate.requests.decide(
        gate.request("windsurf", content=elsewhere, headers={"content-type": "application/proto"})
    ).content
    assert sent is not None
    assert OWN.encode() not in sent


def asked_xai(auth: bytes) -> bytes:
    """Return a request of xAI's SDK with a prompt, and a tool whose server asks for credentials."""
    server = field(3, b"https://mcp.example/") + field(5, auth)
    server += field(6, field(1, b"x-key") + field(2, auth))
    return field(1, field(1, field(1, KEY.encode()))) + wide(17, field(7, server))


@pytest.mark.parametrize("batch", [True, False], ids=["in a batch", "alone"])
def test_the_credentials_of_a_tool_of_xais_stay(batch: bool) -> None:
    gate = Gate()
    content = asked_xai(f"Bearer {OWN}".encode())
    content = field(2, field(2, content)) if batch else content
    dialect = route("api.x.ai", "/xai_api.Chat/GetCompletion").dialect
    request = gate.request(
        dialect.name, content=envelope(content), headers={"content-type": "application/grpc"}
    )
    sent = gate.requests.decide(request).content
    assert sent is not None
    assert sent.count(OWN.encode()) == 2
    assert KEY.encode() not in sent
    elsewhere = asked_xai(b"none") + field(3, OWN.encode())
    request = gate.request(
        dialect.name, content=envelope(elsewhere), headers={"content-type": "application/grpc"}
    )
    sent = gate.requests.decide(request).content
    assert sent is not None
    assert OWN.encode() not in sent


GET_CHAT = "/exa.api_server_pb.ApiServerService/GetChatMessage"


def route(host: str, path: str = GET_CHAT) -> Route:
    found = Hosts(builtin()).route([host], path)
    assert found is not None
    return found
