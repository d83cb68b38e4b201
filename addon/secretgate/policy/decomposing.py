"""Splits request bodies into calls, using tables that say which string is which part of a conversation.

A row gives the path of a string, the call it makes, and the paths of related strings (role, id,
tool name); in those, every `[]` refers to the same item as in the row's own path. Strings at paths
without a row make no call. For a dialect without a table, every string makes an `llm.text`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from secretgate.bodies import forms
from secretgate.bodies.base import Body, Slot
from secretgate.bodies.base import Path as SlotPath
from secretgate.bodies.json_reader import plain_name
from secretgate.bodies.paths import Paths
from secretgate.policy.model import Call
from secretgate.policy.texts import decoded

TEXT, RESULT = "llm.text", "llm.tool_result"
_RESULT_ROLES = frozenset(("tool", "function"))

Steps = tuple[str | int, ...]


class Row(NamedTuple):
    path: str
    operation: str
    role: str = ""
    """The path of the role, or `=` followed by the role itself."""
    identity: str = ""
    """The path of the tool call's id."""
    name: str = ""
    """The path of the tool's name, if it is next to the result."""


@dataclass(frozen=True)
class Table:
    rows: Sequence[Row]
    names: Sequence[tuple[str, str]] = ()
    """Where earlier tool calls are in a body: the path of the id and the path of the name."""
    model: str = "model"
    messages: Sequence[str] = ("messages[]",)
    wrappers: Sequence[str] = ("",)
    """Path prefixes under which a whole request may be nested."""


_ANTHROPIC = Table(
    rows=(
        Row("system", TEXT, "=system"),
        Row("system[].text", TEXT, "=system"),
        Row("prompt", TEXT, "=user"),
        Row("messages[].content", TEXT, "messages[].role"),
        Row("messages[].content[].text", TEXT, "messages[].role"),
        Row("messages[].content[].content", RESULT, "", "messages[].content[].tool_use_id"),
        Row("messages[].content[].content[].text", RESULT, "", "messages[].content[].tool_use_id"),
    ),
    names=(("messages[].content[].id", "messages[].content[].name"),),
    wrappers=("", "requests[].params."),
)
_CHAT = Table(
    rows=(
        Row("prompt", TEXT, "=user"),
        Row("input", TEXT, "=user"),
        Row("messages[].content", TEXT, "messages[].role", "messages[].tool_call_id"),
        Row("messages[].content[].text", TEXT, "messages[].role", "messages[].tool_call_id"),
    ),
    names=(("messages[].tool_calls[].id", "messages[].tool_calls[].function.name"),),
    wrappers=("", "body."),
)
_RESPONSES = Table(
    rows=(
        Row("instructions", TEXT, "=system"),
        Row("input", TEXT, "=user"),
        Row("input[].content", TEXT, "input[].role"),
        Row("input[].content[].text", TEXT, "input[].role"),
        Row("input[].output", RESULT, "", "input[].call_id"),
        Row("input[].output[].text", RESULT, "", "input[].call_id"),
        Row("item.content[].text", TEXT, "item.role"),
        Row("item.output", RESULT, "", "item.call_id"),
    ),
    names=(("input[].call_id", "input[].name"),),
    messages=("input[]",),
    wrappers=("", "response.", "body."),
)
_GEMINI = Table(
    rows=(
        Row("systemInstruction.parts[].text", TEXT, "=system"),
        Row("system_instruction.parts[].text", TEXT, "=system"),
        Row("contents.parts[].text", TEXT, "contents.role"),
        Row("contents[].parts[].text", TEXT, "contents[].role"),
        *(
            Row(
                f"{turn}.parts[].{part}.response.**",
                RESULT,
                "",
                f"{turn}.parts[].{part}.id",
                f"{turn}.parts[].{part}.name",
            )
            for turn in ("contents[]", "contents")
            for part in ("functionResponse", "function_response")
        ),
        Row("turns[].parts[].text", TEXT, "turns[].role"),
        Row(
            "functionResponses[].response.**",
            RESULT,
            "",
            "functionResponses[].id",
            "functionResponses[].name",
        ),
        Row("text", TEXT, "=user"),
    ),
    messages=("contents[]", "turns[]"),
    wrappers=(
        "",
        "request.",
        "generateContentRequest.",
        "setup.",
        "clientContent.",
        "toolResponse.",
        "realtimeInput.",
        "batch.inputConfig.requests.requests[].request.",
    ),
)
_CONVERSE = Table(
    rows=(
        *_ANTHROPIC.rows,
        Row(
            "messages[].content[].toolResult.content[].text",
            RESULT,
            "",
            "messages[].content[].toolResult.toolUseId",
        ),
        Row(
            "messages[].content[].toolResult.content[].json.**",
            RESULT,
            "",
            "messages[].content[].toolResult.toolUseId",
        ),
        Row("inputText", TEXT, "=user"),
    ),
    names=(
        *_ANTHROPIC.names,
        (
            "messages[].content[].toolUse.toolUseId",
            "messages[].content[].toolUse.name",
        ),
    ),
    wrappers=("", "input.converse.", "modelInput."),
)
_COHERE = Table(
    rows=(
        *_CHAT.rows,
        Row("message", TEXT, "=user"),
        Row("preamble", TEXT, "=system"),
        Row("chat_history[].message", TEXT, "chat_history[].role"),
        Row("messages[].content[].document.data", RESULT, "", "messages[].tool_call_id"),
        Row("messages[].content[].document.data.**", RESULT, "", "messages[].tool_call_id"),
        Row("tool_results[].outputs[].**", RESULT, "", "", "tool_results[].call.name"),
    ),
    names=_CHAT.names,
    messages=("messages[]", "chat_history[]"),
)
_OLLAMA = Table(
    rows=(
        Row("system", TEXT, "=system"),
        Row("prompt", TEXT, "=user"),
        Row(
            "messages[].content",
            TEXT,
            "messages[].role",
            "messages[].tool_call_id",
            "messages[].tool_name",
        ),
    ),
    names=_CHAT.names,
)
_DASHSCOPE = Table(rows=_CHAT.rows, names=_CHAT.names, wrappers=("input.",))
_ASSISTANTS = Table(
    rows=(
        Row("instructions", TEXT, "=system"),
        *(
            Row(f"{message}{path}", TEXT, f"{message}role")
            for message in ("", "messages[].", "thread.messages[].", "additional_messages[].")
            for path in ("content", "content[].text")
        ),
        Row("tool_outputs[].output", RESULT, "", "tool_outputs[].tool_call_id"),
    )
)
_GENERIC = Table(rows=(Row("**", TEXT),), messages=())

