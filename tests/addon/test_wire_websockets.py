"""WebSockets, message by message: what is forwarded, refused and returned, and in which order."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from wire_support import Gate, dump, secret

from harness.families.base import events
from harness.wire_families import FAMILIES
from secretgate.engine import Engine
from secretgate.hosts import Treatment
from secretgate.websockets import Outcome, Socket

KEY = secret(1)


def socket(gate: Gate, dialect: str = "openai-responses", **request: Any) -> Socket:
    return Socket(cast(Engine, gate), gate.request(dialect, **request))


def out(outcome: Outcome, message: bytes) -> list[bytes]:
    """Return what the client receives for one message of the provider."""
    if outcome.drop:
        return [content for to_client, content in outcome.inject if to_client]
    return [message if outcome.content is None else outcome.content]


def test_codex_warms_up_asks_and_goes_on() -> None:
    gate = Gate()
    ws = socket(gate)
    warm = dump({"type": "response.create", "generate": False, "instructions": f"use {KEY} now"})
    sent = ws.from_client(warm).content
    assert sent == warm.replace(KEY.encode(), gate.name(KEY).encode())
    clean = dump({"type": "response.create", "previous_response_id": "resp_1", "input": []})
    assert ws.from_client(clean).content is None
    processed = b'{"type":"response.processed","response_id":"resp_1"}'
    assert ws.from_client(processed).content is None
    steer = dump({"type": "response.steer", "input": [{"role": "user", "content": f"and {KEY}"}]})
    assert KEY.encode() not in (ws.from_client(steer).content or b"")
    answer = dump({"type": "response.output_text.delta", "item_id": "m", "delta": gate.name(KEY)})
    assert out(ws.from_provider(answer), answer) == [
        answer.replace(gate.name(KEY).encode(), KEY.encode())
    ]


def test_what_was_issued_on_one_connection_is_restored_on_the_next() -> None:
    gate = Gate()
    first = socket(gate)
    first.from_client(dump({"type": "response.create", "input": KEY}))
    done = dump({"type": "response.completed", "response": {"id": "resp_1", "output": []}})
    first.from_provider(done)
    first.close()
    second = socket(gate)
    second.from_client(
        dump({"type": "response.create", "previous_response_id": "resp_1", "input": "on"})
    )
    answer = dump({"type": "response.output_text.delta", "item_id": "m", "delta": gate.name(KEY)})
    assert KEY.encode() in out(second.from_provider(answer), answer)[0]
    stranger = socket(gate)
    stranger.from_client(dump({"type": "response.create", "input": gate.name(KEY)}))
    assert KEY.encode() not in out(stranger.from_provider(answer), answer)[0]


@pytest.mark.parametrize("name", ["responses", "responses live", "gemini live"])
@pytest.mark.parametrize("size", [1, 3, 7, 400])
def test_the_order_holds_when_messages_are_added(name: str, size: int) -> None:
    """Inserted messages arrive late; until then, no other message may overtake them."""
    gate = Gate()
    family = FAMILIES[name]
    ws = socket(gate, family.dialect.name)
    ws.from_client(dump({"input": KEY, "clientContent": {"turns": [{"parts": [{"text": KEY}]}]}}))
    text = f"it is {gate.name(KEY)} or {gate.name(KEY)[:-4]}"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    arguments = json.dumps({"a": gate.name(KEY)})
    raw = family.write(pieces, [arguments[:9], arguments[9:]])
    got: list[bytes] = []
    late: list[bytes] = []
    for count, event in enumerate(events(raw)):
        message = dump(event)
        outcome = ws.from_provider(message)
        if outcome.drop:
            late += out(outcome, message)
        else:
            assert not late, "overtook what is still on its way"
            got += out(outcome, message)
        if count % 3 == 2:
            for each in late:
                got.append(each)
                ws.arrived()
            late = []
    read = b"".join(b"data: " + each + b"\n\n" for each in [*got, *late])
    said, called = family.read(read)
    assert said == text.replace(gate.name(KEY), KEY)
    if family.arguments:
        assert json.loads(called) == {"a": KEY}


@pytest.mark.parametrize(
    ("dialect", "agent", "status", "closes"),
    [
        ("openai-responses", "codex_cli_rs/0.169.0", 400, False),
        ("openai-responses", "OpenAI/Python", 403, False),
        ("gemini", "", 403, True),
        ("generic", "", 403, True),
    ],
)
def test_a_blocked_message_is_answered_in_the_protocols_own_words(
    dialect: str, agent: str, status: int, closes: bool
) -> None:
    ws = socket(Gate(mode="block"), dialect, headers={"user-agent": agent})
    outcome = ws.from_client(dump({"type": "response.create", "input": KEY}))
    assert outcome.drop
    assert outcome.content is None
    assert outcome.close is closes
    ((to_client, content),) = outcome.inject
    error = json.loads(content)
    assert to_client
    assert "secret detected" in error["error"]["message"]
    assert KEY.encode() not in content
    assert outcome.decision is not None
    assert outcome.decision.status == status
    if dialect == "openai-responses":
        assert (error["type"], error["status"]) == ("error", status)


def test_json_in_binary_messages_is_read_both_ways() -> None:
    gate = Gate()
    ws = socket(gate, "gemini")
    sent = ws.from_client(dump({"clientContent": {"turns": [{"parts": [{"text": KEY}]}]}}), False)
    assert gate.name(KEY).encode() in (sent.content or b"")
    answer = dump({"serverContent": {"modelTurn": {"parts": [{"text": gate.name(KEY)}]}}})
    assert KEY.encode() in out(ws.from_provider(answer, False), answer)[0]


def test_plain_text_messages_are_read_too() -> None:
    gate = Gate()
    ws = socket(gate, "generic")
    assert ws.from_client(f"42[{KEY}".encode()).content == f"42[{gate.name(KEY)}".encode()
    assert ws.from_client(b"2probe").content is None
    assert out(ws.from_provider(f"42[{gate.name(KEY)}".encode()), b"") == [f"42[{KEY}".encode()]


@pytest.mark.parametrize("lead", ["", "42"])
def test_json_that_is_no_object_stays_json(lead: str) -> None:
    gate = Gate()
    spoken = ["message", f'the "{KEY}"\n\\']
    ws = socket(gate, "generic")
    ws._events.issued = gate.issued(spoken[1])
    answer = lead + json.dumps(["message", gate.name(spoken[1])])
    (got,) = out(ws.from_provider(answer.encode()), b"")
    assert json.loads(got.removeprefix(lead.encode())) == spoken


@pytest.mark.parametrize(
    ("settings", "treatment", "refused"),
    [
        ({}, Treatment.CONTENT, True),
        ({"mode": "block"}, Treatment.CONTENT, True),
        ({"mode": "audit"}, Treatment.CONTENT, False),
        ({"on_unreadable": "pass"}, Treatment.CONTENT, False),
        ({}, Treatment.OTHER, False),
        ({}, Treatment.PASS, False),
    ],
)
def test_a_binary_protocol_is_handled_by_policy(
    settings: dict[str, str], treatment: Treatment, refused: bool
) -> None:
    ws = socket(Gate(**settings), "generic", treatment=treatment)
    message = b"\x01\x00\x00\xff" + KEY.encode()
    outcome = ws.from_client(message, False)
    assert outcome.drop is outcome.close is refused
    assert KEY.encode() not in b"".join(content for _, content in outcome.inject)
    if not refused:
        assert outcome.content is None
    assert out(ws.from_provider(message, False), message) == [message]


def test_a_failure_of_ours_is_told_and_nothing_is_sent() -> None:
    outcome = socket(Gate()).failed()
    assert outcome.drop
    assert json.loads(outcome.inject[0][1])["type"] == "error"


def test_realtime_speaks_the_same_protocol() -> None:
    gate = Gate()
    ws = socket(gate)
    update = dump(
        {
            "type": "session.update",
            "session": {"instructions": KEY, "tools": [{"description": KEY}]},
        }
    )
    assert (ws.from_client(update).content or b"").count(gate.name(KEY).encode()) == 2
    audio = dump({"type": "input_audio_buffer.append", "audio": "UklGR" + "A" * 400})
    assert ws.from_client(audio).content is None
    item = {"type": "function_call_output", "call_id": "c", "output": KEY}
    sent = ws.from_client(dump({"type": "conversation.item.create", "item": item})).content
    assert gate.name(KEY).encode() in (sent or b"")
    delta = dump(
        {"type": "response.output_audio_transcript.delta", "item_id": "i", "delta": gate.name(KEY)}
    )
    assert KEY.encode() in out(ws.from_provider(delta), delta)[0]
    sound = dump({"type": "response.output_audio.delta", "item_id": "i", "delta": gate.name(KEY)})
    assert out(ws.from_provider(sound), sound) == [sound]
    content = [{"type": "audio", "transcript": gate.name(KEY)}]
    done = dump(
        {"type": "response.done", "response": {"output": [{"id": "i", "content": content}]}}
    )
    assert KEY.encode() in out(ws.from_provider(done), done)[-1]


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_what_was_heard_ends_with_its_own_event(end: str) -> None:
    """A transcript of the user's speech may end like a placeholder begins, and is no response."""
    gate = Gate()
    ws = socket(gate)
    ws.from_client(dump({"type": "conversation.item.create", "item": {"content": [{"text": KEY}]}}))
    kind, place = (
        "conversation.item.input_audio_transcription",
        {"item_id": "i", "content_index": 0},
    )
    piece = dump({"type": f"{kind}.delta", **place, "delta": "Ask HR"})
    over = dump({"type": f"{kind}.{end}", **place})
    first = out(ws.from_provider(piece), piece)
    events = [json.loads(each) for each in [*first, *out(ws.from_provider(over), over)]]
    assert "".join(event.get("delta", "") for event in events) == "Ask HR"
    assert events[-1]["type"] == f"{kind}.{end}"
