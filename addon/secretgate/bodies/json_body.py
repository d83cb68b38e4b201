"""JSON bodies as slots, item by item.

An array that is not inside another array (`messages`, `input`, `contents`, `tools`) is a *list*.
Each of its items that is a container is self-contained, so one that was seen before, or a run of
them, can be skipped as a whole. Which ones were seen is up to `Seen`.

A body is filled by the walk (`json_walk.py`), which is fast because it keeps no paths inside of
items. This module answers what is asked afterwards: the path of a slot, the item that holds it, and
the contents of skipped items that have to be read after all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from secretgate.bodies.base import Edit, Label, Path, Shown, Slot, as_it_is, spell, splice
from secretgate.bodies.between import Frame
from secretgate.bodies.columns import Columns
from secretgate.bodies.json_reader import paths
from secretgate.bodies.paths import Node

_CONVERSATIONS: Final = frozenset((b"messages", b"input", b"contents"))
"""The lists of messages, as the APIs of Anthropic, OpenAI and Google call them."""


class Item(NamedTuple):
    """A container in a list, read this time."""

    start: int
    end: int
    frame: Frame
    number: int
    """Its index in the list."""
    scanned: int
    opaque: int
    """Number of opaque bytes; `scanned` is the number of bytes of text."""


class Passed(NamedTuple):
    """Items of a list that were seen before and skipped."""

    start: int
    end: int
    frame: Frame
    number: int
    """The index of the first of them."""
    verdict: Any


class Seen(Protocol):
    """What was seen before."""

    def items(self, raw: bytes, at: int, frame: Frame) -> tuple[int, int, Any] | None:
        """Look up items that begin at `at`; return their end, their number, and what is known."""


@dataclass(slots=True)
class JsonBody:
    """A body; its slots leave out opaque strings and those too short to hold a secret."""

    raw: bytes
    root: Node[Label]
    reread: Callable[[bytes, Node[Label], Passed], JsonBody]
    """Reads skipped items; supplied by the walk."""
    seen: Any = None
    """The `Seen` that skips known items and is told about new ones."""
    strings: Columns = field(default_factory=Columns)
    """The slots that are text."""
    others: list[Slot] = field(default_factory=list)
    """All other slots."""
    items: list[Item] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    lists: list[list[int]] = field(default_factory=list)
    """Start and end of the items of each list."""
    scanned: int = 0
    """Number of bytes of text that was read."""
    opaque: int = 0
    _paths: dict[int, tuple[dict[int, Path], Iterator[tuple[int, Path]]]] = field(
        default_factory=dict
    )
    """For items, by their start: the paths of their first strings, and an iterator over the rest."""
    _outline: bytes | None = None

    @property
    def messages(self) -> int:
        """The number of messages of the conversation, those seen before included."""
        read = (each.number + 1 for each in reversed(self.items) if _is_message(each))
        passed = (
            each.number + each.verdict.items for each in reversed(self.passed) if _is_message(each)
        )
        return max(next(read, 0), next(passed, 0))

    @property
    def slots(self) -> list[Slot]:
        return sorted([*self.strings, *self.others], key=_start)

    def splice(self, edits: Sequence[Edit]) -> bytes:
        return splice(self.raw, edits)

    @property
    def outline(self) -> bytes:
        """The document with the items of each list replaced by `0`."""
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
        """Return the item that contains a slot."""
        at = bisect_right(self.items, slot.start, key=_start) - 1
        return self.items[at] if at >= 0 and slot.start < self.items[at].end else None

    def item_path(self, slot: Slot, shown: Shown = as_it_is) -> tuple[Path, str]:
        """Return the path of the item that contains a slot, and the slot's path within it."""
        item = self.item(slot)
        start, end = (item.start, item.end) if item else (0, len(self.raw))
        if start not in self._paths:
            self._paths[start] = {}, paths(self.raw, start, end)
        found, left = self._paths[start]
        while slot.start not in found:
            at, path = next(left)
            found[at] = path
        place = (item.frame.path or "", item.number) if item else ""
        return place, spell(found[slot.start], shown)

    def expanded(self, passed: Iterable[Passed]) -> None:
        """Read items that had been skipped."""
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


def _is_message(item: Item | Passed) -> bool:
    return item.frame.where.rpartition(b".")[2] in _CONVERSATIONS


def _start(span: Item | Passed | Slot) -> int:
    return span.start


def below(place: Path, path: str, shown: Shown = as_it_is) -> str:
    """Return the readable form of `path` below `place`."""
    base = spell(place, shown)
    return f"{base}{path}" if path[:1] in ("[", "") or not base else f"{base}.{path}"