TABLES: Mapping[str, Table] = {
    "anthropic": _ANTHROPIC,
    "openai-chat": _CHAT,
    "openai-responses": _RESPONSES,
    "openai-assistants": _ASSISTANTS,
    "gemini": _GEMINI,
    "bedrock": _CONVERSE,
    "cohere": _COHERE,
    "ollama": _OLLAMA,
    "dashscope": _DASHSCOPE,
}


class Leaf(NamedTuple):
    """One string of a request."""

    slot: Slot
    text: bytes
    place: int
    """The index of the text within the body."""


@dataclass(frozen=True)
class Placed:
    """A call, and the leaf that each of its params came from."""

    call: Call
    leaves: Mapping[Steps, Leaf] = field(repr=False)


def requests(
    dialect: str, body: Body, leaves: Sequence[Leaf], context: Mapping[str, Any]
) -> Iterator[Placed]:
    """Yield the calls of a request: the summary first, then its parts in order."""
    reading = _Reading(_compiled(dialect), body)
    parts = [part for leaf in leaves if (part := reading.part(leaf)) is not None]
    around = {**context, "direction": "request"}
    if not around.get("model"):
        around["model"] = reading.model()
    yield _summary(reading, parts, around)
    for part in parts:
        text = decoded(part.leaf.text)
        if part.operation == TEXT:
            call = Call(TEXT, {"text": text, "role": part.role}, around)
            yield Placed(call, {("text",): part.leaf})
            continue
        params = {"tool_name": part.name, "tool_use_id": part.identity, "content": text}
        yield Placed(Call(RESULT, params, around), {("content",): part.leaf})


class _Part(NamedTuple):
    operation: str
    role: str
    identity: str
    name: str
    leaf: Leaf


def _summary(reading: _Reading, parts: Sequence[_Part], context: Mapping[str, Any]) -> Placed:
    systems = [part.leaf for part in parts if part.role == "system"]
    results = {part.identity or part.leaf.place for part in parts if part.operation == RESULT}
    params = {
        "model": str(context.get("model") or ""),
        "system": "\n".join(decoded(leaf.text) for leaf in systems),
        "token_estimate": sum(len(part.leaf.text) for part in parts) // 4,
        "tool_result_count": len(results),
        "message_count": reading.count_messages(),
    }
    where: dict[Steps, Leaf] = {("system",): systems[0]} if len(systems) == 1 else {}
    return Placed(Call("llm.request", params, context), where)


