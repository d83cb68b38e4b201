"""OpenAI Chat Completions, Responses and Assistants, and Perplexity's variant of the first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.families.base import Pieces, events, turns


def chat_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    payloads: list[Any] = [{"id": "c", "choices": [], "prompt_filter_results": []}]
    for kind, piece in turns(texts, arguments):
        delta: Any = {"content": piece}
        if kind == "arguments":
            delta = {
                "tool_calls": [
                    {"index": 3, "id": "call_1", "function": {"name": "n", "arguments": piece}}
                ]
            }
        choice = {
            "index": 0,
            "delta": delta,
            "logprobs": {"content": [{"token": piece}]},
            "finish_reason": None,
        }
        payloads.append({"id": "c", "obfuscation": "REDACTED<", "choices": [choice]})
    payloads.append(
        {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    )
    return [*payloads, {"id": "c", "choices": [], "usage": {"total_tokens": 9}}]


def chat_read(payloads: Sequence[Any]) -> tuple[str, str]:
    text = arguments = ""
    ended = False
    for payload in payloads:
        for choice in payload["choices"]:
            delta = choice["delta"]
            assert not (ended and (delta.get("content") or delta.get("tool_calls")))
            text += delta.get("content") or ""
            for call in delta.get("tool_calls", ()):
                assert call["index"] == 3
                arguments += call["function"]["arguments"]
            ended = ended or bool(choice["finish_reason"])
    return text, arguments


def perplexity_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    payloads = []
    for at, piece in enumerate(texts):
        so_far = {"role": "assistant", "content": "".join(texts[: at + 1])}
        last = at == len(texts) - 1
        choice = {
            "index": 0,
            "delta": {"content": piece},
            "message": so_far,
            "finish_reason": "stop" if last else None,
        }
        payloads.append({"id": "p", "citations": ["https://example.org"], "choices": [choice]})
    return payloads


def perplexity_read(payloads: Sequence[Any]) -> tuple[str, str]:
    text = "".join(payload["choices"][0]["delta"]["content"] for payload in payloads)
    assert payloads[-1]["choices"][0]["message"]["content"] == text
    return text, ""


def responses_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    text, json_text = "".join(texts), "".join(arguments)
    message_item = {
        "id": "msg_1",
        "type": "message",
        "content": [{"type": "output_text", "text": text}],
    }
    call_item = {"id": "fc_1", "type": "function_call", "call_id": "c", "arguments": json_text}
    here = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    there = {"item_id": "fc_1", "output_index": 1}
    payloads: list[Any] = [
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"id": "msg_1", "type": "message", "content": []}},
        {"type": "response.output_item.added", "output_index": 1, "item": {**call_item, "arguments": ""}},
    ]  # fmt: skip
    for kind, piece in turns(texts, arguments):
        if kind == "text":
            payloads.append(
                {
                    "type": "response.output_text.delta",
                    **here,
                    "delta": piece,
                    "obfuscation": "RED",
                    "logprobs": [],
                }
            )
        else:
            payloads.append(
                {"type": "response.function_call_arguments.delta", **there, "delta": piece}
            )
    payloads += [
        {"type": "response.output_text.done", **here, "text": text},
        {"type": "response.content_part.done", **here, "part": message_item["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": message_item},
        {"type": "response.function_call_arguments.done", **there, "arguments": json_text},
        {"type": "response.output_item.done", "output_index": 1, "item": call_item},
        {"type": "response.completed", "response": {"id": "resp_1", "output": [message_item, call_item]}},
    ]  # fmt: skip
    return [{**payload, "sequence_number": at} for at, payload in enumerate(payloads)]


def responses_read(payloads: Sequence[Any]) -> tuple[str, str]:
    numbers = [payload["sequence_number"] for payload in payloads]
    assert numbers == sorted(set(numbers))
    said = {"text": "", "arguments": ""}
    repeats: dict[str, list[str]] = {"text": [], "arguments": []}
    for payload in payloads:
        kind = payload["type"]
        if kind == "response.output_text.delta":
            said["text"] += payload["delta"]
        elif kind == "response.function_call_arguments.delta":
            said["arguments"] += payload["delta"]
        elif kind == "response.output_text.done":
            repeats["text"].append(payload["text"])
        elif kind == "response.content_part.done":
            repeats["text"].append(payload["part"]["text"])
        elif kind == "response.function_call_arguments.done":
            repeats["arguments"].append(payload["arguments"])
        items = (
            [payload["item"]]
            if kind == "response.output_item.done"
            else payload.get("response", {}).get("output", [])
        )
        repeats["text"] += [
            item["content"][0]["text"] for item in items if item["type"] == "message"
        ]
        repeats["arguments"] += [
            item["arguments"] for item in items if item["type"] == "function_call"
        ]
    for name, whole in said.items():
        assert {*repeats[name]} == {whole}, name
    return said["text"], said["arguments"]


def delegated(payloads: Sequence[Any]) -> list[Any]:
    """Return events as the Live API passes them on."""
    return [
        {"type": "response.event", "event_id": f"event_{at}", "delegation_id": "d", "event": each}
        for at, each in enumerate(payloads)
    ]


def assistants(texts: Pieces, arguments: Pieces) -> bytes:
    out = []
    for kind, piece in turns(texts, arguments):
        if kind == "text":
            delta: Any = {"content": [{"index": 0, "type": "text", "text": {"value": piece}}]}
            payload = {"id": "msg_1", "object": "thread.message.delta", "delta": delta}
        else:
            call = {"index": 0, "id": "c", "type": "function", "function": {"arguments": piece}}
            delta = {"step_details": {"type": "tool_calls", "tool_calls": [call]}}
            payload = {"id": "step_1", "object": "thread.run.step.delta", "delta": delta}
        out.append(f"event: {payload['object']}\ndata: {json.dumps(payload)}\n\n")
    done = {
        "id": "msg_1",
        "object": "thread.message",
        "content": [{"type": "text", "text": {"value": "".join(texts)}}],
    }
    out.append(f"event: thread.message.completed\ndata: {json.dumps(done)}\n\n")
    return ("".join(out) + "event: done\ndata: [DONE]\n\n").encode()


def assistants_read(raw: bytes) -> tuple[str, str]:
    text = arguments = ""
    for payload in events(raw):
        for content in payload.get("delta", {}).get("content", ()):
            text += content["text"]["value"]
        for call in payload.get("delta", {}).get("step_details", {}).get("tool_calls", ()):
            arguments += call["function"]["arguments"]
        if payload["object"] == "thread.message":
            assert payload["content"][0]["text"]["value"] == text
    return text, arguments


def transcript_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    """Return transcription events, which contain no tool calls."""
    out: list[Any] = [
        {"type": "transcript.text.delta", "delta": piece, "logprobs": [{"token": piece}]}
        for piece in texts
    ]
    return [*out, {"type": "transcript.text.done", "text": "".join(texts)}]


def transcript_read(payloads: Sequence[Any]) -> tuple[str, str]:
    *deltas, done = payloads
    text = "".join(delta["delta"] for delta in deltas)
    assert done["text"] == text
    return text, ""
