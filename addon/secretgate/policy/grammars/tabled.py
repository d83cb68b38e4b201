"""Fallback: reads texts by the dialect's own table; they end with the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secretgate.bodies.paths import Node
from secretgate.policy.grammars.base import TEXT, Block, Event, Key, Reading, Sign
from secretgate.providers import Dialect
from secretgate.providers import Piece as Pieces


def read_tabled(dialect: Dialect, event: Event, kind: str) -> Reading:
    top = tuple(event.get(name) for name in dialect.identity)
    root = dialect.answer_paths(kind).root
    return Reading(
        [Sign((top, *where), TEXT, box, name) for where, box, name in _leaves(event, root)]
    )


def _leaves(value: Any, node: Node[Pieces], where: Key = ()) -> Iterator[tuple[Key, Any, Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, member in members:
        inner = node.item() if isinstance(name, int) else node.member(name.encode())
        if isinstance(member, str) and member and inner.label in (Pieces.DELTA, Pieces.WHOLE):
            yield (*where, name), value, name
        elif isinstance(member, dict | list):
            yield from _leaves(member, inner, (*where, name))


def read_texts(event: Event, kind: str) -> Reading:
    return Reading([Sign((place,), TEXT, event, place) for place in event])


def deny_nothing(block: Block, message: str) -> None:
    """Do nothing: such answers have no tool calls."""