class _Compiled(NamedTuple):
    table: Table
    paths: Paths[Row | None]


@cache
def _compiled(dialect: str) -> _Compiled:
    table = TABLES.get(dialect, _GENERIC)
    rows: list[tuple[str, Row | None]] = [
        (
            wrapper + row.path,
            Row(
                wrapper + row.path,
                row.operation,
                *(path if not path or path.startswith("=") else wrapper + path for path in row[2:]),
            ),
        )
        for wrapper in table.wrappers
        for row in table.rows
    ]
    return _Compiled(table, Paths(rows, None))


class _Reading:
    """The slots of one body, indexed by path on first use."""

    def __init__(self, compiled: _Compiled, body: Body) -> None:
        self._table, self._paths = compiled
        self._body = body
        self._slots: dict[Steps, Slot] | None = None
        self._names: dict[str, str] | None = None

    def part(self, leaf: Leaf) -> _Part | None:
        if _is_name(leaf.slot):
            return None
        root, *steps = steps_of(leaf.slot.path)
        node = self._paths.root
        for step in steps:
            node = node.item() if isinstance(step, int) else node.member(step.encode())
        row = node.label
        if row is None:
            return None
        at = (root, *steps)
        role = self._beside(row.role, at)
        if row.operation == TEXT and role not in _RESULT_ROLES:
            return _Part(TEXT, role, "", "", leaf)
        identity = self._beside(row.identity, at)
        name = self._beside(row.name, at) or self._called().get(identity, "")
        return _Part(RESULT, role, identity, name, leaf)

    def model(self) -> str:
        slots = self._by_path()
        for wrapper in ("", *self._table.wrappers):
            bound = _bound(wrapper + self._table.model, ("",))
            if bound in slots:
                return self._text(slots[bound])
        return ""

    def count_messages(self) -> int:
        heads = {
            _bound(wrapper + path, steps, whole=False)
            for steps in self._by_path()
            for path in self._table.messages
            for wrapper in self._table.wrappers
        }
        return len(heads - {None})

    def _beside(self, path: str, steps: Steps) -> str:
        """Return the string at a path, with the array indexes of `steps`; empty if there is none."""
        if not path or path.startswith("="):
            return path[1:]
        bound = _bound(path, steps)
        slot = self._by_path().get(bound) if bound else None
        return self._text(slot) if slot else ""

    def _called(self) -> Mapping[str, str]:
        """Return tool names of the calls in the history, by the id of the call."""
        if self._names is None:
            slots = self._by_path()
            self._names = {
                self._text(slot): self._text(slots[name])
                for steps, slot in slots.items()
                for wrapper in self._table.wrappers
                for identity, called in self._table.names
                if _bound(wrapper + identity, steps) == steps
                and (name := _bound(wrapper + called, steps)) in slots
            }
        return self._names

    def _by_path(self) -> dict[Steps, Slot]:
        if self._slots is None:
            self._slots = {
                steps_of(slot.path): slot for slot in self._body.slots if not _is_name(slot)
            }
        return self._slots

    def _text(self, slot: Slot) -> str:
        return decoded(forms.read(slot.form, self._body.raw[slot.start : slot.end]))


def _is_name(slot: Slot) -> bool:
    """Return whether the slot is a member's name rather than a value."""
    return not slot.key and not isinstance(slot.path, str) and isinstance(slot.path[1], bytes)


def steps_of(path: SlotPath) -> Steps:
    """Return a path from the outermost step inwards; the first step is the document within the body."""
    steps: list[str | int] = []
    while not isinstance(path, str):
        path, last = path
        steps.append(last if isinstance(last, int) else decoded(plain_name(last)))
    return (path, *reversed(steps))


@cache
def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.replace("[]", ".[]").lstrip(".").split("."))


def _bound(path: str, steps: Steps, whole: bool = True) -> Steps | None:
    """Return a path of the same document with the array indexes of `steps` filled in.

    Returns None if the two differ before the path's last `[]` or, unless `whole`, anywhere.
    """
    bound: list[str | int] = [steps[0]]
    same = True
    for at, segment in enumerate(_segments(path), 1):
        if segment == "[]":
            if not same or at >= len(steps) or not isinstance(steps[at], int):
                return None
            bound.append(steps[at])
            continue
        same = same and at < len(steps) and steps[at] == segment
        bound.append(segment)
    return tuple(bound) if whole or same else None
