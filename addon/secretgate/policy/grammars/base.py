"""How each family writes texts and tool calls in its answers, whole and streamed.

A grammar reads one event (or a whole answer, which is an event in which everything begins and ends) and gives
*signs*: here is a piece of this text, here are arguments of that tool call, this block is over. It also
knows how its family would have said something else in a tool call's place.

A piece is a member of an object of the event, so that whoever holds the event can write into it.
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
    """Something that an event says of a block."""

    key: Key
    what: str
    box: Event | None = None
    """The object that holds the piece; None where a block begins without one."""
    member: str = ""
    name: str = ""
    holder: Any = None
    """What the whole of it stands in, for those who take it out."""
    so_far: tuple[Event, str] | None = None
    """Where the event says everything of the block up to here, beside the piece or in its place."""


@dataclass
class Reading:
    """What one event says."""

    signs: list[Sign] = field(default_factory=list)
    closed: list[Key] = field(default_factory=list)
    """Keys that end here, or their beginnings."""
    everything: bool = False
    """Whether every block ends here."""
    reason: str | None = None
    """Why the answer stops, where the event says so."""
    stop: tuple[Event, str] | None = None
    """Where it says so."""


@dataclass(eq=False)
class Entry:
    """An event that is held back, and what goes out in its place."""

    event: Event
    kind: str
    changed: bool = False
    repeats: bool = False
    """Whether it holds no piece of anything, and may repeat what was said."""
    instead: list[tuple[str, Event]] | None = None
    """Other events, with their kinds; an empty list drops it."""


class Piece(NamedTuple):
    entry: Entry
    sign: Sign


@dataclass
class Block:
    """A text or a tool call, as far as it has come."""

    key: Key
    what: str
    held: bool = False
    name: str = ""
    signs: list[Piece] = field(default_factory=list)

    @property
    def pieces(self) -> list[Piece]:
        """Those signs that hold a piece of it."""
        return [piece for piece in self.signs if piece.sign.box is not None]

    @property
    def entries(self) -> list[Entry]:
        """Every event that speaks of it, once."""
        return list({id(piece.entry): piece.entry for piece in self.signs}.values())


Read = Callable[[Event, str], Reading]
Deny = Callable[[Block, str], None]


@dataclass(frozen=True)
class Grammar:
    read: Read
    deny: Deny
    """Puts a text in place of a tool call."""
    echo: Callable[[Event, Mapping[str, str]], bool] = lambda event, denied: False
    """Takes denied calls out of an event that repeats what was said; says whether there were any."""
    given: Callable[[Block], Any] = field(default_factory=lambda: given_plain)
    """The arguments of a call, where they are no text."""
    give: Callable[[Block, Any], None] = field(default_factory=lambda: give_plain)
    stops: Mapping[str, str] = field(default_factory=dict)
    """Why an answer stops that asks for tools, and what it says when none are left."""


def given_plain(block: Block) -> Any:
    sign = block.pieces[0].sign
    return sign.box[sign.member] if sign.box else None


def give_plain(block: Block, given: Any) -> None:
    entry, sign = block.pieces[0]
    if sign.box is not None:
        sign.box[sign.member] = given
        entry.changed = True


def as_dict(value: Any) -> Event:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> Iterator[tuple[int, Event]]:
    for at, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield at, item


def says(box: Event, member: str) -> bool:
    return isinstance(box.get(member), str)


def note_stop(reading: Reading, box: Event, member: str) -> None:
    if isinstance(box.get(member), str):
        reading.reason, reading.stop = box[member], (box, member)


def drop(entries: Iterable[Entry]) -> None:
    for entry in entries:
        entry.instead, entry.changed = [], True
