"""Rules for answers of Mistral's conversations and of Gemini's interactions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from harness.families.base import events, sse
from policy.answer_cases import BAD, DENY, GOOD, REDACT, SAYS, judge, streamed
from policy.kit import TOKEN
from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

Call = tuple[str, str]


class Kind(NamedTuple):
    dialect: str
    named: str
    pieces: Callable[[int, str, Call | None], list[Any]]
    """Returns the events of one output: of its text, or of a call."""
    end: Any
    whole: Callable[[Call], Any]
    """Returns a call in an answer that is not streamed."""
    read: Callable[[Any], tuple[str, str, Any]]
    """Returns the text in an event or an output, and name and arguments of the call in it."""


def mistral(at: int, text: str, call: Call | None) -> list[Any]:
    here = {"output_index": at, "id": f"o{at}"}
    if call is None:
        said = {"type": "message.output.delta", **here, "role": "assistant"}
        return [{**said, "content": piece} for piece in (text[:9], text[9:])]
    called = {"type": "function.call.delta", **here, "name": call[0], "tool_call_id": "t"}
    return [{**called, "arguments": piece} for piece in (call[1][:5], call[1][5:])]


def mistral_read(event: Any) -> tuple[str, str, Any]:
    arguments = event.get("arguments", "")
    return event.get("content", ""), event.get("name", ""), arguments


def interaction(at: int, text: str, call: Call | None) -> list[Any]:
    deltas: list[Any] = [{"type": "text", "text": piece} for piece in (text[:9], text[9:])]
    if call is not None:
        name, arguments = call
        deltas = [{"type": "function_call", "name": name, "arguments": json.loads(arguments)}]
    begun = [{"event_type": "content.delta", "index": at, "delta": delta} for delta in deltas]
    return [*begun, {"event_type": "content.stop", "index": at}]


def interaction_read(event: Any) -> tuple[str, str, Any]:
    delta = event.get("delta", event)
    arguments = delta.get("arguments", "")
    return delta.get("text", ""), delta.get("name", ""), arguments and json.dumps(arguments)


def step(at: int, text: str, call: Call | None) -> list[Any]:
    if call is None:
        begun: Any = {"type": "model_output", "content": []}
        deltas = [{"type": "text", "text": piece} for piece in (text[:9], text[9:])]
    else:
        begun = {"type": "function_call", "id": f"call_{at}", "name": call[0], "arguments": {}}
        pieces = (call[1][:5], call[1][5:])
        deltas = [{"type": "arguments_delta", "arguments": piece} for piece in pieces]
    return [
        {"event_type": "step.start", "index": at, "step": begun},
        *({"event_type": "step.delta", "index": at, "delta": delta} for delta in deltas),
        {"event_type": "step.stop", "index": at},
    ]


def step_read(event: Any) -> tuple[str, str, Any]:
    begun, delta = event.get("step", {}), event.get("delta", event)
    content = delta.get("content", ())
    arguments = delta.get("arguments", "")
    name = begun.get("name", "") or delta.get("name", "") or ("…" if arguments else "")
    text = delta.get("text", "") + "".join(part["text"] for part in content)
    return text, name, arguments if isinstance(arguments, str) else json.dumps(arguments)


KINDS = {
    "Mistral": Kind(
        "openai-responses",
        "type",
        mistral,
        {"type": "conversation.response.done"},
        lambda call: {"object": "entry", "type": "function.call", "name": call[0], "arguments": call[1]},
        mistral_read,
    ),
    "Gemini": Kind(
        "gemini",
        "event_type",
        interaction,
        {"event_type": "interaction.complete"},
        lambda call: {"type": "function_call", "name": call[0], "arguments": json.loads(call[1])},
        interaction_read,
    ),
    "Gemini, in steps": Kind(
        "gemini",
        "event_type",
        step,
        {"event_type": "interaction.completed", "interaction": {"status": "requires_action"}},
        lambda call: {"type": "function_call", "id": "c", "name": call[0], "arguments": json.loads(call[1])},
        step_read,
    ),
}  # fmt: skip


def said(kind: Kind, answers: Sequence[Any]) -> tuple[str, list[Call]]:
    text, calls = "", []
    for answer in answers:
        piece, name, arguments = kind.read(answer)
        text += piece
        if name and calls and calls[-1][0] == name:
            calls[-1] = (name, calls[-1][1] + arguments)
        elif name == "…":
            calls[-1] = (calls[-1][0], calls[-1][1] + arguments)
        elif name:
            calls.append((name, arguments))
    return text, calls


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("size", [0, 1, 50])
def test_a_denied_call_is_a_text_and_others_stay(name: str, size: int) -> None:
    kind = KINDS[name]
    stream = [*kind.pieces(0, "Hm, I see. ", None), *kind.pieces(1, "", GOOD)]
    raw = sse([*stream, *kind.pieces(2, "", BAD), kind.end], named=kind.named)
    out = streamed(SseFramer(), judge(DENY, DIALECTS[kind.dialect]), raw, size)
    text, calls = said(kind, events(out))
    assert text == f"Hm, I see. {SAYS}"
    assert calls == [GOOD]


@pytest.mark.parametrize("name", KINDS)
def test_so_it_is_in_an_answer_that_is_not_streamed(name: str) -> None:
    kind = KINDS[name]
    outputs = "steps" if "steps" in name else "outputs"
    raw = json.dumps({outputs: [kind.whole(GOOD), kind.whole(BAD)]}).encode()
    out = json.loads(judge(DENY, DIALECTS[kind.dialect]).document(raw))[outputs]
    assert said(kind, out) == (SAYS, [GOOD])
    assert out[0] == kind.whole(GOOD)
    assert str(out[1]["type"]) in ("message.output", "text", "model_output")


@pytest.mark.parametrize("name", KINDS)
def test_what_a_rule_redacts_is_redacted_across_pieces(name: str) -> None:
    kind = KINDS[name]
    raw = sse([*kind.pieces(0, f"look: {TOKEN} and", None), kind.end], named=kind.named)
    out = streamed(SseFramer(), judge(REDACT, DIALECTS[kind.dialect]), raw)
    assert said(kind, events(out)) == ("look: [REDACTED:test-token] and", [])


def test_the_last_event_of_an_interaction_repeats_no_denied_call() -> None:
    kind = KINDS["Gemini, in steps"]
    call = {
        "type": "function_call",
        "id": "call_0",
        "name": BAD[0],
        "arguments": json.loads(BAD[1]),
    }
    end = {
        "event_type": "interaction.completed",
        "interaction": {"status": "requires_action", "steps": [call]},
    }
    raw = sse([*step(0, "", BAD), end], named="event_type")
    out = events(streamed(SseFramer(), judge(DENY, DIALECTS["gemini"]), raw))
    text = {"type": "text", "text": SAYS}
    assert out[-1]["interaction"] == {
        "status": "completed",
        "steps": [{"type": "model_output", "content": [text]}],
    }
    assert said(kind, out[:-1]) == (SAYS, [])
