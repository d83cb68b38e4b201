"""The judge of answers: every family, streamed and whole, cut anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.wire_families import FAMILIES, events, message, read_by_botocore, sse
from policy.kit import SCANNER, TOKEN, enforced, scope
from secretgate.policy.answers import Judge, JudgedFramer, judging
from secretgate.policy.engine import Policy
from secretgate.policy.model import Decision
from secretgate.providers import DIALECTS
from secretgate.streams.base import Framer
from secretgate.streams.eventstream import EventStreamFramer
from secretgate.streams.json_array import JsonArrayFramer
from secretgate.streams.ndjson import NdjsonFramer
from secretgate.streams.sse import SseFramer

REDACT = enforced(
    "  - {name: mask, action: redact, match: {operation: llm.text, direction: response}, redact: {secrets: true}}"
)
DENY = enforced(
    "  - {name: no-rm, action: deny, message: not that, match: {operation: llm.tool_use,"
    " when: \"params.name == 'bash' && params.input.command.contains('rm -rf')\"}}"
)
SAYS = "[secretgate denied the call of bash: not that (rule no-rm)]"


def judge(text: str, dialect: Any, told: list[Decision] | None = None) -> Judge:
    policy = Policy([scope(text)], SCANNER)
    heard = told if told is not None else []
    made = judging(
        policy, {"host": "h"}, dialect, lambda operation, decision: heard.append(decision)
    )
    assert made is not None
    return made


def streamed(framer: Framer, judge: Judge, raw: bytes, size: int = 0) -> bytes:
    judged = JudgedFramer(framer, judge)
    size = size or len(raw)
    out = [
        frame.raw for at in range(0, len(raw), size) for frame in judged.feed(raw[at : at + size])
    ]
    return b"".join([*out, *(frame.raw for frame in judged.finish())])


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


# Denied tool calls, as each family's client reads them


@dataclass
class Seen:
    """What a client makes of an answer."""

    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    stop: str = ""


@dataclass(frozen=True)
class Case:
    dialect: str
    framer: Callable[[], Framer]
    write: Callable[[Sequence[tuple[str, str]]], bytes]
    """A stream with these tool calls, after the text `Hm. `."""
    read: Callable[[bytes], Seen]
    stops: tuple[str, str] = ("", "")
    """With and without tool calls."""


def halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def anthropic_write(calls: Sequence[tuple[str, str]]) -> list[Any]:
    out: list[Any] = [
        {"type": "message_start", "message": {"id": "m", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Hm. "},
        },
        {"type": "content_block_stop", "index": 0},
    ]
    for index, (name, arguments) in enumerate(calls, 1):
        block = {"type": "tool_use", "id": f"t{index}", "name": name, "input": {}}
        out.append({"type": "content_block_start", "index": index, "content_block": block})
        for part in halves(arguments):
            delta = {"type": "input_json_delta", "partial_json": part}
            out.append({"type": "content_block_delta", "index": index, "delta": delta})
        out.append({"type": "content_block_stop", "index": index})
    return [
        *out,
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ]


def anthropic_read(payloads: Sequence[Any]) -> Seen:
    seen = Seen()
    blocks: dict[int, Any] = {}
    for event in payloads:
        at = event.get("index")
        if event["type"] == "content_block_start":
            blocks[at] = {**event["content_block"], "json": ""}
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            expected = {"text": "text_delta", "tool_use": "input_json_delta"}[blocks[at]["type"]]
            assert delta["type"] == expected
            blocks[at]["text"] = blocks[at].get("text", "") + delta.get("text", "")
            blocks[at]["json"] += delta.get("partial_json", "")
        elif event["type"] == "message_delta":
            seen.stop = event["delta"]["stop_reason"]
    for block in blocks.values():
        if block["type"] == "tool_use":
            seen.calls.append((block["name"], json.loads(block["json"])))
        else:
            seen.text += block["text"]
    return seen


def chat_write(calls: Sequence[tuple[str, str]]) -> bytes:
    def chunk(delta: Any, finish: str | None = None) -> Any:
        return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    out = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hm. "})]
    for index, (name, arguments) in enumerate(calls):
        head = {"index": index, "id": f"t{index}", "type": "function"}
        out.append(chunk({"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]}))
        out += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
            for part in halves(arguments)
        ]
    return sse([*out, chunk({}, "tool_calls")], done=True)


def chat_read(raw: bytes) -> Seen:
    assert raw.endswith(b"data: [DONE]\n\n")
    seen = Seen()
    calls: dict[int, list[str]] = {}
    for event in events(raw):
        (choice,) = event["choices"]
        seen.text += choice["delta"].get("content") or ""
        for call in choice["delta"].get("tool_calls", []):
            assert call["index"] <= len(calls)
            held = calls.setdefault(call["index"], ["", ""])
            held[0] += call["function"].get("name", "")
            held[1] += call["function"]["arguments"]
        seen.stop = choice["finish_reason"] or seen.stop
    seen.calls = [(name, json.loads(arguments)) for name, arguments in calls.values()]
    return seen


def responses_write(calls: Sequence[tuple[str, str]], named: str = "type") -> bytes:
    text = {"type": "output_text", "text": "Hm. ", "annotations": []}
    said = {
        "id": "i0",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    place = {"item_id": "i0", "output_index": 0, "content_index": 0}
    out: list[Any] = [
        {"type": "response.created", "response": {"id": "r", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**said, "content": []}},
        {"type": "response.content_part.added", **place, "part": {**text, "text": ""}},
        {"type": "response.output_text.delta", **place, "delta": "Hm. "},
        {"type": "response.output_text.done", **place, "text": "Hm. "},
        {"type": "response.content_part.done", **place, "part": text},
        {"type": "response.output_item.done", "output_index": 0, "item": said},
    ]
    items: list[Any] = [said]
    for at, (name, arguments) in enumerate(calls, 1):
        item = {"id": f"i{at}", "type": "function_call", "call_id": f"t{at}", "name": name}
        where = {"item_id": f"i{at}", "output_index": at}
        added = {**item, "arguments": "", "status": "in_progress"}
        out.append({"type": "response.output_item.added", "output_index": at, "item": added})
        out += [
            {"type": "response.function_call_arguments.delta", **where, "delta": part}
            for part in halves(arguments)
        ]
        whole = {**item, "arguments": arguments, "status": "completed"}
        done = "response.function_call_arguments.done"
        out.append({"type": done, **where, "arguments": arguments})
        out.append({"type": "response.output_item.done", "output_index": at, "item": whole})
        items.append(whole)
    out.append(
        {
            "type": "response.completed",
            "response": {"id": "r", "status": "completed", "output": items},
        }
    )
    return sse([{**each, "sequence_number": at} for at, each in enumerate(out)], named=named)


def responses_read(raw: bytes) -> Seen:
    payloads = events(raw)
    assert [event["sequence_number"] for event in payloads] == list(range(len(payloads)))
    names = [line[7:] for line in raw.decode().splitlines() if line.startswith("event: ")]
    assert names == [event["type"] for event in payloads]
    seen = Seen()
    items: dict[int, Any] = {}
    for event in payloads:
        at = event.get("output_index")
        if event["type"] == "response.output_item.added":
            items[at] = json.loads(json.dumps(event["item"]))
        elif event["type"] == "response.content_part.added":
            items[at]["content"].append(dict(event["part"]))
        elif event["type"] == "response.output_text.delta":
            items[at]["content"][event["content_index"]]["text"] += event["delta"]
        elif event["type"] == "response.function_call_arguments.delta":
            items[at]["arguments"] += event["delta"]
        elif event["type"] == "response.output_item.done":
            assert {**items[at], "status": "completed"} == {**event["item"], "status": "completed"}
    assert payloads[-1]["response"]["output"] == [
        {**item, "status": "completed"} for item in items.values()
    ]
    for item in items.values():
        if item["type"] == "message":
            seen.text += item["content"][0]["text"]
        else:
            seen.calls.append((item["name"], json.loads(item["arguments"])))
    return seen


def gemini_write(calls: Sequence[tuple[str, str]]) -> list[Any]:
    def chunk(part: Any, **more: Any) -> Any:
        return {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, **more}]}

    out = [chunk({"text": "Hm. "})]
    for name, arguments in calls:
        call = {"name": name, "args": json.loads(arguments)}
        out.append(chunk({"functionCall": call, "thoughtSignature": "c2ln"}))
    return [*out, chunk({"text": ""}, finishReason="STOP")]


def gemini_read(payloads: Sequence[Any]) -> Seen:
    seen = Seen()
    for event in payloads:
        for candidate in event["candidates"]:
            seen.stop = candidate.get("finishReason", seen.stop)
            for part in candidate["content"]["parts"]:
                seen.text += part.get("text", "")
                if "functionCall" in part:
                    seen.calls.append((part["functionCall"]["name"], part["functionCall"]["args"]))
    return seen


def converse_write(calls: Sequence[tuple[str, str]]) -> bytes:
    out: list[tuple[str, Any]] = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hm. "}, "p": "ab"}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
    ]
    for at, (name, arguments) in enumerate(calls, 1):
        start = {"toolUse": {"toolUseId": f"t{at}", "name": name}}
        out.append(("contentBlockStart", {"contentBlockIndex": at, "start": start}))
        out += [
            ("contentBlockDelta", {"contentBlockIndex": at, "delta": {"toolUse": {"input": part}}})
            for part in halves(arguments)
        ]
        out.append(("contentBlockStop", {"contentBlockIndex": at}))
    out += [("messageStop", {"stopReason": "tool_use"}), ("metadata", {"usage": {}})]
    return b"".join(message(json.dumps(payload).encode(), kind) for kind, payload in out)


def converse_read(raw: bytes) -> Seen:
    seen = Seen()
    calls: dict[int, list[str]] = {}
    for headers, payload in read_by_botocore(raw):
        event, kind = json.loads(payload), headers[":event-type"]
        at = event.get("contentBlockIndex", -1)
        if kind == "contentBlockStart":
            calls[at] = [event["start"]["toolUse"]["name"], ""]
        elif kind == "contentBlockDelta":
            seen.text += event["delta"].get("text", "")
            if "toolUse" in event["delta"]:
                calls[at][1] += event["delta"]["toolUse"]["input"]
        elif kind == "messageStop":
            seen.stop = event["stopReason"]
    seen.calls = [(name, json.loads(arguments)) for name, arguments in calls.values()]
    return seen


def cohere_write(calls: Sequence[tuple[str, str]]) -> bytes:
    def delta(**content: Any) -> Any:
        return {"delta": {"message": content}}

    out: list[Any] = [
        {"type": "message-start", "id": "m"},
        {"type": "content-start", "index": 0, **delta(content={"type": "text", "text": ""})},
        {"type": "content-delta", "index": 0, **delta(content={"text": "Hm. "})},
        {"type": "content-end", "index": 0},
    ]
    for at, (name, arguments) in enumerate(calls):
        function = {"name": name, "arguments": ""}
        call = {"id": f"t{at}", "type": "function", "function": function}
        out.append({"type": "tool-call-start", "index": at, **delta(tool_calls=call)})
        out += [
            {
                "type": "tool-call-delta",
                "index": at,
                **delta(tool_calls={"function": {"arguments": part}}),
            }
            for part in halves(arguments)
        ]
        out.append({"type": "tool-call-end", "index": at})
    out.append({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}})
    return sse(out, named="type")


def cohere_read(raw: bytes) -> Seen:
    seen = Seen()
    calls: dict[int, list[str]] = {}
    names = [line[7:] for line in raw.decode().splitlines() if line.startswith("event: ")]
    assert names == [event["type"] for event in events(raw)]
    open_now: set[str] = set()
    for event in events(raw):
        said = event.get("delta", {}).get("message", {})
        kind = event["type"]
        if kind.endswith("-start") and kind != "message-start":
            open_now.add(kind[:-6])
        if kind.endswith(("-delta", "-end")) and kind != "message-end":
            assert kind.rpartition("-")[0] in open_now
        if kind == "tool-call-start":
            calls[event["index"]] = [said["tool_calls"]["function"]["name"], ""]
        elif kind == "tool-call-delta":
            calls[event["index"]][1] += said["tool_calls"]["function"]["arguments"]
        elif kind in ("content-start", "content-delta"):
            seen.text += said["content"]["text"]
        elif kind == "message-end":
            seen.stop = event["delta"]["finish_reason"]
    seen.calls = [(name, json.loads(arguments)) for name, arguments in calls.values()]
    return seen


def ollama_write(calls: Sequence[tuple[str, str]]) -> bytes:
    def line(done: bool = False, **said: Any) -> Any:
        return {"model": "m", "message": {"role": "assistant", **said}, "done": done}

    out = [line(content="Hm. ")]
    for name, arguments in calls:
        function = {"name": name, "arguments": json.loads(arguments)}
        out.append(line(content="", tool_calls=[{"function": function}]))
    out.append(line(True, content=""))
    return b"".join(json.dumps(each).encode() + b"\n" for each in out)


def ollama_read(raw: bytes) -> Seen:
    seen = Seen()
    for each in map(json.loads, raw.splitlines()):
        seen.text += each["message"]["content"]
        for call in each["message"].get("tool_calls", []):
            seen.calls.append((call["function"]["name"], call["function"]["arguments"]))
    return seen


CASES = {
    "anthropic": Case(
        "anthropic",
        SseFramer,
        lambda calls: sse(anthropic_write(calls), named="type"),
        lambda raw: anthropic_read(events(raw)),
        ("tool_use", "end_turn"),
    ),
    "chat": Case("openai-chat", SseFramer, chat_write, chat_read, ("tool_calls", "stop")),
    "responses": Case("openai-responses", SseFramer, responses_write, responses_read),
    "gemini": Case(
        "gemini",
        SseFramer,
        lambda calls: sse(gemini_write(calls), "\r\n"),
        lambda raw: gemini_read(events(raw)),
        ("STOP", "STOP"),
    ),
    "gemini array": Case(
        "gemini",
        JsonArrayFramer,
        lambda calls: json.dumps(gemini_write(calls), indent=1).encode(),
        lambda raw: gemini_read(json.loads(raw)),
        ("STOP", "STOP"),
    ),
    "code assist": Case(
        "gemini",
        SseFramer,
        lambda calls: sse([{"response": each} for each in gemini_write(calls)]),
        lambda raw: gemini_read([each["response"] for each in events(raw)]),
        ("STOP", "STOP"),
    ),
    "bedrock converse": Case(
        "bedrock", EventStreamFramer, converse_write, converse_read, ("tool_use", "end_turn")
    ),
    "cohere": Case("cohere", SseFramer, cohere_write, cohere_read, ("TOOL_CALL", "COMPLETE")),
    "ollama": Case("ollama", NdjsonFramer, ollama_write, ollama_read),
}
BAD = ("bash", '{"command": "rm -rf /"}')
GOOD = ("ls", '{"path": "/"}')


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


# Whole answers

WHOLE: dict[str, tuple[str, Any, Callable[[Any], Any]]] = {
    "anthropic": (
        "anthropic",
        {
            "type": "message",
            "content": [
                {"type": "text", "text": TOKEN},
                {"type": "tool_use", "id": "t", "name": "bash", "input": {"command": "rm -rf /"}},
            ],
            "stop_reason": "tool_use",
        },
        lambda read: (read["content"], read["stop_reason"]),
    ),
    "chat": (
        "openai-chat",
        {
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {
                        "role": "assistant",
                        "content": TOKEN,
                        "tool_calls": [
                            {
                                "id": "t",
                                "type": "function",
                                "function": {"name": "bash", "arguments": BAD[1]},
                            }
                        ],
                    },
                }
            ]
        },
        lambda read: (read["choices"][0]["message"], read["choices"][0]["finish_reason"]),
    ),
    "responses": (
        "openai-responses",
        {
            "id": "r",
            "status": "completed",
            "output": [
                {
                    "id": "i0",
                    "type": "message",
                    "content": [{"type": "output_text", "text": TOKEN}],
                },
                {"id": "i1", "type": "function_call", "name": "bash", "arguments": BAD[1]},
            ],
        },
        lambda read: [
            (item["type"], [part["text"] for part in item["content"]]) for item in read["output"]
        ],
    ),
    "gemini": (
        "gemini",
        {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"text": TOKEN},
                            {"functionCall": {"name": "bash", "args": {"command": "rm -rf /"}}},
                        ]
                    },
                    "finishReason": "STOP",
                }
            ]
        },
        lambda read: read["candidates"][0]["content"]["parts"],
    ),
    "bedrock": (
        "bedrock",
        {
            "output": {
                "message": {
                    "content": [
                        {"text": TOKEN},
                        {"toolUse": {"name": "bash", "input": {"command": "rm -rf /"}}},
                    ]
                }
            },
            "stopReason": "tool_use",
        },
        lambda read: (read["output"]["message"]["content"], read["stopReason"]),
    ),
    "cohere": (
        "cohere",
        {
            "finish_reason": "TOOL_CALL",
            "message": {
                "content": [{"type": "text", "text": TOKEN}],
                "tool_calls": [{"id": "t", "function": {"name": "bash", "arguments": BAD[1]}}],
            },
        },
        lambda read: (read["message"], read["finish_reason"]),
    ),
    "ollama": (
        "ollama",
        {
            "done": True,
            "message": {
                "content": TOKEN,
                "tool_calls": [
                    {"function": {"name": "bash", "arguments": {"command": "rm -rf /"}}}
                ],
            },
        },
        lambda read: read["message"],
    ),
}
GONE = "[REDACTED:test-token]"
EXPECTED: dict[str, Any] = {
    "anthropic": ([{"type": "text", "text": GONE}, {"type": "text", "text": SAYS}], "end_turn"),
    "chat": ({"role": "assistant", "content": f"{GONE}\n{SAYS}"}, "stop"),
    "responses": [("message", [GONE]), ("message", [SAYS])],
    "gemini": [{"text": GONE}, {"text": SAYS}],
    "bedrock": ([{"text": GONE}, {"text": SAYS}], "end_turn"),
    "cohere": (
        {"content": [{"type": "text", "text": GONE}, {"type": "text", "text": SAYS}]},
        "COMPLETE",
    ),
    "ollama": {"content": f"{GONE}\n{SAYS}"},
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_answers_are_judged_the_same_way(name: str) -> None:
    dialect, answer, look = WHOLE[name]
    policy = DENY + "\n" + REDACT.partition("rules:\n")[2]
    out = judge(policy, DIALECTS[dialect]).document(json.dumps(answer).encode())
    assert look(json.loads(out)) == EXPECTED[name]


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer_that_no_rule_changes_stays(name: str) -> None:
    dialect, answer, _ = WHOLE[name]
    raw = json.dumps(answer, indent=2).encode()
    nothing = enforced('  - {name: r, action: deny, match: {when: "false"}}')
    assert judge(nothing, DIALECTS[dialect]).document(raw) == raw


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
