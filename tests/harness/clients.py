"""Conversations as tools hold them: the history grows, and every turn resends all of it.

A `Conversation` builds one dialect's bodies; a *transport* sends a body and returns the finished
message. Combined, they run the same five turns over plain HTTP/1.1, HTTP/2, WebSocket or an SDK.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from harness import sse
from harness.dialects import canonical, dump
from harness.model import Call, Custom, Item, Text, Thinking

Body = dict[str, Any]
Transport = Callable[[Body], Body]
_SCHEMA = {"type": "object", "properties": {}, "additionalProperties": True}
_TOOLS = ("read_file", "write_file", "bash")


class Conversation(Protocol):
    """The history of a conversation in one dialect."""

    where: str
    """The member of the body that grows with every turn."""

    def body(self) -> Body: ...
    def say(self, text: str) -> None: ...
    def results(self, texts: Sequence[str]) -> None: ...
    def absorb(self, message: Body) -> list[Item]:
        """Append the assistant's turn to the history, and return its items."""


@dataclass
class AnthropicConversation:
    system: str
    where: str = "messages"
    history: list[Body] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def body(self) -> Body:
        tools = [{"name": name, "description": name, "input_schema": _SCHEMA} for name in _TOOLS]
        system = [{"type": "text", "text": self.system, "cache_control": {"type": "ephemeral"}}]
        head = {"model": "claude-test", "max_tokens": 4096, "system": system, "tools": tools}
        return {**head, "messages": list(self.history)}

    def say(self, text: str) -> None:
        self.history.append({"role": "user", "content": text})

    def results(self, texts: Sequence[str]) -> None:
        content = [
            {"type": "tool_result", "tool_use_id": call, "content": text}
            for call, text in zip(self.calls, texts, strict=True)
        ]
        self.history.append({"role": "user", "content": content})

    def absorb(self, message: Body) -> list[Item]:
        content = message["content"]
        self.history.append({"role": "assistant", "content": content})
        self.calls = [block["id"] for block in content if block["type"] == "tool_use"]
        items: list[Item] = []
        for block in content:
            match block["type"]:
                case "thinking":
                    items.append(Thinking(block["thinking"]))
                case "redacted_thinking":
                    items.append(Thinking("", hidden=True))
                case "text":
                    items.append(Text(block["text"]))
                case "tool_use":
                    items.append(Call(block["name"], json.dumps(block["input"])))
        return items


@dataclass
class ChatConversation:
    system: str
    where: str = "messages"
    history: list[Body] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.history.append({"role": "system", "content": self.system})

    def body(self) -> Body:
        tools = [
            {"type": "function", "function": {"name": name, "parameters": _SCHEMA}}
            for name in _TOOLS
        ]
        return {"model": "gpt-4o", "tools": tools, "messages": list(self.history)}

    def say(self, text: str) -> None:
        self.history.append({"role": "user", "content": text})

    def results(self, texts: Sequence[str]) -> None:
        for call, text in zip(self.calls, texts, strict=True):
            self.history.append({"role": "tool", "tool_call_id": call, "content": text})

    def absorb(self, message: Body) -> list[Item]:
        said = message["choices"][0]["message"]
        said = {key: said[key] for key in ("role", "content", "tool_calls") if said.get(key)}
        self.history.append(said)
        self.calls = [call["id"] for call in said.get("tool_calls", [])]
        items: list[Item] = [Text(said["content"])] if said.get("content") else []
        for call in said.get("tool_calls", []):
            function = call["function"]
            items.append(Call(function["name"], _tidy(function["arguments"])))
        return items


