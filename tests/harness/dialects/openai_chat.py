"""OpenAI Chat Completions: parallel choices, tool calls as JSON text, `[DONE]` at the end."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from harness.dialects import Asked, Event, Style, cut, dump, escaped, identifier, weave
from harness.model import Call, Item, Prompt, Text, names, strings


class OpenAIChat(Asked):
    _repeated: ClassVar[dict[str, str]] = {}
    """Members of a function that every piece of its arguments has."""

    def prompt(self, body: dict[str, Any]) -> Prompt:
        messages = body.get("messages", [])
        turns = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
        last = messages[turns[-1] + 1 :] if turns else messages
        said = [[m.get("content"), m.get("tool_calls")] for m in messages]
        recent = [m.get("content") for m in last]
        tools = names(body.get("tools"))
        return Prompt(len(turns), tuple(strings(said)), tuple(strings(recent)), tools)

    def refusal(self, body: dict[str, Any]) -> str | None:
        return None

    def _message(self, items: Sequence[Item]) -> dict[str, Any]:
        text = "".join(item.text for item in items if isinstance(item, Text))
        calls = [item for item in items if isinstance(item, Call)]
        message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
        if calls:
            message["tool_calls"] = [
                {
                    "id": identifier("call_"),
                    "type": "function",
                    "function": {"name": each.name, "arguments": each.arguments},
                }
                for each in calls
            ]
        return message

    def whole(self, path: str, body: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]:
        choices = []
        for index in range(body.get("n") or 1):
            message = self._message(items)
            reason = "tool_calls" if message.get("tool_calls") else "stop"
            choices.append(
                {"index": index, "message": message, "logprobs": None, "finish_reason": reason}
            )
        return {
            "id": identifier("chatcmpl-"),
            "object": "chat.completion",
            "created": 1_780_000_000,
            "model": body.get("model", "m"),
            "choices": choices,
            "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
        }

    def events(
        self, path: str, body: dict[str, Any], items: Sequence[Item], style: Style
    ) -> Iterator[Event]:
        head = {
            "id": identifier("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": 1_780_000_000,
            "model": body.get("model", "m"),
        }

        def chunk(index: int, delta: dict[str, Any], reason: str | None = None) -> Event:
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
            payload = {**head, "choices": [choice], "obfuscation": secrets.token_urlsafe(6)}
            return Event(b"data: " + dump(payload) + b"\n\n", bool(delta) and "role" not in delta)

        message = self._message(items)
        choices = []
        for index in range(body.get("n") or 1):
            text = [
                chunk(index, {"content": p}) for p in cut(message["content"] or "", style.delta)
            ]
            calls = [
                [chunk(index, {"tool_calls": [piece]}) for piece in self._call(at, call, style)]
                for at, call in enumerate(message.get("tool_calls", []))
            ]
            reason = "tool_calls" if calls else "stop"
            choices.append(
                [
                    chunk(index, {"role": "assistant", "content": "", "refusal": None}),
                    *text,
                    *weave(calls, style.interleave),
                    chunk(index, {}, reason),
                ]
            )
        yield from weave(choices, True)
        yield Event(b"data: [DONE]\n\n")

    def _call(self, at: int, call: dict[str, Any], style: Style) -> Iterator[dict[str, Any]]:
        function = call["function"]
        yield {"index": at, **call, "function": {"name": function["name"], "arguments": ""}}
        for piece in cut(escaped(function["arguments"], style), style.delta):
            yield {"index": at, "function": {**self._repeated, "arguments": piece}}

    def error(self, status: int, message: str) -> dict[str, Any]:
        detail = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        return {"error": detail}


class Mistral(OpenAIChat):
    """Its SDK rejects a piece of a call without a name."""

    _repeated: ClassVar[dict[str, str]] = {"name": ""}
