"""Streamed answers of every family: two texts in pieces, free text and JSON arguments, taking turns.

A `Family` writes the stream as the provider would and reads it as a client would, by means that are
not the gate's own.
"""

from __future__ import annotations

import base64
import itertools
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from botocore.eventstream import EventStreamBuffer

from secretgate.providers import DIALECTS, Dialect
from secretgate.streams.base import Framer
from secretgate.streams.eventstream import EventStreamFramer
from secretgate.streams.json_array import JsonArrayFramer
from secretgate.streams.ndjson import NdjsonFramer
from secretgate.streams.sse import SseFramer

Pieces = Sequence[str]


def message(payload: bytes, event_type: str) -> bytes:
    """A message of Amazon's binary streams."""
    named = {
        ":event-type": event_type,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    headers = b"".join(
        struct.pack(">B", len(name))
        + name.encode()
        + b"\7"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in named.items()
    )
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def read_by_botocore(raw: bytes) -> list[tuple[dict[str, str], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    return [(read.headers, read.payload) for read in buffer]


@dataclass(frozen=True)
class Family:
    dialect: Dialect
    framer: Callable[[], Framer]
    write: Callable[[Pieces, Pieces], bytes]
    read: Callable[[bytes], tuple[str, str]]
    """The free text and the arguments."""
    arguments: bool = True
    """Whether arguments come in pieces at all."""


def turns(texts: Pieces, arguments: Pieces) -> Iterator[tuple[str, str | None]]:
    for text, piece in itertools.zip_longest(texts, arguments):
        if text is not None:
            yield "text", text
        if piece is not None:
            yield "arguments", piece


def events(raw: bytes) -> list[Any]:
    """The payloads of server-sent events, `[DONE]` aside."""
    lines = [
        line for line in raw.decode().replace("\r\n", "\n").split("\n") if line.startswith("data:")
    ]
    payloads = [line[5:].strip() for line in lines]
    return [json.loads(payload) for payload in payloads if payload != "[DONE]"]


def sse(payloads: Sequence[Any], end: str = "\n", named: str = "", done: bool = False) -> bytes:
    out = []
    for payload in payloads:
        head = f"event: {payload[named]}{end}" if named else ""
        out.append(f"{head}data: {json.dumps(payload)}{end}{end}")
    return "".join(out + [f"data: [DONE]{end}{end}"] * done).encode()


def _anthropic_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    payloads: list[Any] = [
        {"type": "message_start", "message": {"id": "msg_1", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "n", "input": {}}},
    ]  # fmt: skip
    for kind, piece in turns(texts, arguments):
        text = {"type": "text_delta", "text": piece}
        part = {"type": "input_json_delta", "partial_json": piece}
        index, delta = (0, text) if kind == "text" else (1, part)
        payloads.append({"type": "content_block_delta", "index": index, "delta": delta})
        payloads.append({"type": "ping"})
    payloads += [
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_stop", "index": 1},
    ]
    return [
        *payloads,
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ]


def _anthropic_read(payloads: Sequence[Any]) -> tuple[str, str]:
    text = arguments = ""
    stopped: set[int] = set()
    for payload in payloads:
        if payload["type"] == "content_block_stop":
            stopped.add(payload["index"])
        if payload["type"] == "content_block_delta":
            assert payload["index"] not in stopped
            text += payload["delta"].get("text", "")
            arguments += payload["delta"].get("partial_json", "")
    assert payloads[-1]["type"] == "message_stop"
    return text, arguments


def _chat_events(texts: Pieces, arguments: Pieces) -> list[Any]:
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


def _chat_read(payloads: Sequence[Any]) -> tuple[str, str]:
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


def _perplexity_events(texts: Pieces, arguments: Pieces) -> list[Any]:
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


def _perplexity_read(payloads: Sequence[Any]) -> tuple[str, str]:
    text = "".join(payload["choices"][0]["delta"]["content"] for payload in payloads)
    assert payloads[-1]["choices"][0]["message"]["content"] == text
    return text, ""


def _responses_events(texts: Pieces, arguments: Pieces) -> list[Any]:
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


def _responses_read(payloads: Sequence[Any]) -> tuple[str, str]:
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


def _gemini_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    payloads = []
    for kind, piece in turns(texts, arguments):
        part: Any = {"text": piece}
        if kind == "arguments":
            part = {
                "functionCall": {
                    "partialArgs": [{"jsonPath": "$.a", "stringValue": piece}],
                    "willContinue": True,
                }
            }
        payloads.append(
            {
                "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}],
                "responseId": "r",
            }
        )
    signed = {"text": "", "thoughtSignature": "REDACTED<zz-key:0123456789ab>"}
    last = {"index": 0, "content": {"role": "model", "parts": [signed]}, "finishReason": "STOP"}
    return [*payloads, {"candidates": [last], "usageMetadata": {"totalTokenCount": 9}}]


def _gemini_read(payloads: Sequence[Any]) -> tuple[str, str]:
    text = arguments = ""
    signatures = []
    for payload in payloads:
        for part in payload["candidates"][0]["content"]["parts"]:
            text += part.get("text", "")
            if "thoughtSignature" in part:
                signatures.append(part["thoughtSignature"])
                assert part["text"] == ""
            for piece in part.get("functionCall", {}).get("partialArgs", ()):
                arguments += piece["stringValue"]
    assert signatures == ["REDACTED<zz-key:0123456789ab>"]
    return text, arguments


def _wrapped(payloads: Sequence[Any]) -> list[Any]:
    return [{"response": payload, "traceId": "t"} for payload in payloads]


def _gemini_array(texts: Pieces, arguments: Pieces) -> bytes:
    return (
        b"["
        + b"\n,\r\n".join(
            json.dumps(each, indent=1).encode() for each in _gemini_events(texts, arguments)
        )
        + b"]"
    )


def _live_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    turn = [{"serverContent": {"modelTurn": {"parts": [{"text": piece}]}}} for piece in texts]
    return [{"setupComplete": {}}, *turn, {"serverContent": {"turnComplete": True}}]


def _live_read(payloads: Sequence[Any]) -> tuple[str, str]:
    text = ""
    for payload in payloads:
        for part in payload.get("serverContent", {}).get("modelTurn", {}).get("parts", ()):
            text += part.get("text", "")
    return text, ""


def _bedrock_invoke(texts: Pieces, arguments: Pieces) -> bytes:
    def chunk(payload: Any) -> bytes:
        inner = {"bytes": base64.b64encode(json.dumps(payload).encode()).decode(), "p": "abcdefgh"}
        return message(json.dumps(inner).encode(), event_type="chunk")

    return b"".join(map(chunk, _anthropic_events(texts, arguments)))


def _bedrock_invoke_read(raw: bytes) -> tuple[str, str]:
    payloads = [json.loads(payload) for _, payload in read_by_botocore(raw)]
    assert {payload["p"] for payload in payloads} == {"abcdefgh"}
    return _anthropic_read([json.loads(base64.b64decode(payload["bytes"])) for payload in payloads])


def _converse(texts: Pieces, arguments: Pieces) -> bytes:
    out = [
        message(json.dumps({"role": "assistant", "p": "ab"}).encode(), event_type="messageStart")
    ]
    for kind, piece in turns(texts, arguments):
        delta: Any = {"text": piece} if kind == "text" else {"toolUse": {"input": piece}}
        payload = {"contentBlockIndex": int(kind != "text"), "delta": delta, "p": "abc"}
        out.append(message(json.dumps(payload).encode(), event_type="contentBlockDelta"))
    for index in range(2):
        out.append(
            message(
                json.dumps({"contentBlockIndex": index}).encode(), event_type="contentBlockStop"
            )
        )
    return b"".join([*out, message(b'{"stopReason":"tool_use"}', event_type="messageStop")])


def _converse_read(raw: bytes) -> tuple[str, str]:
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


def _cohere_events(texts: Pieces, arguments: Pieces) -> list[Any]:
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


def _cohere_read(payloads: Sequence[Any]) -> tuple[str, str]:
    text = arguments = ""
    for payload in payloads:
        said = payload.get("delta", {}).get("message", {})
        text += said.get("content", {}).get("text", "")
        arguments += said.get("tool_calls", {}).get("function", {}).get("arguments", "")
    return text, arguments


def lines(payloads: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(payload).encode() + b"\n" for payload in payloads)


def _cohere_v1(texts: Pieces, arguments: Pieces) -> bytes:
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


def _cohere_v1_read(raw: bytes) -> tuple[str, str]:
    payloads = [json.loads(line) for line in raw.splitlines()]
    text = "".join(payload.get("text", "") for payload in payloads if not payload["is_finished"])
    text += payloads[-1].get("text", "")
    assert payloads[-1]["response"]["text"] == text
    return text, ""


def _ollama(texts: Pieces, arguments: Pieces) -> bytes:
    said = [
        {"model": "m", "message": {"role": "assistant", "content": piece}, "done": False}
        for piece in texts
    ]
    return lines(
        [*said, {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True}]
    )


def _ollama_generate(texts: Pieces, arguments: Pieces) -> bytes:
    said = [{"model": "m", "response": piece, "done": False} for piece in texts]
    return lines([*said, {"model": "m", "response": "", "done": True, "context": [1, 2]}])


def _ollama_read(raw: bytes) -> tuple[str, str]:
    text = ""
    for line in raw.splitlines():
        payload = json.loads(line)
        text += payload.get("response", "") + payload.get("message", {}).get("content", "")
        if payload["done"]:
            break
    return text, ""


def _dashscope_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    said = [
        {"output": {"choices": [{"message": {"content": piece}, "finish_reason": "null"}]}}
        for piece in texts
    ]
    return [*said, {"output": {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}}]


def _dashscope_read(payloads: Sequence[Any]) -> tuple[str, str]:
    return "".join(
        payload["output"]["choices"][0]["message"]["content"] for payload in payloads
    ), ""


def _assistants(texts: Pieces, arguments: Pieces) -> bytes:
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


def _assistants_read(raw: bytes) -> tuple[str, str]:
    text = arguments = ""
    for payload in events(raw):
        for content in payload.get("delta", {}).get("content", ()):
            text += content["text"]["value"]
        for call in payload.get("delta", {}).get("step_details", {}).get("tool_calls", ()):
            arguments += call["function"]["arguments"]
        if payload["object"] == "thread.message":
            assert payload["content"][0]["text"]["value"] == text
    return text, arguments


def _family(
    dialect: str,
    make: Callable[[Pieces, Pieces], list[Any]],
    read: Callable[[Sequence[Any]], tuple[str, str]],
    end: str = "\n",
    named: str = "",
    done: bool = False,
    arguments: bool = True,
) -> Family:
    return Family(
        DIALECTS[dialect],
        SseFramer,
        lambda texts, pieces: sse(make(texts, pieces), end, named, done),
        lambda raw: read(events(raw)),
        arguments,
    )


_INCREMENTAL = DIALECTS["dashscope"].answering(b'{"parameters":{"incremental_output": true}}')

FAMILIES: dict[str, Family] = {
    "anthropic": _family("anthropic", _anthropic_events, _anthropic_read, named="type"),
    "chat": _family("openai-chat", _chat_events, _chat_read, done=True),
    "perplexity": _family("openai-chat", _perplexity_events, _perplexity_read, "\r\n", arguments=False),
    "responses": _family("openai-responses", _responses_events, _responses_read, named="type"),
    "gemini": _family("gemini", _gemini_events, _gemini_read, "\r\n"),
    "code assist": _family(
        "gemini",
        lambda texts, pieces: _wrapped(_gemini_events(texts, pieces)),
        lambda payloads: _gemini_read([payload["response"] for payload in payloads]),
    ),
    "gemini array": Family(
        DIALECTS["gemini"], JsonArrayFramer, _gemini_array, lambda raw: _gemini_read(json.loads(raw))
    ),
    "gemini live": _family("gemini", _live_events, _live_read, arguments=False),
    "bedrock invoke": Family(DIALECTS["bedrock"], EventStreamFramer, _bedrock_invoke, _bedrock_invoke_read),
    "bedrock converse": Family(DIALECTS["bedrock"], EventStreamFramer, _converse, _converse_read),
    "cohere": _family("cohere", _cohere_events, _cohere_read, named="type"),
    "cohere v1": Family(DIALECTS["cohere"], NdjsonFramer, _cohere_v1, _cohere_v1_read, False),
    "ollama": Family(DIALECTS["ollama"], NdjsonFramer, _ollama, _ollama_read, False),
    "ollama generate": Family(DIALECTS["ollama"], NdjsonFramer, _ollama_generate, _ollama_read, False),
    "dashscope": Family(
        _INCREMENTAL,
        SseFramer,
        lambda texts, pieces: sse(_dashscope_events(texts, pieces)),
        lambda raw: _dashscope_read(events(raw)),
        False,
    ),
    "assistants": Family(DIALECTS["openai-assistants"], SseFramer, _assistants, _assistants_read),
}  # fmt: skip
