"""JSON bodies as slots, item by item.

An array that is in no other array (`messages`, `input`, `contents`, `tools`) is a *list*: each of its items that is a
container begins and ends by itself, so one that was seen before, or a run of them, may be passed over whole. Who
remembers what is `Seen`'s business.

A body is filled by the walk (`json_walk.py`), which is fast because it keeps no paths inside of items. Here is what is
asked of it afterwards: where a slot stands, which item it stands in, and what was passed over after all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from secretgate.bodies.base import Edit, Label, Path, Shown, Slot, as_it_is, spell, splice
from secretgate.bodies.between import Frame
from secretgate.bodies.columns import Columns
from secretgate.bodies.json_reader import paths
from secretgate.bodies.paths import Node


class Item(NamedTuple):
    """A container in a list, read just now."""

    start: int
    end: int
    frame: Frame
    number: int
    """Its index in the list."""
    scanned: int
    opaque: int
    """Bytes of text, and of what is opaque."""


class Passed(NamedTuple):
    """Items of a list that were seen before."""

    start: int
    end: int
    frame: Frame
    number: int
    """The index of the first of them."""
    verdict: Any


class Seen(Protocol):
    """What was seen before."""

    def items(self, raw: bytes, at: int, frame: Frame) -> tuple[int, int, Any] | None:
        """What begins at `at` in a list: where it ends, how many items it is, and what is known of it."""


@dataclass(slots=True)
class JsonBody:
    """Without opaque strings and those too short to hold a secret."""

    raw: bytes
    root: Node[Label]
    reread: Callable[[bytes, Node[Label], Passed], JsonBody]
    """Reads what had been passed over; the walk's."""
    seen: Any = None
    """Who passes over what was seen before, and is told what was new."""
    strings: Columns = field(default_factory=Columns)
    """What is text."""
    others: list[Slot] = field(default_factory=list)
    """What else there is."""
    items: list[Item] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    lists: list[list[int]] = field(default_factory=list)
    """Where the items of each list begin and end."""
    scanned: int = 0
    """Bytes of text that was read."""
    opaque: int = 0
    _paths: dict[int, dict[int, Path]] = field(default_factory=dict)
    _outline: bytes | None = None

    @property
    def slots(self) -> list[Slot]:
        return sorted([*self.strings, *self.others], key=_start)

    def splice(self, edits: Sequence[Edit]) -> bytes:
        return splice(self.raw, edits)

    @property
    def outline(self) -> bytes:
        """The document with `0` for the items of each list."""
        if self._outline is None:
            self._outline = self._outlined()
        return self._outline

    def _outlined(self) -> bytes:
        pieces: list[bytes] = []
        at = 0
        for start, end in self.lists:
            pieces += self.raw[at:start], b"0"
            at = end
        pieces.append(self.raw[at:])
        return b"".join(pieces)

    def where(self, slot: Slot, shown: Shown = as_it_is) -> str:
        if slot.path:
            return spell(slot.path, shown)
        place, path = self.item_path(slot, shown)
        return below(place, path, shown)

    def item(self, slot: Slot) -> Item | None:
        """The item that a slot stands in."""
        at = bisect_right(self.items, slot.start, key=_start) - 1
        return self.items[at] if at >= 0 and slot.start < self.items[at].end else None

    def item_path(self, slot: Slot, shown: Shown = as_it_is) -> tuple[Path, str]:
        """The path of the item that a slot stands in, and its path there."""
        item = self.item(slot)
        start, end = (item.start, item.end) if item else (0, len(self.raw))
        if start not in self._paths:
            self._paths[start] = dict(paths(self.raw, start, end))
        place = (item.frame.path or "", item.number) if item else ""
        return place, spell(self._paths[start][slot.start], shown)

    def expanded(self, passed: Iterable[Passed]) -> None:
        """Reads what had been passed over."""
        gone = set(passed)
        self.passed = [each for each in self.passed if each not in gone]
        for each in sorted(gone, key=_start):
            read = self.reread(self.raw, self.root, each)
            self.strings.extend(read.strings)
            self.others += read.others
            self.items += read.items
            self.scanned += read.scanned
            self.opaque += read.opaque
        self.items.sort(key=_start)


def _start(span: Item | Passed | Slot) -> int:
    return span.start


def below(place: Path, path: str, shown: Shown = as_it_is) -> str:
    """The spelling of a path below another."""
    base = spell(place, shown)
    return f"{base}{path}" if path[:1] in ("[", "") or not base else f"{base}.{path}"
