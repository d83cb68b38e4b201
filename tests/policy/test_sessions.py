"""Rules for the sessions of OpenAI's agents, which stop and ask for the results of calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.wire_support import SCOPE, Gate, dump
from harness.families.base import events, sse
from policy.answer_cases import BAD, DENY, GOOD, REDACT, SAYS, judge, streamed
from policy.kit import TOKEN, enforced, policy
from secretgate.inbound.documents import document
from secretgate.outbound.requests import Verdict
from secretgate.policy.answers import Judge
from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

RESPONSES = DIALECTS["openai-responses"]


def session(*calls: tuple[str, str], text: bool) -> dict[str, Any]:
    actions = [
        {
            "type": "function_call",
            "turn_id": "turn_1",
            "call_id": f"call_{at}",
            "name": name,
            "arguments": arguments if text else json.loads(arguments),
        }
        for at, (name, arguments) in enumerate(calls)
    ]
    waiting = [{"type": "environment_connection", "environment_id": "env_1"}, *actions]
    return {"id": "sess_1", "status": "requires_action", "required_actions": waiting}


def stream(*calls: tuple[str, str], text: bool = True) -> bytes:
    here = {"session_id": "sess_1", "turn_id": "turn_1"}
    said = {"item_id": "msg_1", "output_index": 0, "content_index": 0, **here}
    waits = {"event_id": "event_9", "session": session(*calls, text=text)}
    return sse(
        [
            {"type": "agent.session.turn.output_text.delta", **said, "delta": "Hm. "},
            {"type": "agent.session.turn.output_text.done", **said, "text": "Hm. "},
            {"type": "agent.session.requires_action", **waits},
            {"type": "agent.session.turn.completed", **here, "turn": {"status": "completed"}},
        ],
        named="type",
    )


def judging(rules: str) -> Judge:
    return judge(rules, RESPONSES)


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("size", [0, 1, 60])
def test_a_session_with_a_denied_call_has_failed(size: int, text: bool) -> None:
    out = streamed(SseFramer(), judging(DENY), stream(GOOD, BAD, text=text), size)
    assert b"event: agent.session.failed\n" in out
    assert b"requires_action" not in out
    assert b"rm -rf" not in out
    failed = events(out)[2]["session"]
    assert (failed["status"], failed["required_actions"]) == ("failed", [])
    assert failed["error"]["message"] == SAYS


@pytest.mark.parametrize("text", [True, False])
def test_a_session_whose_calls_are_allowed_stays_byte_for_byte(text: bool) -> None:
    raw = stream(GOOD, GOOD, text=text)
    assert streamed(SseFramer(), judging(DENY), raw, 50) == raw


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("listed", [True, False])
def test_a_session_that_is_asked_for(listed: bool, text: bool) -> None:
    good, bad = session(GOOD, text=text), session(BAD, text=text)
    answer = {"data": [good, bad]} if listed else bad
    out = json.loads(judging(DENY).document(dump(answer)))
    ended = out["data"][1] if listed else out
    assert (ended["status"], ended["error"]["message"]) == ("failed", SAYS)
    allowed = dump({"data": [good]} if listed else good)
    assert judging(DENY).document(allowed) == allowed


def test_a_rule_over_the_whole_answer_waits_for_the_turn_and_no_longer() -> None:
    rule = enforced(
        "  - {name: all, action: deny, match: {operation: llm.response, when: 'params.tool_use_count > 5'}}"
    )
    raw = stream(GOOD)
    judged = judging(rule)
    out = b"".join(frame.raw for each in SseFramer().feed(raw) for frame in judged.event(each))
    assert out == raw


@pytest.mark.parametrize("text", [True, False])
def test_the_arguments_of_an_action_can_be_redacted(text: bool) -> None:
    rules = REDACT.replace("llm.text", "llm.tool_use")
    out = streamed(
        SseFramer(), judging(rules), stream(("bash", json.dumps({"a": TOKEN})), text=text)
    )
    assert TOKEN.encode() not in out
    given = events(out)[2]["session"]["required_actions"][1]["arguments"]
    assert (json.loads(given) if text else given) == {"a": "[REDACTED:test-token]"}


def test_a_rule_about_results_sees_those_sent_to_a_session() -> None:
    gate = Gate()
    gate.requests.policies.policy = policy(
        enforced(
            "  - {name: no-results, action: deny, match: {operation: llm.tool_result,"
            " when: \"params.tool_name == 'bash'\"}}"
        )
    )
    result = {"type": "agent.session.input.tool_result", "call_id": "call_0", "output": "said"}
    request = gate.request(
        "openai-responses",
        content=dump({"events": [result]}),
        headers={"content-type": "application/json"},
    )
    assert gate.requests.decide(request).verdict is Verdict.CLEAN
    waits = {"type": "agent.session.requires_action", "session": session(BAD, text=True)}
    gate.requests.policies.called.see(SCOPE, "openai-responses", waits)
    assert gate.requests.decide(request).verdict is Verdict.BLOCKED


def test_a_value_is_escaped_as_the_arguments_need() -> None:
    gate = Gate()
    value = 'pa"ss\nword'
    issued = gate.issued(value)
    asked = session(("bash", json.dumps({"command": gate.name(value)})), text=True)
    out = json.loads(document(dump(asked), RESPONSES, issued))
    assert json.loads(out["required_actions"][1]["arguments"]) == {"command": value}
