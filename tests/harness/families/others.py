"""Bedrock Converse, Cohere, Ollama and DashScope."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.families.base import Pieces, lines, message, read_by_botocore, turns


def converse(texts: Pieces, arguments: Pieces) -> bytes:
    out = [
        message(json.dumps({"role": "assistant", "p": "ab"}).encode(), event_type="messageStart")
    ]
    for kind, piece in turns(texts, arguments):
        delta: Any = {"text": piece} if kind == "text" else {"toolUse": {"input": piece}}
        payload = {"contentBlockIndex": int(kind != "text"), "delta": delta, "p": "abc"}
        out.append(message(json.dumps(payload).encode(), event_type="contentBlockDelta"))
    out += [
        message(json.dumps({"contentBlockIndex": index}).encode(), event_type="contentBlockStop")
        for index in range(2)
    ]
    return b"".join([*out, message(b'{"stopReason":"tool_use"}', event_type="messageStop")])


def converse_read(raw: bytes) -> tuple[str, str]:
    text = arguments = ""
    stopped: set[int] = set()
    for headers, payload in read_by_botocore(raw):
        event = json.loads(payload)
        if headers[":event-type"] == "contentBlockStop":
            stopped.add(event["contentBlockIndex"])
        elif headers[":event-type"] == "contentBlockDelta":
            assert event["contentBlockIndex"] not in stopped
            text += event["delta"].get("text", "")
            arguments += event["delta"].get("toolUse", {}).get("input", "")
    return text, arguments


def amazon_q(texts: Pieces, arguments: Pieces) -> bytes:
    tool = {"name": "write", "toolUseId": "tooluse_1"}
    out = [message(b'{"conversationId":"c-1"}', event_type="messageMetadataEvent")]
    for kind, piece in turns(texts, arguments):
        payload = {"content": piece} if kind == "text" else {**tool, "input": piece}
        event = "assistantResponseEvent" if kind == "text" else "toolUseEvent"
        out.append(message(json.dumps(payload).encode(), event_type=event))
    return b"".join([*out, message(json.dumps({**tool, "stop": True}).encode(), "toolUseEvent")])


def amazon_q_read(raw: bytes) -> tuple[str, str]:
    text = arguments = ""
    stopped = False
    for headers, payload in read_by_botocore(raw):
        event = json.loads(payload)
        if headers[":event-type"] == "toolUseEvent":
            assert not stopped
            stopped = event.get("stop", False)
            arguments += event.get("input", "")
        elif headers[":event-type"] == "assistantResponseEvent":
            text += event["content"]
    return text, arguments


def cohere_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    payloads: list[Any] = [
        {"type": "message-start", "id": "i", "delta": {"message": {"role": "assistant"}}}
    ]
    for kind, piece in turns(texts, arguments):
        if kind == "text":
            delta: Any = {"message": {"content": {"text": piece}}}
            payloads.append({"type": "content-delta", "index": 0, "delta": delta})
        else:
            delta = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
            payloads.append({"type": "tool-call-delta", "index": 0, "delta": delta})
    ends: list[Any] = [{"type": "content-end", "index": 0}, {"type": "tool-call-end", "index": 0}]
    return [*payloads, *ends, {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}}]


def cohere_read(payloads: Sequence[Any]) -> tuple[str, str]:
    text = arguments = ""
    for payload in payloads:
        said = payload.get("delta", {}).get("message", {})
        text += said.get("content", {}).get("text", "")
        arguments += said.get("tool_calls", {}).get("function", {}).get("arguments", "")
    return text, arguments


def ai_sdk_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    payloads: list[Any] = [
        {"type": "stream-start", "warnings": []},
        {"type": "text-start", "id": "0"},
        {"type": "tool-input-start", "id": "call-1", "toolName": "sh"},
    ]
    for kind, piece in turns(texts, arguments):
        name, place = ("text", "0") if kind == "text" else ("tool-input", "call-1")
        payloads.append({"type": f"{name}-delta", "id": place, "delta": piece})
    payloads += [{"type": "text-end", "id": "0"}, {"type": "tool-input-end", "id": "call-1"}]
    called = {"toolCallId": "call-1", "toolName": "sh", "input": "".join(arguments)}
    return [*payloads, {"type": "tool-call", **called}, {"type": "finish", "finishReason": "stop"}]


def ai_sdk_read(payloads: Sequence[Any]) -> tuple[str, str]:
    said = {"text-delta": "", "tool-input-delta": ""}
    for payload in payloads:
        if payload["type"] in said:
            said[payload["type"]] += payload["delta"]
    (call,) = (payload for payload in payloads if payload["type"] == "tool-call")
    assert call["input"] == said["tool-input-delta"]
    return said["text-delta"], said["tool-input-delta"]


def cohere_v1(texts: Pieces, arguments: Pieces) -> bytes:
    said = [
        {"is_finished": False, "event_type": "text-generation", "text": piece} for piece in texts
    ]
    end = {
        "is_finished": True,
        "event_type": "stream-end",
        "finish_reason": "COMPLETE",
        "response": {"text": "".join(texts)},
    }
    return lines([*said, end])


def cohere_v1_read(raw: bytes) -> tuple[str, str]:
    payloads = [json.loads(line) for line in raw.splitlines()]
    text = "".join(payload.get("text", "") for payload in payloads if not payload["is_finished"])
    text += payloads[-1].get("text", "")
    assert payloads[-1]["response"]["text"] == text
    return text, ""


def ollama(texts: Pieces, arguments: Pieces) -> bytes:
    said = [
        {"model": "m", "message": {"role": "assistant", "content": piece}, "done": False}
        for piece in texts
    ]
    return lines(
        [*said, {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True}]
    )


def ollama_generate(texts: Pieces, arguments: Pieces) -> bytes:
    said = [{"model": "m", "response": piece, "done": False} for piece in texts]
    return lines([*said, {"model": "m", "response": "", "done": True, "context": [1, 2]}])


def ollama_read(raw: bytes) -> tuple[str, str]:
    text = ""
    for line in raw.splitlines():
        payload = json.loads(line)
        text += payload.get("response", "") + payload.get("message", {}).get("content", "")
        if payload["done"]:
            break
    return text, ""


def dashscope(texts: Pieces, arguments: Pieces) -> bytes:
    """Return events as DashScope writes them: numbered, with a comment, and without spaces."""
    said = [
        {"output": {"choices": [{"message": {"content": piece}, "finish_reason": "null"}]}}
        for piece in texts
    ]
    last = {"output": {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}}
    return "".join(
        f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{json.dumps(event)}\n\n"
        for number, event in enumerate([*said, last], 1)
    ).encode()


def dashscope_read(payloads: Sequence[Any]) -> tuple[str, str]:
    return "".join(
        payload["output"]["choices"][0]["message"]["content"] for payload in payloads
    ), ""
