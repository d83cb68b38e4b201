"""Streams of single vendors and endpoints: the pieces of a text have their own name in each."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from wire_support import Gate, secret, through

from harness.families.base import message, read_by_botocore, sse
from secretgate.inbound.responses import Readers, respond
from secretgate.providers import DIALECTS, value_at
from secretgate.streams.eventstream import EventStreamFramer
from secretgate.streams.sse import SseFramer

GATE = Gate()
KEY = secret(1)
ISSUED = GATE.issued(KEY)
GENERIC = Readers(DIALECTS["generic"], ISSUED, pytest.fail)
SAID = f'{{"command": "echo {GATE.name(KEY)} é"}}'
WANTED = SAID.replace(GATE.name(KEY), KEY)


class Vendor(NamedTuple):
    dialect: str
    event: Callable[[str], Any]
    """Returns an event with a piece of the text."""
    piece: Callable[[Any], Any]
    """Returns the piece in an event."""
    named: str = "type"
    """Which member of an event its frame repeats."""


def chat(piece: str) -> Any:
    return {"choices": [{"index": 0, "delta": {"content": piece}}]}


def called(piece: str) -> Any:
    call = {"index": 0, "function": {"arguments": piece}}
    return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


VENDORS = {
    "Mistral conversation": Vendor(
        "openai-responses",
        lambda piece: {"type": "message.output.delta", "output_index": 0, "content": piece},
        lambda event: event.get("content"),
    ),
    "Mistral conversation, chunk": Vendor(
        "openai-responses",
        lambda piece: {"type": "message.output.delta", "content": {"type": "text", "text": piece}},
        lambda event: value_at(event, "content.text"),
    ),
    "Mistral conversation, call": Vendor(
        "openai-responses",
        lambda piece: {"type": "function.call.delta", "name": "n", "arguments": piece},
        lambda event: event.get("arguments"),
    ),
    "Anthropic, legacy completions": Vendor(
        "anthropic",
        lambda piece: {"type": "completion", "completion": piece, "stop_reason": None},
        lambda event: event.get("completion"),
    ),
    "Gemini interactions, call": Vendor(
        "gemini",
        lambda piece: {"event_type": "content.delta", "index": 0, "delta": {"arguments": piece}},
        lambda event: value_at(event, "delta.arguments"),
        "event_type",
    ),
}
BEDROCK: dict[str, tuple[Callable[[str], Any], Callable[[Any], Any]]] = {
    "Cohere": (
        lambda piece: {"event_type": "text-generation", "text": piece},
        lambda event: event.get("text"),
    ),
    "chat": (chat, lambda event: event["choices"][0]["delta"].get("content")),
    "chat, call": (
        called,
        lambda event: event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"],
    ),
    "Mistral chat": (
        lambda piece: {"choices": [{"index": 0, "message": {"content": piece}}]},
        lambda event: event["choices"][0]["message"]["content"],
    ),
    "DeepSeek": (
        lambda piece: {"choices": [{"text": piece}]},
        lambda event: event["choices"][0]["text"],
    ),
}
CUTS = range(1, len(SAID), 3)


def cut(at: int) -> list[str]:
    return [SAID[:at], SAID[at : at + 7], SAID[at + 7 :]]


@pytest.mark.parametrize("name", VENDORS)
def test_a_placeholder_in_pieces_is_restored(name: str) -> None:
    vendor = VENDORS[name]
    for at in CUTS:
        raw = sse([vendor.event(piece) for piece in cut(at)], named=vendor.named)
        out = through(SseFramer(), DIALECTS[vendor.dialect], ISSUED, raw)
        events = [json.loads(line[5:]) for line in out.splitlines() if line.startswith(b"data:")]
        assert "".join(vendor.piece(event) or "" for event in events) == WANTED


@pytest.mark.parametrize("name", BEDROCK)
def test_so_it_is_in_the_formats_of_vendors_within_bedrock(name: str) -> None:
    event, piece = BEDROCK[name]
    for at in CUTS:
        inner = [json.dumps(event(each)).encode() for each in cut(at)]
        assert "".join(piece(json.loads(each)) or "" for each in wrapped(inner)) == WANTED


def test_so_it_is_in_the_plain_text_of_agents() -> None:
    for at in CUTS:
        said = [each.encode() for each in (*cut(at), " ", "4") if each]
        assert b"".join(wrapped(said)).decode() == WANTED + " 4"


def test_text_of_agents_that_names_nothing_goes_out_as_it_came() -> None:
    raw = b"".join(map(chunk, (b"It is", b" ", b"", b"4\xff", b'{"a": 1}', "é".encode())))
    assert through(EventStreamFramer(), DIALECTS["bedrock"], ISSUED, raw) == raw


def test_so_it_is_in_the_answers_of_a_knowledge_base() -> None:
    for at in CUTS:
        events = [json.dumps({"text": piece}).encode() for piece in cut(at)]
        raw = b"".join(message(each, event_type="output") for each in events)
        out = through(EventStreamFramer(), DIALECTS["bedrock"], ISSUED, raw)
        said = [json.loads(payload)["text"] for _, payload in read_by_botocore(out)]
        assert "".join(said) == WANTED


def chunk(payload: bytes) -> bytes:
    inner = json.dumps({"bytes": base64.b64encode(payload).decode()}).encode()
    return message(inner, event_type="chunk")


def wrapped(payloads: list[bytes]) -> list[bytes]:
    """Return what is in the messages of an answer, after restoration."""
    raw = b"".join(map(chunk, payloads))
    out = through(EventStreamFramer(), DIALECTS["bedrock"], ISSUED, raw)
    return [base64.b64decode(json.loads(payload)["bytes"]) for _, payload in read_by_botocore(out)]


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream"])
def test_so_it_is_in_lines_of_json_that_are_declared_as_text(kind: str) -> None:
    dialect = DIALECTS["generic"]
    for at in CUTS:
        raw = b"".join(json.dumps({"say": piece}).encode() + b"\n" for piece in cut(at))
        way = respond({"content-type": kind}, Readers(dialect, ISSUED, pytest.fail))
        assert way is not None
        out = way.feed(raw[:at]) + way.feed(raw[at:]) + way.finish()
        assert "".join(json.loads(line)["say"] for line in out.splitlines()) == WANTED


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "application/x-sse",
        "text/x-event-stream",
        "text/event-stream, text/event-stream",
    ],
)
def test_so_it_is_in_events_that_were_asked_for_under_any_type(kind: str) -> None:
    """Gateways name types of their own, and add a header that is there already."""
    for at in CUTS:
        raw = b"".join(b"data: " + json.dumps({"say": each}).encode() + b"\n\n" for each in cut(at))
        way = respond({"content-type": kind}, GENERIC, stream=True)
        assert way is not None
        out = way.feed(raw[:at]) + way.feed(raw[at:]) + way.finish()
        assert "".join(json.loads(line[6:])["say"] for line in out.splitlines() if line) == WANTED


@pytest.mark.parametrize(
    "kind", ["text/plain; charset=utf-8", "text/html", "application/octet-stream"]
)
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_document_that_is_declared_as_text_stays_json(
    kind: str, indent: int | None, end: str
) -> None:
    """Go's servers call JSON text/plain unless told otherwise."""
    value = 'two\nlines, "quoted"'
    raw = json.dumps({"say": f"it is {GATE.name(value)}"}, indent=indent).encode() + end.encode()
    headers, issued = {"content-type": kind}, GATE.issued(value)
    way = respond(headers, Readers(DIALECTS["generic"], issued, pytest.fail))
    assert way is not None
    pieces = [way.feed(raw[at : at + 9]) for at in range(0, len(raw), 9)]
    out = b"".join((*pieces, way.finish()))
    assert json.loads(out) == {"say": f"it is {value}"}
    assert out.endswith(end.encode())


def test_text_that_begins_like_json_is_forwarded_as_it_comes() -> None:
    way = respond({"content-type": "text/plain"}, GENERIC)
    assert way is not None
    assert way.feed(b"[x] one, ") == b"[x] one, "
    assert way.feed(b"{two} three") == b"{two} three"
