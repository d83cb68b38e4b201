"""Answers other than JSON and events of JSON: protobuf, plain text, bytes, unreadable ones."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from policy.answer_cases import DENY, REDACT, SAYS, judge
from policy.kit import TOKEN, enforced
from secretgate.bodies.base import Unreadable
from secretgate.inbound.responses import Readers, Response, respond
from secretgate.placeholders import Issued
from secretgate.providers import DIALECTS
from secretgate.streams.envelopes import COMPRESSED, END_OF_STREAM, EnvelopeFramer, envelope

REFUSE = enforced(
    "  - {name: no-names, action: deny, message: not that, match: {operation: llm.text,"
    " direction: response, when: \"params.text.contains('voldemort')\"}}"
)
WATCH = REDACT.replace("mode: enforce", "mode: audit_only")
NOTHING = Issued("REDACTED<{}>", {})
SAID = "look: [REDACTED:test-token] and more"
PIECES = ["look: ", TOKEN[:9], TOKEN[9:20], TOKEN[20:] + " and ", "more"]


def answer(
    rules: str, kind: str, dialect: str = "protobuf", asked: bool = False, **headers: str
) -> Response:
    made = respond(
        {
            "content-type": kind,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
        Readers(
            DIALECTS[dialect],
            NOTHING,
            lambda reason: None,
            judge=judge(rules, DIALECTS[dialect]),
        ),
        stream=asked,
    )
    assert made is not None
    return made


def through(way: Response, raw: bytes, size: int = 0) -> bytes:
    size = size or len(raw)
    parts = [way.feed(raw[at : at + size]) for at in range(0, len(raw), size)]
    return b"".join([*parts, way.finish()])


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def message(text: str) -> bytes:
    return field(1, field(2, text.encode()) + b"\x18\x07") + field(3, b"message-id")


def text_of(message: bytes) -> str:
    """Return the text of a message written by `message`, and check that the message is complete."""
    inner = message[2 : 2 + message[1]]
    text = inner[2 : 2 + inner[1]]
    assert message == field(1, field(2, text) + b"\x18\x07") + field(3, b"message-id")
    return text.decode()


def messages(raw: bytes) -> list[bytes]:
    return [each.message for each in EnvelopeFramer("gzip").envelopes(raw)]


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_text_is_judged_over_all_messages_of_a_call(size: int) -> None:
    raw = b"".join(envelope(message(piece)) for piece in PIECES) + envelope(b"{}", END_OF_STREAM)
    out = through(answer(REDACT, "application/connect+proto"), raw, size)
    *said, end = messages(out)
    assert "".join(map(text_of, said)) == SAID
    assert end == b"{}"


def test_messages_that_are_compressed_stay_so() -> None:
    raw = envelope(gzip.compress(message(f"look: {TOKEN} and more")), COMPRESSED)
    out = through(answer(REDACT, "application/grpc", grpc_encoding="gzip"), raw)
    assert out[0] == COMPRESSED
    assert [*map(text_of, messages(out))] == [SAID]


def test_what_no_rule_changes_is_the_same_bytes() -> None:
    raw = b"".join(map(envelope, [message("a word"), b"", message("another")]))
    assert through(answer(REDACT, "application/grpc"), raw, 5) == raw
    assert through(answer(DENY, "application/grpc"), raw, 5) == raw
    assert through(answer(REDACT, "application/proto"), message("a word"), 5) == message("a word")


def test_a_denied_text_says_so() -> None:
    raw = envelope(message("It was Volde")) + envelope(message("mort himself"))
    said = [*map(text_of, messages(through(answer(REFUSE, "application/grpc"), raw)))]
    assert said == ["[secretgate denied this part of the answer: not that (rule no-names)]", ""]


def test_an_answer_of_one_message() -> None:
    out = through(answer(REDACT, "application/proto"), message(f"look: {TOKEN} and more"), 4)
    assert text_of(out) == SAID


def test_rules_that_only_watch_hold_no_message() -> None:
    way = answer(WATCH, "application/grpc")
    assert not way.rewrites
    raw = envelope(message(TOKEN))
    assert way.feed(raw) == raw


@pytest.mark.parametrize("bad", [envelope(b"\xff\xff" + TOKEN.encode()), b"\x44" + bytes(9)])
def test_a_message_that_cannot_be_read_ends_what_rules_have_to_see(bad: bytes) -> None:
    good = envelope(message("a word"))
    out = through(answer(REDACT, "application/grpc"), good + bad + good)
    assert out in (b"", good)
    assert through(answer(WATCH, "application/grpc"), good + bad + good) == good + bad + good


@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "text/html", "application/x-thing"])
@pytest.mark.parametrize("size", [0, 3])
@pytest.mark.parametrize("asked", [False, True])
def test_plain_text(kind: str, size: int, asked: bool) -> None:
    raw = "".join(PIECES).encode()
    assert through(answer(REDACT, kind, "anthropic", asked), raw, size) == SAID.encode()


def test_text_that_is_called_json() -> None:
    raw = "".join(PIECES).encode()
    assert through(answer(REDACT, "application/json", "anthropic"), raw) == SAID.encode()
    assert (
        json.loads(through(answer(REDACT, "application/json", "anthropic"), b'"%b"' % raw)) == SAID
    )


def test_json_that_is_called_text() -> None:
    """Many clients parse the body whatever its type."""
    call = {"type": "tool_use", "id": "t", "name": "bash", "input": {"command": "rm -rf /"}}
    raw = json.dumps({"type": "message", "content": [call], "stop_reason": "tool_use"}).encode()
    said: Any = json.loads(through(answer(DENY, "text/plain", "anthropic"), raw))
    assert said["content"] == [{"type": "text", "text": SAYS}]


def test_bytes_that_are_no_text_pass() -> None:
    raw = b"\x89PNG\xff\x00" + TOKEN.encode()
    assert through(answer(REDACT, "application/octet-stream", "anthropic"), raw) == raw


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "application/grpc"])
def test_an_encoding_that_nobody_knows_is_refused_where_rules_have_to_see_the_answer(
    kind: str,
) -> None:
    with pytest.raises(Unreadable, match="secret-sauce"):
        answer(REDACT, kind, "anthropic", content_encoding="secret-sauce")
