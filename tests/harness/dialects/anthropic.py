"""Anthropic Messages, with thinking signed over everything before it, and `count_tokens`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from harness.dialects import (
    Asked,
    Event,
    Style,
    canonical,
    cut,
    dump,
    escaped,
    identifier,
    sign,
    signed,
    weave,
)
from harness.model import Call, Item, Prompt, Text, Thinking, names, strings


def _event(payload: dict[str, Any], delta: bool = False) -> Event:
    name = payload["type"].encode()
    return Event(b"event: " + name + b"\ndata: " + dump(payload) + b"\n\n", delta)


def _prefix(body: dict[str, Any], message: int, content: list[Any]) -> bytes:
    """Return what a thinking block is bound to: system, tools, earlier messages and blocks."""
    earlier = [_blocks(each) for each in body.get("messages", [])[:message]]
    return canonical([body.get("system"), body.get("tools"), earlier, content])


def _blocks(message: dict[str, Any]) -> dict[str, Any]:
    """Normalise content: a plain text equals a list with one text block."""
    content = message["content"]
    if isinstance(content, str):
        return {**message, "content": [{"type": "text", "text": content}]}
    return message


class Anthropic(Asked):
    def __init__(self) -> None:
        self._generated: dict[str, list[Any]] = {}

    def prompt(self, body: dict[str, Any]) -> Prompt:
        messages = body.get("messages", [])
        turns = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
        last = messages[turns[-1] + 1 :] if turns else messages
        texts = [*strings(body.get("system")), *strings([m["content"] for m in messages])]
        recent = tuple(strings([m["content"] for m in last]))
        return Prompt(len(turns), tuple(texts), recent, names(body.get("tools")))

    def refusal(self, body: dict[str, Any]) -> str | None:
        for at, message in enumerate(body.get("messages", [])):
            if message["role"] != "assistant" or not isinstance(message["content"], list):
                continue
            content = message["content"]
            for number, block in enumerate(content):
                where = f"messages.{at}.content.{number}"
                before = _prefix(body, at, content[:number])
                if block["type"] == "thinking":
                    if not signed(block["signature"], before, block["thinking"].encode()):
                        return f"{where}: `thinking` block is bound to a different conversation"
                    if canonical(content) != canonical(self._generated[block["signature"]]):
                        return f"messages.{at}: content differs from what was generated"
                elif block["type"] == "redacted_thinking" and not signed(block["data"], before):
                    return f"{where}: `redacted_thinking` blocks cannot be modified"
        return None

    def _blocks(self, body: dict[str, Any], items: Sequence[Item]) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        for item in items:
            before = _prefix(body, len(body.get("messages", [])), blocks)
            match item:
                case Thinking(text, hidden=True):
                    blocks.append({"type": "redacted_thinking", "data": sign(before)})
                case Thinking(text):
                    signature = sign(before, text.encode())
                    blocks.append({"type": "thinking", "thinking": text, "signature": signature})
                    self._generated[signature] = blocks
                case Text(text):
                    blocks.append({"type": "text", "text": text})
                case Call(name, arguments):
                    block = {"type": "tool_use", "id": identifier("toolu_"), "name": name}
                    blocks.append({**block, "input": json.loads(arguments)})
                case _:
                    raise TypeError(f"no such item in this dialect: {type(item).__name__}")
        return blocks

    def whole(self, path: str, body: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]:
        if path.partition("?")[0].endswith("/count_tokens"):
            return {"input_tokens": len(dump(body)) // 4}
        calls = any(isinstance(item, Call) for item in items)
        return {
            "id": identifier("msg_"),
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "m"),
            "content": self._blocks(body, items),
            "stop_reason": "tool_use" if calls else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 9},
        }

    def events(
        self, path: str, body: dict[str, Any], items: Sequence[Item], style: Style
    ) -> Iterator[Event]:
        message = self.whole(path, body, items)
        empty = {**message, "content": [], "stop_reason": None}
        yield _event({"type": "message_start", "message": empty})
        yield _event({"type": "ping"})
        lanes = [
            list(self._block(at, block, item, style))
            for at, (block, item) in enumerate(zip(message["content"], items, strict=True))
        ]
        yield from weave(lanes, style.interleave)
        ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        usage = {"output_tokens": 9}
        yield _event({"type": "message_delta", "delta": ending, "usage": usage})
        yield _event({"type": "message_stop"})

    def _block(self, at: int, block: dict[str, Any], item: Item, style: Style) -> Iterator[Event]:
        def delta(kind: str, field: str, text: str) -> Event:
            change = {"type": kind, field: text}
            return _event({"type": "content_block_delta", "index": at, "delta": change}, True)

        start: dict[str, Any] = dict(block)
        deltas: list[Event] = []
        match item:
            case Thinking(text, hidden=False):
                start |= {"thinking": "", "signature": ""}
                deltas += (delta("thinking_delta", "thinking", p) for p in cut(text, style.delta))
                deltas.append(delta("signature_delta", "signature", block["signature"]))
            case Text(text):
                start["text"] = ""
                deltas += (delta("text_delta", "text", piece) for piece in cut(text, style.delta))
            case Call(_, arguments):
                start["input"] = {}
                pieces = ["", *cut(escaped(arguments, style), style.delta)]
                deltas += (delta("input_json_delta", "partial_json", piece) for piece in pieces)
        yield _event({"type": "content_block_start", "index": at, "content_block": start})
        yield from deltas
        yield _event({"type": "content_block_stop", "index": at})

    def error(self, status: int, message: str) -> dict[str, Any]:
        kinds = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
        detail = {"type": kinds.get(status, "api_error"), "message": message}
        return {"type": "error", "error": detail, "request_id": identifier("req_")}
