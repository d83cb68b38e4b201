"""Anthropic Messages, as events and in Bedrock's InvokeModel."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from harness.families.base import Pieces, message, read_by_botocore, turns


def anthropic_events(texts: Pieces, arguments: Pieces) -> list[Any]:
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


def anthropic_read(payloads: Sequence[Any]) -> tuple[str, str]:
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


def bedrock_invoke(texts: Pieces, arguments: Pieces) -> bytes:
    def chunk(payload: Any) -> bytes:
        inner = {"bytes": base64.b64encode(json.dumps(payload).encode()).decode(), "p": "abcdefgh"}
        return message(json.dumps(inner).encode(), event_type="chunk")

    return b"".join(map(chunk, anthropic_events(texts, arguments)))


def bedrock_invoke_read(raw: bytes) -> tuple[str, str]:
    payloads = [json.loads(payload) for _, payload in read_by_botocore(raw)]
    assert {payload["p"] for payload in payloads} == {"abcdefgh"}
    return anthropic_read([json.loads(base64.b64decode(payload["bytes"])) for payload in payloads])
