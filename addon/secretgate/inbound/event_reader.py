"""Reads one event of an answer: which string is a piece of which text, and which texts it ends.

The dialect's tables define the meaning of a string by its path. A text is identified by its path,
in which an item's `index` member replaces its position, and by the identifying members at the top
level of the event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from secretgate import tolerant
from secretgate.bodies.base import THINKING, Path, Unreadable
from secretgate.bodies.json_reader import read_strings
from secretgate.bodies.steps import Steps, steps_of
from secretgate.inbound.restoration import Depth
from secretgate.providers import Dialect, Piece, kind_of, value_at

Identity = tuple[Any, ...]
"""Identifies a text: members at the top level of the event, then the path."""
DELTAS: Final = {Piece.DELTA: Depth.LITERAL, Piece.DELTA_JSON: Depth.NESTED}
WHOLES: Final = {Piece.WHOLE: Depth.LITERAL, Piece.WHOLE_JSON: Depth.NESTED, **DELTAS}


@dataclass(slots=True)
class Leaf:
    """A string of an event that is text."""

    start: int
    end: int
    piece: Piece
    path: Steps
    """Its path in the event."""
    _top: Identity
    """The identifying members at the top level of the event."""
    _event: dict[str, Any]
    _identity: Identity | None = None

    @property
    def identity(self) -> Identity:
        if self._identity is None:
            self._identity = (self._top, *_named(self._event, self.path))
        return self._identity


@dataclass(slots=True)
class Event:
    """A parsed event: its payload, its value, its kind and its texts."""

    payload: bytes
    value: dict[str, Any]
    head: dict[str, Any]
    """The value, or that of the event which it wraps."""
    member: str
    """The member that holds a wrapped event, or an empty string."""
    kind: str
    leaves: list[Leaf]
    opaque: list[tuple[int, int]]
    """The spans of strings that are never edited: opaque ones and thinking."""


def read_event(payload: bytes, name: str, dialect: Dialect) -> Event | None:
    """Parse an event from payload and frame name; return None if it is not a JSON object."""
    try:
        value = tolerant.decode(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    kind = kind_of(value, name)
    head, member = dialect.unwrapped(value, kind)
    if member:
        kind = kind_of(head, "")
    try:
        strings = read_pieces(payload, kind, dialect, member=member)
    except Unreadable:
        return None
    top = tuple((name, as_key(head[name])) for name in dialect.identity if name in head)
    event = Event(payload, value, head, member, kind, [], [])
    for start, end, piece, path in strings:
        if piece is Piece.OPAQUE:
            event.opaque.append((start, end))
        elif piece is not Piece.KIND:
            event.leaves.append(Leaf(start, end, piece, steps_of(path, "replace")[1:], top, value))
    return event


def read_pieces(
    payload: bytes,
    kind: str,
    dialect: Dialect,
    shortest_name: int | None = None,
    member: str = "",
) -> list[tuple[int, int, Piece, Path]]:
    """Return the strings of an event or a document of this kind: span, meaning and path.

    Thinking is opaque. Member names of at least `shortest_name` bytes that are not part of the
    format are included, unless it is None. `member` holds the event, if it is wrapped in another.
    Raises `Unreadable`.
    """
    root = dialect.answer_paths(kind, member).root
    strings, flagged = read_strings(payload, root, shortest_name, Piece.KIND)
    thinking = {id(container) for container in flagged}
    thinking |= {
        id(container)
        for start, end, node, container, _, _ in strings
        if node.label is Piece.KIND and payload[start:end] in THINKING
    }
    return [
        (start, end, Piece.OPAQUE if id(holder) in thinking else node.label, (holder, place))
        for start, end, node, holder, place, _ in strings
    ]


def ends_all(event: Event, dialect: Dialect) -> bool:
    """Whether an event ends every text of the answer."""
    names = dialect.closing.get(event.kind)
    return (names is not None and not names) or any(
        value_at(event.head, path) is True for path in dialect.ends
    )


def _named(event: Any, path: Steps) -> Identity:
    """Return a path in which an item's `index` member, if any, replaces its position."""
    named: list[Any] = []
    for step in path:
        try:
            event = event[step]
        except (KeyError, IndexError, TypeError):
            return path
        if isinstance(step, int) and isinstance(event, dict):
            named.append((as_key(event.get("index", step)), as_key(event.get("thought", False))))
        else:
            named.append(step)
    return tuple(named)


def as_key(value: Any) -> Any:
    """Return a hashable form of a value that identifies an item: a provider may send any type."""
    return repr(value) if isinstance(value, dict | list) else value
