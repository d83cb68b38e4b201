"""Rules for the runs of OpenAI's Assistants, which stop and ask for the outputs of tool calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.families.base import events, sse
from policy.answer_cases import BAD, DENY, GOOD, REDACT, SAYS, judge, streamed
from policy.kit import TOKEN
from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

ASSISTANTS = DIALECTS["openai-assistants"]


def run(*calls: tuple[str, str]) -> dict[str, Any]:
    wanted = [
        {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for at, (name, arguments) in enumerate(calls)
    ]
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": wanted}}
    return {
        "id": "run_1",
        "object": "thread.run",
        "status": "requires_action",
        "required_action": action,
        "last_error": None,
    }


def stream(*calls: tuple[str, str]) -> bytes:
    frames: list[tuple[str, Any]] = [("thread.run.step.created", {"id": "step_1"})]
    for at, (name, arguments) in enumerate(calls):
        for function in (
            {"name": name, "arguments": ""},
            {"arguments": arguments[:7]},
            {"arguments": arguments[7:]},
        ):
            calling = {"index": at, "type": "function", "function": function}
            details = {"type": "tool_calls", "tool_calls": [calling]}
            delta = {"id": "step_1", "delta": {"step_details": details}}
            frames.append(("thread.run.step.delta", delta))
    frames.append(("thread.run.requires_action", run(*calls)))
    said = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in frames)
    return said.encode() + b"event: done\ndata: [DONE]\n\n"


def failed(answer: Any) -> None:
    assert (answer["status"], answer["required_action"]) == ("failed", None)
    assert answer["last_error"] == {"code": "server_error", "message": SAYS}


@pytest.mark.parametrize("size", [0, 1, 60])
def test_a_run_with_a_denied_call_has_failed(size: int) -> None:
    out = streamed(SseFramer(), judge(DENY, ASSISTANTS), stream(GOOD, BAD), size)
    assert b"event: thread.run.failed\n" in out
    assert b"requires_action" not in out
    assert b"rm -rf" not in out
    assert out.endswith(b"[DONE]\n\n")
    failed(events(out)[-1])


def test_a_run_whose_calls_are_allowed_stays_byte_for_byte() -> None:
    raw = stream(GOOD, GOOD)
    assert streamed(SseFramer(), judge(DENY, ASSISTANTS), raw, 50) == raw


def test_a_run_that_is_polled_is_judged_too() -> None:
    raw = json.dumps(run(GOOD, BAD)).encode()
    failed(json.loads(judge(DENY, ASSISTANTS).document(raw)))
    listed = json.dumps({"object": "list", "data": [run(GOOD), run(BAD)]}).encode()
    good, bad = json.loads(judge(DENY, ASSISTANTS).document(listed))["data"]
    assert good == run(GOOD)
    failed(bad)


def test_texts_of_messages_are_judged_in_pieces_and_whole() -> None:
    pieces = [f"look: {TOKEN[:9]}", TOKEN[9:], " and more"]
    said = [
        {
            "id": "msg_1",
            "delta": {"content": [{"index": 0, "type": "text", "text": {"value": each}}]},
        }
        for each in pieces
    ]
    whole = {"id": "msg_1", "content": [{"type": "text", "text": {"value": "".join(pieces)}}]}
    names = ["thread.message.delta"] * 3 + ["thread.message.completed"]
    raw = b"".join(
        f"event: {name}\n".encode() + sse([each])
        for name, each in zip(names, [*said, whole], strict=True)
    )
    *out, last = events(streamed(SseFramer(), judge(REDACT, ASSISTANTS), raw))
    text = "".join(each["delta"]["content"][0]["text"]["value"] for each in out)
    assert text == "look: [REDACTED:test-token] and more"
    assert last["content"][0]["text"]["value"] == text
    document = json.dumps({"object": "list", "data": [whole]}).encode()
    read = json.loads(judge(REDACT, ASSISTANTS).document(document))["data"][0]
    assert read["content"][0]["text"]["value"] == text
