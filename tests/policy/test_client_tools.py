"""Rules for calls of the vendors' own tools, which the client runs, and for calls that come whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.families.base import events, sse
from policy.answer_cases import DENY, REDACT, SAYS, judge, streamed
from policy.kit import TOKEN, enforced
from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

ITEMS = {
    "shell_call": ("action", {"commands": ["ls", "rm -rf /"], "timeout_ms": 1000}),
    "local_shell_call": ("action", {"type": "exec", "command": ["rm", "-rf /"], "env": {}}),
    "apply_patch_call": ("operation", {"type": "delete_file", "path": "rm -rf /"}),
    "computer_call": ("action", {"type": "type", "text": "rm -rf /"}),
}
RESPONSES, ANTHROPIC = DIALECTS["openai-responses"], DIALECTS["anthropic"]
MASK = enforced(
    "  - {name: mask, action: redact, match: {operation: llm.tool_use, direction: response},"
    " redact: {secrets: true}}"
)


def deny(kind: str) -> str:
    name = kind.removesuffix("_call")
    return enforced(
        "  - {name: no-rm, action: deny, message: not that, match: {operation: llm.tool_use,"
        f" when: \"params.name == '{name}'\"}}}}"
    )


def item(kind: str, **more: Any) -> dict[str, Any]:
    member, given = ITEMS[kind]
    return {"id": "i1", "type": kind, "call_id": "c1", "status": "completed", member: given, **more}


def stream(kind: str, called: dict[str, Any]) -> bytes:
    where = {"item_id": "i1", "output_index": 0}
    begun = {**called, "status": "in_progress"}
    said: list[Any] = [{"type": "response.output_item.added", "output_index": 0, "item": begun}]
    if kind == "shell_call":
        said.append({"type": "response.shell_call_command.delta", **where, "delta": "rm -rf /"})
    if kind == "apply_patch_call":
        patch = "response.apply_patch_call_operation_diff.delta"
        said.append({"type": patch, **where, "delta": "rm -rf /"})
    said += [
        {"type": "response.output_item.done", "output_index": 0, "item": called},
        {"type": "response.completed", "response": {"status": "completed", "output": [called]}},
    ]
    return sse([{**each, "sequence_number": at} for at, each in enumerate(said)], named="type")


@pytest.mark.parametrize("kind", ITEMS)
def test_a_denied_call_of_openais_own_tools_is_a_message(kind: str) -> None:
    text = SAYS.replace("bash", kind.removesuffix("_call"))
    out = streamed(SseFramer(), judge(deny(kind), RESPONSES), stream(kind, item(kind)))
    assert b"rm -rf" not in out
    assert b"_call" not in out.replace(text.encode(), b"")
    last = events(out)[-1]["response"]["output"][0]
    assert last["content"][0]["text"] == text
    raw = json.dumps({"status": "completed", "output": [item(kind)]}).encode()
    (said,) = json.loads(judge(deny(kind), RESPONSES).document(raw))["output"]
    assert said["content"][0]["text"] == text


@pytest.mark.parametrize("kind", ITEMS)
def test_an_allowed_one_stays_byte_for_byte(kind: str) -> None:
    raw = stream(kind, item(kind))
    assert streamed(SseFramer(), judge(DENY, RESPONSES), raw) == raw


def test_what_is_redacted_in_it_is_redacted_in_its_repeats() -> None:
    called = item("shell_call", action={"commands": [f"echo {TOKEN}"]})
    raw = stream("shell_call", called).replace(b"rm -rf /", b"")
    out = events(streamed(SseFramer(), judge(MASK, RESPONSES), raw))
    done, completed = out[-2]["item"], out[-1]["response"]["output"][0]
    assert done["action"] == completed["action"] == {"commands": ["echo [REDACTED:test-token]"]}


@pytest.mark.parametrize(
    "name",
    ["response.output_audio_transcript", "response.audio_transcript", "response.output_text"],
)
def test_what_is_spoken_is_judged_like_a_text(name: str) -> None:
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    pieces = ["look: ", TOKEN[:9], TOKEN[9:], " and more"]
    said = [{"type": f"{name}.delta", **place, "delta": piece} for piece in pieces]
    done = {"type": f"{name}.done", **place, "transcript": "".join(pieces)}
    raw = sse([*said, done], named="type")
    *out, last = events(streamed(SseFramer(), judge(REDACT, RESPONSES), raw))
    assert "".join(each["delta"] for each in out) == "look: [REDACTED:test-token] and more"
    assert last["transcript"] == "look: [REDACTED:test-token] and more"


def test_arguments_that_come_at_once_are_judged() -> None:
    given = {"command": "rm -rf /"}
    begun = {"type": "tool_use", "id": "t", "name": "bash", "input": given}
    raw = sse(
        [
            {"type": "content_block_start", "index": 0, "content_block": begun},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        ],
        named="type",
    )
    first, _, last = events(streamed(SseFramer(), judge(DENY, ANTHROPIC), raw))
    assert first["content_block"] == {"type": "text", "text": SAYS}
    assert last["delta"]["stop_reason"] == "end_turn"


def test_an_agents_call_of_the_clients_tool_is_judged() -> None:
    called = {
        "type": "agent.custom_tool_use",
        "id": "sevt_1",
        "processed_at": "2026-11-23T00:00:00Z",
        "name": "bash",
        "input": {"command": "rm -rf /"},
    }
    text = [{"type": "text", "text": SAYS}]
    fine = {"type": "agent.message", "id": "sevt_0", "content": [{"type": "text", "text": "Hm."}]}
    out = streamed(SseFramer(), judge(DENY, ANTHROPIC), sse([fine, called], named="type"))
    assert b"custom_tool_use" not in out
    first, second = events(out)
    assert first == fine
    assert (second["type"], second["id"], second["content"]) == ("agent.message", "sevt_1", text)
    raw = json.dumps({"data": [fine, called]}).encode()
    assert json.loads(judge(DENY, ANTHROPIC).document(raw))["data"] == [fine, second]
