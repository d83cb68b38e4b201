"""Streams of every family with a text and tool calls: provider-side writers, client-side readers."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.families.base import events, message, read_by_botocore, sse

# Denied tool calls, as each family's client reads them


@dataclass
class Seen:
    """What a client reads from an answer."""

    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    stop: str = ""


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


def bedrock_chat_write(calls: Sequence[tuple[str, str]]) -> bytes:
    """Write the chunks of `chat_write` as Bedrock wraps those of vendors with that format."""
    inner = [base64.b64encode(json.dumps(each).encode()) for each in events(chat_write(calls))]
    chunks = [json.dumps({"bytes": each.decode()}).encode() for each in inner]
    return b"".join(message(each, event_type="chunk") for each in chunks)


def bedrock_chat_read(raw: bytes) -> Seen:
    inner = [json.loads(payload)["bytes"] for _, payload in read_by_botocore(raw)]
    return chat_read(sse([json.loads(base64.b64decode(each)) for each in inner], done=True))


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
