"""Splits request bodies into calls, by the tables in `request_tables`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from secretgate.bodies import forms
from secretgate.bodies.base import Body, Slot
from secretgate.bodies.paths import Paths
from secretgate.bodies.steps import Steps, steps_of
from secretgate.policy.model import Call
from secretgate.policy.request_tables import GENERIC, RESULT, TABLES, TEXT, Row, Table
from secretgate.policy.texts import decoded

_RESULT_ROLES = frozenset(("tool", "function", "user.custom_tool_result", "function_result"))
_ROLES = {
    "user.message": "user",
    "system.message": "system",
    "user_input": "user",
    "model_output": "assistant",
}
"""What is written instead of a role: types of events and of steps."""


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
    dialect: str,
    body: Body,
    leaves: Sequence[Leaf],
    context: Mapping[str, Any],
    called: Callable[[Sequence[str]], Mapping[str, str]] = lambda identities: {},
) -> Iterator[Placed]:
    """Yield the calls of a request: the summary first, then its parts in order.

    `called` returns the names of the tools of calls in earlier answers, by the ids of the calls.
    """
    reading = _Reading(_compiled(dialect), body)
    parts = [part for leaf in leaves if (part := reading.part(leaf)) is not None]
    unnamed = {part.identity for part in parts if part.identity and not part.name}
    names = called(sorted(unnamed)) if unnamed else {}
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
        name = part.name or names.get(part.identity, "")
        params = {"tool_name": name, "tool_use_id": part.identity, "content": text}
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
    table = TABLES.get(dialect, GENERIC)
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
        role = _ROLES.get(role, role)
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
