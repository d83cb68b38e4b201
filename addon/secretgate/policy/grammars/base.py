"""The interface of grammars: how a family encodes texts and tool calls in whole and streamed answers.

A grammar reads one event (a whole answer is an event in which everything begins and ends) and
returns *signs*: a piece of a text, arguments of a tool call, the end of a block. It also knows how
its family would have encoded a text in place of a tool call.

A piece is a member of an object inside the event, so the holder of the event can write to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

TEXT: Final = "text"
TOOL: Final = "tool"

Key = tuple[Any, ...]
Event = dict[str, Any]


class Sign(NamedTuple):
    """A statement of an event about a block."""

    key: Key
    what: str
    box: Event | None = None
    """The object that contains the piece; None if a block begins without one."""
    member: str = ""
    name: str = ""
    holder: Any = None
    """The container of the whole call, for grammars that remove calls."""
    so_far: tuple[Event, str] | None = None
    """Where the event repeats everything of the block so far, next to the piece or instead of it."""


@dataclass
class Reading:
    """What one event says."""

    signs: list[Sign] = field(default_factory=list)
    closed: list[Key] = field(default_factory=list)
    """Keys, or prefixes of keys, of blocks that end here."""
    everything: bool = False
    """Whether all blocks end here."""
    reason: str | None = None
    """The stop reason, if the event gives one."""
    stop: tuple[Event, str] | None = None
    """The object and member that hold the stop reason."""


@dataclass(eq=False)
class Entry:
    """An event being held back, and what replaces it."""

    event: Event
    kind: str
    changed: bool = False
    repeats: bool = False
    """Whether it contains no pieces, and so may repeat earlier content."""
    instead: list[tuple[str, Event]] | None = None
    """Replacement events with their kinds; an empty list drops the event."""
    waits: int = 0
    """How many statements in it are about blocks that may still have to be changed."""
    wrapped: tuple[Event, str] | None = None
    """The event that wraps this one, and the member of it that holds this one."""


class Piece(NamedTuple):
    """A sign, with the event that contains it."""

    entry: Entry
    sign: Sign


_PASSED: Final = Entry({}, "")
"""Stands for the events of blocks that are not changed."""


@dataclass
class Block:
    """A text or tool call, as far as it has been received."""

    key: Key
    what: str
    held: bool = False
    name: str = ""
    signs: list[Piece] = field(default_factory=list)

    def add(self, entry: Entry, sign: Sign) -> None:
        """Add what an event says; of one that will not be changed, nothing else is kept."""
        if self.held:
            entry.waits += 1
            self.signs.append(Piece(entry, sign))
        elif sign.box is not None:
            self.signs.append(Piece(_PASSED, sign._replace(box=_only(sign.box, sign.member))))
        elif sign.so_far is not None:
            box, member = sign.so_far
            self.signs[:] = [Piece(_PASSED, sign._replace(so_far=(_only(box, member), member)))]

    @property
    def pieces(self) -> list[Piece]:
        """The signs that contain a piece of the block."""
        return [piece for piece in self.signs if piece.sign.box is not None]

    @property
    def entries(self) -> list[Entry]:
        """The events that concern the block, without duplicates."""
        return list({id(piece.entry): piece.entry for piece in self.signs}.values())


def _only(box: Event, member: str) -> Event:
    return {member: box[member]}


Read = Callable[[Event, str], Reading]
Deny = Callable[[Block, str], None]


@dataclass(frozen=True)
class Grammar:
    """How one API family encodes texts and tool calls in answers."""

    read: Read
    deny: Deny
    """Replaces a tool call with a text."""
    echo: Callable[[Event, Mapping[str, str]], bool] = lambda event, denied: False
    """Removes denied calls from an event that repeats earlier content; returns whether there were any.
    """
    given: Callable[[Block], Any] = field(default_factory=lambda: given_plain)
    """Returns the arguments of a call whose arguments are not text."""
    give: Callable[[Block, Any], None] = field(default_factory=lambda: give_plain)
    stops: Mapping[str, str] = field(default_factory=dict)
    """Stop reasons that announce tool calls, and their replacements if no call is left."""


def given_plain(block: Block) -> Any:
    """Return the arguments of a call whose first piece contains them completely."""
    sign = block.pieces[0].sign
    return sign.box[sign.member] if sign.box else None


def give_plain(block: Block, given: Any) -> None:
    """Set the arguments of a call whose first piece contains them completely."""
    entry, sign = block.pieces[0]
    if sign.box is not None:
        sign.box[sign.member] = given
        entry.changed = True


def as_dict(value: Any) -> Event:
    """Return `value` if it is an object, else an empty object."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> Iterator[tuple[int, Event]]:
    """Yield the objects in an array with their index; nothing if `value` is not an array."""
    for at, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield at, item


def says(box: Event, member: str) -> bool:
    """Return whether a member of an object is a string."""
    return isinstance(box.get(member), str)


def note_stop(reading: Reading, box: Event, member: str) -> None:
    """Record the stop reason, if the member contains one."""
    if isinstance(box.get(member), str):
        reading.reason, reading.stop = box[member], (box, member)


def drop(entries: Iterable[Entry]) -> None:
    """Mark events to be left out."""
    for entry in entries:
        entry.instead, entry.changed = [], True
