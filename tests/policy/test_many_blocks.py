"""Answers with thousands of calls at once, and of events each: the work for one stays the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.families.base import events, sse
from policy.answer_cases import DENY, REDACT, SAYS, judge, streamed
from policy.kit import TOKEN, enforced
from secretgate.policy import answers
from secretgate.policy.grammars.base import Block
from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

ANTHROPIC = DIALECTS["anthropic"]
LOG = enforced(
    "  - {name: seen, action: log, match: {operation: llm.text, direction: response, findings: '*'}}"
)


def started(at: int) -> dict[str, Any]:
    tool = {"type": "tool_use", "id": f"toolu_{at}", "name": "bash", "input": {}}
    return {"type": "content_block_start", "index": at, "content_block": tool}


def delta(at: int, **said: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": at, "delta": said}


def calls(count: int, denied: int) -> bytes:
    """Return calls that begin one after the other, go on, and end; with the number of a bad one."""
    commands = ["rm -rf /" if at == denied else "ls" for at in range(count)]
    said = [json.dumps({"command": command}) for command in commands]
    stops = [{"type": "content_block_stop", "index": at} for at in range(count)]
    return sse(
        [
            *map(started, range(count)),
            *(delta(at, type="input_json_delta", partial_json=said[at]) for at in range(count)),
            *stops,
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
            {"type": "message_stop"},
        ],
        named="type",
    )


def test_the_events_of_many_open_calls_are_not_gone_through_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    def entries(block: Block) -> list[Any]:
        nonlocal asked
        asked += len(block.signs)
        return list({id(piece.entry): piece.entry for piece in block.signs}.values())

    monkeypatch.setattr(Block, "entries", property(entries))
    count = 200
    out = events(streamed(SseFramer(), judge(DENY, ANTHROPIC), calls(count, 150), 4096))
    tools = [each["content_block"] for each in out if "content_block" in each]
    assert [each["type"] for each in tools] == ["tool_use"] * 150 + ["text"] * 50
    texts = [
        each["delta"].get("text") for each in out if each.get("index", 0) >= 150 and "delta" in each
    ]
    assert texts == [SAYS] + [SAYS] * 49
    assert asked < 10 * count


def test_what_a_rule_only_looks_at_is_not_kept_but_for_its_text() -> None:
    told: list[Any] = []
    judged = judge(LOG, ANTHROPIC, told)
    pieces = [f"piece {at} " for at in range(50)] + [TOKEN[:9], TOKEN[9:]]
    more = {"usage": {"output_tokens": 5}, "padding": "x" * 1000}
    said = [{**delta(0, type="text_delta", text=piece), **more} for piece in pieces]
    for frame in SseFramer().feed(sse(said)):
        assert judged.event(frame) == [frame]
    (block,) = [judged._open.at(key, "text", False) for key in judged._open]
    kept = [piece.sign.box for piece in block.signs]
    assert kept == [{"text": piece} for piece in pieces]
    assert all(piece.entry.event == {} for piece in block.signs)
    judged.event(SseFramer().feed(sse([{"type": "content_block_stop", "index": 0}]))[0])
    assert [each.logged for each in told] == [("seen",)]


def test_a_long_call_is_let_go_in_one_go() -> None:
    said = [
        started(0),
        *(delta(0, type="input_json_delta", partial_json=" ") for _ in range(20_000)),
    ]
    said.append(delta(0, type="input_json_delta", partial_json='{"command": "ls"}'))
    raw = sse([*said, {"type": "content_block_stop", "index": 0}], named="type")
    judged = judge(DENY, ANTHROPIC)
    assert streamed(SseFramer(), judged, raw) == raw
    assert isinstance(judged._queue, answers.deque)


def test_answers_are_still_redacted_where_blocks_are_many() -> None:
    count = 60
    said = [delta(at, type="text_delta", text=f"{at} {TOKEN[:9]}") for at in range(count)]
    said += [delta(at, type="text_delta", text=TOKEN[9:]) for at in range(count)]
    said += [{"type": "content_block_stop", "index": at} for at in reversed(range(count))]
    out = events(streamed(SseFramer(), judge(REDACT, ANTHROPIC), sse(said), 300))
    texts: dict[int, str] = {}
    for each in out:
        texts[each["index"]] = texts.get(each["index"], "") + each.get("delta", {}).get("text", "")
    assert texts == {at: f"{at} [REDACTED:test-token]" for at in range(count)}
