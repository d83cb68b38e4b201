"""JSON-RPC as MCP uses it: recognises tool calls and their results, and builds our replies.

Formats: the MCP specification, revisions 2024-11-05 to 2025-11-25. Batches exist only in
2025-03-26, but are read in any revision.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from secretgate import tolerant

REFUSED = -32001
"""Our error code, in the range that JSON-RPC reserves for servers."""
_MOST_PENDING = 10_000


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call in a message of the client."""

    at: tuple[str | int, ...]
    """The path of the message within what was sent: an index in a batch, otherwise empty."""
    id: Any
    tool: str
    input: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool call in a message of the server."""

    at: tuple[str | int, ...]
    id: Any
    tool: str
    result: Any = field(repr=False)


class Pending:
    """The tools of unanswered calls, by request id."""

    def __init__(self) -> None:
        self._tools: OrderedDict[tuple[str, Any], str] = OrderedDict()

    def asked(self, call: ToolCall) -> None:
        self._tools[_key(call.id)] = call.tool
        while len(self._tools) > _MOST_PENDING:
            self._tools.popitem(last=False)

    def answered(self, number: Any) -> str | None:
        return self._tools.pop(_key(number), None)


def _key(number: Any) -> tuple[str, Any]:
    """Return a key under which the ids `1` and `"1"` differ."""
    return type(number).__name__, number if isinstance(number, str | int | float) else None


def parsed(raw: bytes) -> Any:
    """Parse JSON; raise ValueError if it is invalid."""
    return tolerant.decode(raw)


def introduced(message: Any) -> Iterator[str]:
    """Yield the name that a client gives itself when it begins a session."""
    for _, item in items(message):
        params = item.get("params") if item.get("method") == "initialize" else None
        info = params.get("clientInfo") if isinstance(params, dict) else None
        name = info.get("name") if isinstance(info, dict) else None
        if isinstance(name, str):
            yield name


def items(message: Any) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """Yield the messages in what was sent, each with its path."""
    if isinstance(message, dict):
        yield (), message
    elif isinstance(message, list):
        for at, item in enumerate(message):
            if isinstance(item, dict):
                yield (at,), item


def tool_calls(message: Any) -> Iterator[ToolCall]:
    """Yield the tool calls in a message."""
    for at, item in items(message):
        params = item.get("params")
        if item.get("method") == "tools/call" and isinstance(params, dict):
            tool = params.get("name")
            yield ToolCall(
                at, item.get("id"), tool if isinstance(tool, str) else "", params.get("arguments")
            )


def tool_results(message: Any, pending: Pending) -> Iterator[ToolResult]:
    """Yield the results of pending tool calls in a message, and mark them as answered."""
    for at, item in items(message):
        if "method" in item or "id" not in item:
            continue
        tool = pending.answered(item["id"])
        if tool is not None and "result" in item:
            yield ToolResult(at, item["id"], tool, item["result"])


def denied_result(number: Any, message: str) -> dict[str, Any]:
    """Return a tool result saying why the call or its result was denied.

    It has the form that the specification gives errors of tools, so that the model can read it.
    """
    content = [{"type": "text", "text": message}]
    return {"jsonrpc": "2.0", "id": number, "result": {"content": content, "isError": True}}


def error(number: Any, message: str) -> dict[str, Any]:
    """Return a JSON-RPC error response."""
    return {"jsonrpc": "2.0", "id": number, "error": {"code": REFUSED, "message": message}}


def encoded(message: Any) -> bytes:
    return tolerant.encode(message)


def without(raw: bytes, gone: Collection[tuple[str | int, ...]]) -> bytes | None:
    """Return what was sent without some of its messages, the others unchanged; None if none is left."""
    if () in gone:
        return None
    kept = [item for at, item in enumerate(tolerant.elements(raw)) if (at,) not in gone]
    return b"[" + b",".join(kept) + b"]" if kept else None


def put(raw: bytes, at: tuple[str | int, ...], message: Any) -> bytes:
    """Return what was sent with one message replaced, the others unchanged."""
    if not at:
        return encoded(message)
    batch = tolerant.elements(raw)
    pieces = [encoded(message) if (n,) == at else item for n, item in enumerate(batch)]
    return b"[" + b",".join(pieces) + b"]"


def refused(raw: bytes, reason: str) -> bytes | None:
    """Return the reply to messages none of which is sent on, or None if none expects a reply."""
    try:
        message = parsed(raw)
    except ValueError:
        return None
    answers = [
        denied_result(item["id"], reason)
        if item.get("method") == "tools/call"
        else error(item["id"], reason)
        for _, item in items(message)
        if "method" in item and item.get("id") is not None
    ]
    if not answers:
        return None
    return encoded(answers if isinstance(message, list) else answers[0])