@dataclass
class ResponsesConversation:
    system: str
    where: str = "input"
    history: list[Body] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    stateful: bool = False
    """Whether to send `previous_response_id` and only what is new, as Codex does over WebSocket."""
    previous: str = ""
    told: list[Body] = field(default_factory=list)
    """The complete conversation, whoever keeps it."""

    def context(self) -> Body:
        return {"instructions": self.system, "input": [*self.told]}

    def body(self) -> Body:
        tools = [{"type": "function", "name": name, "parameters": _SCHEMA} for name in _TOOLS]
        head: Body = {"model": "gpt-5.5", "instructions": self.system, "tools": tools}
        head |= {"previous_response_id": self.previous} if self.previous else {}
        body = {**head, "store": self.stateful, "input": list(self.history)}
        if self.stateful:
            self.told += self.history
            self.history.clear()
        else:
            self.told = list(self.history)
        return body

    def say(self, text: str) -> None:
        part = {"type": "input_text", "text": text}
        self.history.append({"type": "message", "role": "user", "content": [part]})

    def results(self, texts: Sequence[str]) -> None:
        for (kind, call), text in zip(self.calls, texts, strict=True):
            self.history.append({"type": f"{kind}_output", "call_id": call, "output": text})

    def absorb(self, message: Body) -> list[Item]:
        if self.stateful:
            self.previous = message["id"]
            self.told += message["output"]
        else:
            self.history += message["output"]
        self.calls = []
        items: list[Item] = []
        for item in message["output"]:
            match item["type"]:
                case "reasoning":
                    items.append(Thinking(item["summary"][0]["text"]))
                case "message":
                    items.append(Text(item["content"][0]["text"]))
                case "function_call":
                    items.append(Call(item["name"], _tidy(item["arguments"])))
                    self.calls.append(("function_call", item["call_id"]))
                case "custom_tool_call":
                    items.append(Custom(item["name"], item["input"]))
                    self.calls.append(("custom_tool_call", item["call_id"]))
        return items


@dataclass
class GeminiConversation:
    system: str
    where: str = "contents"
    history: list[Body] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def body(self) -> Body:
        declared = [{"name": name, "parametersJsonSchema": _SCHEMA} for name in _TOOLS]
        return {
            "systemInstruction": {"parts": [{"text": self.system}]},
            "tools": [{"functionDeclarations": declared}],
            "contents": list(self.history),
        }

    def say(self, text: str) -> None:
        self.history.append({"role": "user", "parts": [{"text": text}]})

    def results(self, texts: Sequence[str]) -> None:
        parts = [
            {"functionResponse": {"name": name, "response": {"output": text}}}
            for name, text in zip(self.calls, texts, strict=True)
        ]
        self.history.append({"role": "user", "parts": parts})

    def absorb(self, message: Body) -> list[Item]:
        content = message["candidates"][0]["content"]
        self.history.append(content)
        self.calls = []
        items: list[Item] = []
        for part in content["parts"]:
            if "functionCall" in part:
                called = part["functionCall"]
                self.calls.append(called["name"])
                items.append(Call(called["name"], json.dumps(called["args"])))
            elif part.get("thought"):
                items.append(Thinking(part["text"]))
            else:
                items.append(Text(part["text"]))
        return items


def _tidy(arguments: str) -> str:
    """Return the arguments as the model would write them, without redundant escapes."""
    return json.dumps(json.loads(arguments))


def history_bytes(body: Body, conversation: Conversation) -> list[bytes]:
    """Return the turns of a body in the form that providers compare for prefixes."""
    return [canonical(turn) for turn in body[conversation.where]]


def http(
    client: httpx.Client,
    url: str,
    spell: Callable[[Any], Body] | None,
    array: bool = False,
) -> Transport:
    """Return a transport that POSTs bodies.

    `spell` assembles the message from the events of a stream; None means that nothing is streamed.
    """

    def send(body: Body) -> Body:
        content = dump({"stream": True, **body} if spell and "googleapis" not in url else body)
        headers = {"content-type": "application/json", "x-api-key": "of-the-test"}
        with client.stream("POST", url, content=content, headers=headers) as response:
            if response.status_code != 200:
                raise RuntimeError(f"{response.status_code}: {response.read().decode()}")
            if not spell:
                answer: Body = json.loads(response.read())
                return answer
            if array:
                return spell(json.loads(response.read()))
            return spell(sse.payloads(response.iter_bytes()))

    return send


@dataclass(frozen=True)
class Turn:
    """What one turn sent and received."""

    sent: Body
    context: Body
    """What the model must know for this turn: what was sent, and what the provider keeps."""
    items: list[Item]


def converse(
    conversation: Conversation,
    transport: Transport,
    steps: Sequence[str | Sequence[str]],
    between: Callable[[int], None] = lambda turn: None,
) -> list[Turn]:
    """Run one turn per step: a user's text, or the results of the previous turn's calls."""
    turns = []
    for number, step in enumerate(steps):
        between(number)
        if isinstance(step, str):
            conversation.say(step)
        else:
            conversation.results(step)
        body = conversation.body()
        context = (
            conversation.context() if isinstance(conversation, ResponsesConversation) else body
        )
        turns.append(Turn(body, context, conversation.absorb(transport(body))))
    return turns
