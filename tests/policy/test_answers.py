"""Judging answers: every family, streamed and complete, with streams cut anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from harness.families.base import events, sse
from harness.wire_families import FAMILIES
from policy.answer_cases import BAD, CASES, DENY, GOOD, REDACT, SAYS, Case, judge, streamed
from policy.answer_streams import Seen
from policy.kit import SCANNER, TOKEN, enforced, scope
from secretgate.policy.answers import judging
from secretgate.policy.engine import Policy
from secretgate.policy.model import Decision
from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

PIECES = ["look: ", TOKEN[:9], TOKEN[9:20], TOKEN[20:] + " and ", "more"]


@pytest.mark.parametrize("size", [0, 7])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_secret_of_the_models_is_redacted_wherever_it_is_cut(name: str, size: int) -> None:
    family = FAMILIES[name]
    arguments = ['{"a": "', "b", '"}'] if family.arguments else []
    raw = family.write(PIECES, arguments)
    out = streamed(family.framer(), judge(REDACT, family.dialect), raw, size)
    text, given = family.read(out)
    assert text == "look: [REDACTED:test-token] and more"
    assert given == family.read(raw)[1]
    assert TOKEN.encode() not in out


@pytest.mark.parametrize("name", FAMILIES)
def test_what_no_rule_changes_stays_byte_for_byte(name: str) -> None:
    family = FAMILIES[name]
    raw = family.write(["some ", "text"], ['{"a": "b"}'] if family.arguments else [])
    out = streamed(family.framer(), judge(REDACT, family.dialect), raw, 11)
    if "anthropic" in name or "invoke" in name:  # their pings do not wait
        frames = [[frame.raw for frame in family.framer().feed(each)] for each in (out, raw)]
        assert sorted(frames[0]) == sorted(frames[1])
    else:
        assert out == raw


@pytest.mark.parametrize("text", [{}, {"text": None}, {"text": 5}, {"text": ["x"]}])
def test_a_text_that_begins_with_none_is_judged_all_the_same(text: dict[str, Any]) -> None:
    """Providers may omit the initial text of a block."""
    opening = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", **text}}
    delta = {"type": "text_delta", "text": f"look: {TOKEN}"}
    said = [
        opening,
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
    ]
    out = streamed(SseFramer(), judge(REDACT, DIALECTS["anthropic"]), sse(said))
    assert TOKEN.encode() not in out
    assert b"look: [REDACTED:test-token]" in out
    assert sse([opening]) in out


def test_pings_and_other_blocks_pass_while_a_block_is_held() -> None:
    family = FAMILIES["anthropic"]
    judged = judge(REDACT, family.dialect)
    framer = SseFramer()
    kinds: list[str] = []
    for frame in framer.feed(family.write(PIECES, [])):
        kinds += [json.loads(out.payload or b"{}")["type"] for out in judged.event(frame)]
    assert kinds.index("ping") < kinds.index("content_block_delta")
    assert kinds[-1] == "message_stop"


def test_rules_that_only_watch_hold_nothing() -> None:
    family = FAMILIES["anthropic"]
    heard: list[Decision] = []
    judged = judge(REDACT.replace("mode: enforce", "mode: audit_only"), family.dialect, heard)
    for frame in SseFramer().feed(family.write(PIECES, [])):
        assert judged.event(frame) == [frame]
    assert [decision.logged for decision in heard] == [("mask",)]
    assert not judged.wanted.held


def test_no_rule_about_answers_no_judge() -> None:
    policy = Policy([scope(REDACT.replace("response", "request"))], SCANNER)
    assert judging(policy, {}, DIALECTS["anthropic"], lambda *_: None) is None
    assert judging(None, {}, DIALECTS["anthropic"], lambda *_: None) is None


def denied(case: Case, calls: Sequence[tuple[str, str]], size: int = 0) -> Seen:
    raw = case.write(calls)
    out = streamed(case.framer(), judge(DENY, DIALECTS[case.dialect]), raw, size)
    assert b"rm -rf" not in out
    return case.read(out)


@pytest.mark.parametrize("size", [0, 5])
@pytest.mark.parametrize("name", CASES)
def test_a_denied_call_is_answered_in_the_familys_own_way(name: str, size: int) -> None:
    case = CASES[name]
    seen = denied(case, [BAD], size)
    assert seen.text.replace("\n", "") == f"Hm. {SAYS}"
    assert seen.calls == []
    assert seen.stop == case.stops[1]


@pytest.mark.parametrize("name", CASES)
def test_calls_before_a_denied_one_stay(name: str) -> None:
    case = CASES[name]
    seen = denied(case, [GOOD, BAD])
    assert seen.calls == [("ls", {"path": "/"})]
    assert SAYS in seen.text
    assert seen.stop == case.stops[0]


@pytest.mark.parametrize("name", CASES)
def test_calls_behind_a_denied_one_are_denied_too(name: str) -> None:
    case = CASES[name]
    seen = denied(case, [BAD, GOOD])
    assert seen.calls == []
    assert seen.text.count(SAYS) == 2
    assert seen.stop == case.stops[1]


@pytest.mark.parametrize("name", CASES)
def test_calls_that_no_rule_denies_stay_byte_for_byte(name: str) -> None:
    case = CASES[name]
    raw = case.write([GOOD, ("bash", '{"command": "ls"}')])
    assert streamed(case.framer(), judge(DENY, DIALECTS[case.dialect]), raw) == raw


MASK_INPUT = enforced(
    "  - {name: mask, action: redact, match: {operation: llm.tool_use},"
    " redact: {target: params.input.**, secrets: true}}"
)


@pytest.mark.parametrize("name", CASES)
def test_arguments_can_be_redacted(name: str) -> None:
    case = CASES[name]
    raw = case.write([("put", json.dumps({"a": [f"x {TOKEN}"], "n": 1}))])
    out = streamed(case.framer(), judge(MASK_INPUT, DIALECTS[case.dialect]), raw)
    assert TOKEN.encode() not in out
    assert case.read(out).calls == [("put", {"a": ["x [REDACTED:test-token]"], "n": 1})]


SUMMARY = enforced(
    "  - {name: few, action: deny, message: too many, match: {operation: llm.response,"
    ' when: "params.tool_use_count > 1"}}'
)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_over_the_whole_answer_sees_it_whole(name: str) -> None:
    case = CASES[name]
    raw = case.write([GOOD])
    assert streamed(case.framer(), judge(SUMMARY, DIALECTS[case.dialect]), raw) == raw
    seen = case.read(
        streamed(case.framer(), judge(SUMMARY, DIALECTS[case.dialect]), case.write([GOOD, GOOD]))
    )
    assert seen.calls == []
    assert "too many (rule few)" in seen.text


DENY_TEXT = enforced(
    "  - {name: quiet, action: deny, message: hush, match: {operation: llm.text, when: \"params.text.contains('hm')\"}}"
)


@pytest.mark.parametrize("name", CASES)
def test_a_denied_text_takes_the_calls_along(name: str) -> None:
    case = CASES[name]
    seen = case.read(
        streamed(case.framer(), judge(DENY_TEXT, DIALECTS[case.dialect]), case.write([GOOD]))
    )
    assert seen.text.startswith("[secretgate denied this part of the answer: hush (rule quiet)]")
    assert "Hm. " not in seen.text
    assert seen.calls == []


def test_an_error_in_a_rule_denies_where_it_is_closed() -> None:
    case = CASES["anthropic"]
    bad = enforced(
        '  - {name: r, action: log, match: {operation: llm.tool_use, when: "params.name > 3"}}'
    )
    seen = case.read(streamed(SseFramer(), judge(bad, DIALECTS["anthropic"]), case.write([GOOD])))
    assert seen.calls == []
    assert "on_error: closed" in seen.text


def test_a_stream_that_breaks_off_gives_what_it_held() -> None:
    case = CASES["anthropic"]
    raw = case.write([GOOD])
    cut = raw[: raw.index(b"content_block_stop", raw.index(b"tool_use"))]
    out = streamed(SseFramer(), judge(DENY, DIALECTS["anthropic"]), cut)
    assert b"partial_json" in out


@pytest.mark.parametrize("rest", [": keep", 'event: ping\ndata: {"type": "ping"}'])
def test_what_was_held_is_not_written_onto_an_event_that_was_cut_in_two(rest: str) -> None:
    family = FAMILIES["anthropic"]
    raw = family.write(PIECES, [])
    raw = raw[: raw.index(b"event: content_block_stop")] + rest.encode()
    out = streamed(family.framer(), judge(REDACT, family.dialect), raw)
    assert out.endswith(b"\n\n" + rest.encode())
    said = [event["delta"].get("text", "") for event in events(out) if "delta" in event]
    assert "".join(said) == "look: [REDACTED:test-token] and more"


def test_two_answers_of_a_websocket_are_judged_apart() -> None:
    case = CASES["responses"]
    raw = case.write([BAD])
    judged = judge(DENY, DIALECTS["openai-responses"])
    for _ in range(2):
        out = b"".join(frame.raw for each in SseFramer().feed(raw) for frame in judged.event(each))
        assert SAYS in case.read(out).text


def test_answers_in_lanes_of_a_connection_are_judged_apart() -> None:
    case = CASES["responses"]
    given = {"a": [BAD], "b": [("bash", '{"command": "ls"}')]}
    lanes = [
        [{**event, "stream_id": lane} for event in events(case.write(calls))]
        for lane, calls in given.items()
    ]
    mixed = [event for both in zip(*lanes, strict=True) for event in both]
    raw = sse(mixed, named="type")
    out = events(streamed(SseFramer(), judge(DENY, DIALECTS["openai-responses"]), raw))
    assert [event for event in out if event["stream_id"] == "b"] == lanes[1]
    refused = [event for event in out if event["stream_id"] == "a"]
    assert SAYS in case.read(sse(refused, named="type")).text
    assert case.read(sse(refused, named="type")).calls == []


def test_answers_that_say_everything_again_in_every_event() -> None:
    family = DIALECTS["dashscope"]

    def event(text: str, arguments: str = "", finish: str = "null") -> Any:
        function = {"name": "bash", "arguments": arguments}
        said = {
            "role": "assistant",
            "content": text,
            "tool_calls": [{"index": 0, "function": function}],
        }
        return {"output": {"choices": [{"message": said, "finish_reason": finish}]}}

    raw = sse(
        [
            event("a"),
            event(f"a {TOKEN[:9]}"),
            event(f"a {TOKEN} b"),
            event(f"a {TOKEN} b", BAD[1], "tool_calls"),
        ]
    )
    policy = DENY + "\n" + REDACT.partition("rules:\n")[2]
    read = [
        each["output"]["choices"][0]
        for each in events(streamed(SseFramer(), judge(policy, family), raw))
    ]
    assert [each["message"]["content"] for each in read][1:] == [
        "a ",
        "a [REDACTED:test-token] b",
        "a [REDACTED:test-token] b",
    ]
    assert SAYS in read[0]["message"]["content"]
    assert not any("tool_calls" in each["message"] for each in read)
    assert read[-1]["finish_reason"] == "stop"


def test_answers_that_share_a_connection_are_judged_apart() -> None:
    case = CASES["responses"]
    lanes = {
        lane: [{**each, "stream_id": lane} for each in events(case.write([call]))]
        for lane, call in (("a", BAD), ("b", GOOD))
    }
    half = len(lanes["a"]) // 2
    mixed = [*lanes["a"][:half], *lanes["b"], *lanes["a"][half:]]
    judged = judge(DENY, DIALECTS["openai-responses"])
    out = b"".join(
        frame.raw
        for each in SseFramer().feed(sse(mixed, named="type"))
        for frame in judged.event(each)
    )
    said = {
        lane: case.read(
            sse([each for each in events(out) if each["stream_id"] == lane], named="type")
        )
        for lane in lanes
    }
    assert SAYS in said["a"].text
    assert said["b"].calls == [(GOOD[0], json.loads(GOOD[1]))]


def test_nothing_is_kept_of_an_answer_in_a_lane_once_it_has_ended() -> None:
    case = CASES["responses"]
    judged = judge(DENY, DIALECTS["openai-responses"])
    for number in range(20):
        said = [{**each, "stream_id": f"s{number}"} for each in events(case.write([BAD]))]
        *begun, last = SseFramer().feed(sse(said, named="type"))
        for frame in begun:
            judged.event(frame)
        assert len(judged._lanes) == 1
        judged.event(last)
        assert not judged._lanes
