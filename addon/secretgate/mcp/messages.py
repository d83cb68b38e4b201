"""JSON-RPC as MCP has it: which message is a tool call, which is the result of one, and answers of ours.

Formats: the MCP specification, revisions 2024-11-05 to 2025-11-25. Batches exist in 2025-03-26 only; they are
read whatever the revision.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from secretgate import tolerant

REFUSED = -32001
"""Our own error code, in the range that JSON-RPC leaves to servers."""
_MOST_PENDING = 10_000


@dataclass(frozen=True, slots=True)
class ToolCall:
    at: tuple[str | int, ...]
    """The way to the message in what was sent: an index where it is a batch."""
    id: Any
    tool: str
    input: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolResult:
    at: tuple[str | int, ...]
    id: Any
    tool: str
    result: Any = field(repr=False)


class Pending:
    """The tools of the calls that have not been answered yet, by the request's id."""

    def __init__(self) -> None:
        self._tools: OrderedDict[tuple[str, Any], str] = OrderedDict()

    def asked(self, call: ToolCall) -> None:
        self._tools[_key(call.id)] = call.tool
        while len(self._tools) > _MOST_PENDING:
            self._tools.popitem(last=False)

    def answered(self, number: Any) -> str | None:
        return self._tools.pop(_key(number), None)


def _key(number: Any) -> tuple[str, Any]:
    """`1` and `"1"` are two ids."""
    return type(number).__name__, number if isinstance(number, str | int | float) else None


def parsed(raw: bytes) -> Any:
    """Raises ValueError where it is no JSON."""
    return tolerant.decode(raw)


def items(message: Any) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """The messages in what was sent, each with the way to it."""
    if isinstance(message, dict):
        yield (), message
    elif isinstance(message, list):
        for at, item in enumerate(message):
            if isinstance(item, dict):
                yield (at,), item


def tool_calls(message: Any) -> Iterator[ToolCall]:
    for at, item in items(message):
        params = item.get("params")
        if item.get("method") == "tools/call" and isinstance(params, dict):
            tool = params.get("name")
            yield ToolCall(
                at, item.get("id"), tool if isinstance(tool, str) else "", params.get("arguments")
            )


def tool_results(message: Any, pending: Pending) -> Iterator[ToolResult]:
    for at, item in items(message):
        if "method" in item or "id" not in item:
            continue
        tool = pending.answered(item["id"])
        if tool is not None and "result" in item:
            yield ToolResult(at, item["id"], tool, item["result"])


def denied_result(number: Any, message: str) -> dict[str, Any]:
    """A tool's result that says why it was not called, or what it said not passed on: for the model
    to read, as the specification has errors of tools."""
    content = [{"type": "text", "text": message}]
    return {"jsonrpc": "2.0", "id": number, "result": {"content": content, "isError": True}}


def error(number: Any, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": REFUSED, "message": message}}


def encoded(message: Any) -> bytes:
    return tolerant.encode(message)


def without(raw: bytes, gone: Collection[tuple[str | int, ...]]) -> bytes | None:
    """What was sent without some of its messages, the others as they came; None where none is left."""
    if () in gone:
        return None
    kept = [item for at, item in enumerate(tolerant.elements(raw)) if (at,) not in gone]
    return b"[" + b",".join(kept) + b"]" if kept else None


def put(raw: bytes, at: tuple[str | int, ...], message: Any) -> bytes:
    """What was sent with another message in the place of one; the others as they came."""
    if not at:
        return encoded(message)
    batch = tolerant.elements(raw)
    pieces = [encoded(message) if (n,) == at else item for n, item in enumerate(batch)]
    return b"[" + b",".join(pieces) + b"]"


def refused(raw: bytes, reason: str) -> bytes | None:
    """What is answered to messages none of which is sent on; None where none of them wants an answer."""
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
