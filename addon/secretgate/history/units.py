"""Groups the items of a body into units of the history, which are remembered as a whole.

Small items are joined into units of a few kilobytes, and those into groups of tens of kilobytes, so
that the next turn skips a long history in few steps. The last items of a list stay single: clients
move their cache markers there, and the next turn continues after them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple

from secretgate.bodies.base import Body, Edit, Label, Slot
from secretgate.bodies.between import Frame
from secretgate.bodies.json_body import Item, JsonBody, Passed
from secretgate.history.verdicts import Seen, Trace, Verdict, joined
from secretgate.outbound.edits import Made
from secretgate.outbound.naming import Naming
from secretgate.outbound.texts import Text

SMALL: Final = 8 << 10
LARGE: Final = 48 << 10
_TAIL: Final = 4


@dataclass(slots=True)
class Note:
    """What processing one item produced, if anything. Most fields are as in `Verdict`."""

    edits: list[Edit] = field(default_factory=list)
    """The edits, with offsets in the body."""
    traces: list[Trace] = field(default_factory=list)
    names: set[bytes] = field(default_factory=set)
    scanned: int = 0
    counted: int = 0
    settled: bool = True
    searchable: bool = True
    kept: bool = True
    """Whether the item may be remembered."""


class Notes:
    """The notes on a body's items, by the start offset of the item."""

    def __init__(
        self,
        body: Body | None = None,
        entries: Iterable[Text] = (),
        path: Callable[[Slot], str] = lambda slot: "",
    ) -> None:
        """Take notes on a body.

        `entries`: the texts that do not stand in it as such: decoded, or out of documents.
        `path` returns the path of a slot in its item.
        """
        self.by_item: dict[int, Note] = {}
        self._path = path
        self._body = body if isinstance(body, JsonBody) and body.seen is not None else None
        if self._body is None:
            return
        decoded = set[int]()
        for entry in entries:
            decoded.add(entry.slot.start)
            if (note := self._of(entry.slot)) is not None:
                note.searchable = False
        for slot in self._body.others:
            if (note := self._of(slot)) is None:
                continue
            size = slot.end - slot.start
            if slot.label is Label.CREDENTIAL:
                note.kept = False
            elif slot.start in decoded:
                note.scanned += size
            else:
                note.counted += size

    def values(self, slot: Slot, values: Collection[bytes], naming: Naming) -> None:
        """Record which values were found in a slot, whatever is done about them."""
        note = self._of(slot)
        if note is not None:
            note.settled &= all(value in naming.named or value in naming.known for value in values)
            note.kept &= naming.learns and naming.exempt.isdisjoint(values)

    def made(
        self, entry: Text, made: Made, sources: Sequence[tuple[str, str, str]], naming: Naming
    ) -> None:
        """Record a slot's edits; the item is kept only if they insert names of known values."""
        note = self._of(entry.slot)
        if note is None or self._body is None:
            return
        path = self._path(entry.slot)
        note.edits += made.edits
        note.traces += ((0, path, *source) for source in sources)
        note.names.update(made.values)
        note.kept &= not made.aliases and not made.limits and not entry.sealed
        note.kept &= all(value in naming.known for value in made.values.values())

    def undo(self) -> None:
        """Discard the recorded edits, which will be made again in a different way."""
        for note in self.by_item.values():
            note.edits, note.traces, note.names = [], [], set()

    def bar(self, slot: Slot) -> None:
        """Exclude the item that holds this slot from being remembered."""
        note = self._of(slot)
        if note is not None:
            note.kept = False

    def _of(self, slot: Slot) -> Note | None:
        item = self._body.item(slot) if self._body is not None else None
        return self.by_item.setdefault(item.start, Note()) if item is not None else None


class Unit(NamedTuple):
    """An item, or a run of items, with its verdict; `is_new` if it was read this time."""

    start: int
    end: int
    frame: Frame
    verdict: Verdict
    is_new: bool


_span = itemgetter(0, 1)


def units(
    body: JsonBody, notes: Mapping[int, Note], version: object, now: float
) -> list[list[Unit]]:
    """Return runs of adjacent units; `notes` are keyed by the item's start offset."""
    spans: Sequence[Item | Passed] = body.items
    if body.passed:
        spans = sorted([*body.items, *body.passed], key=_span)
    lasts = {each.frame: each.number for each in spans}
    runs: list[list[Unit]] = []
    pending: list[Item] = []
    place: tuple[Frame, int] | None = None

    def flush() -> None:
        if pending:
            runs[-1].append(_unit(pending, notes, version, now))
            pending.clear()

    for each in spans:
        frame, number = each.frame, each.number
        if place != (frame, number):
            flush()
            runs.append([])
        if isinstance(each, Passed):
            flush()
            runs[-1].append(Unit(each.start, each.end, frame, each.verdict, False))
            place = frame, number + each.verdict.items
            continue
        place = frame, number + 1
        if each.start in notes and not notes[each.start].kept:
            flush()
            runs.append([])
            continue
        pending.append(each)
        if each.end - pending[0].start >= SMALL or number > lasts[frame] - _TAIL:
            flush()
    flush()
    return runs


def groups(runs: Iterable[Sequence[Unit]]) -> Iterator[Sequence[Unit]]:
    """Yield groups of at least `LARGE` bytes of adjacent units, to be remembered together."""
    for run in runs:
        group: list[Unit] = []
        for unit in run:
            if unit.end - unit.start >= LARGE:
                group = []
                continue
            group.append(unit)
            if unit.end - group[0].start >= LARGE:
                yield group
                group = []


def remember(seen: Seen, raw: bytes, runs: Sequence[Sequence[Unit]]) -> None:
    """Store the verdicts of new units, and of groups of units."""
    for run in runs:
        for unit in run:
            if unit.is_new:
                seen.keep(raw, unit.start, unit.end, unit.frame, unit.verdict)
    for group in groups(runs):
        first = group[0]
        verdict = joined([(unit.start - first.start, unit.verdict) for unit in group])
        seen.keep(raw, first.start, group[-1].end, first.frame, verdict)


_FAR: Final = 1 << 62
_APART: Final = 8


def cuts(runs: Iterable[Sequence[Unit]]) -> list[int]:
    """Return offsets between which the body is likely to recur unchanged."""
    found: set[int] = set()
    for run in runs:
        found.update(edge for unit in run if unit.end - unit.start >= LARGE for edge in unit[:2])
        for group in groups([run]):
            found.update((group[0].start, group[-1].end))
    edges = sorted(found)
    # Of two edges with only a comma between them, one is enough.
    return [at for at, behind in pairwise([*edges, _FAR]) if behind - at > _APART]


def _unit(items: Sequence[Item], notes: Mapping[int, Note], version: object, now: float) -> Unit:
    first = items[0]
    start, end, frame = first.start, items[-1].end, first.frame
    scanned = opaque = 0
    for item in items:
        scanned += item.scanned
        opaque += item.opaque
    verdict = Verdict(len(items), scanned, opaque, 0, version, used=now)
    noted = [(at, notes[item.start]) for at, item in enumerate(items) if item.start in notes]
    if noted:
        _note(verdict, start, noted)
    return Unit(start, end, frame, verdict, True)


def _note(verdict: Verdict, start: int, noted: Sequence[tuple[int, Note]]) -> None:
    """Add the notes of some items to the verdict of the unit that begins at `start`."""
    notes = [note for _, note in noted]
    verdict.scanned += sum(note.scanned for note in notes)
    verdict.counted = sum(note.counted for note in notes)
    verdict.edits = tuple(
        sorted((low - start, high - start, new) for note in notes for low, high, new in note.edits)
    )
    verdict.traces = tuple(
        (at, path, rule, sure, action)
        for at, note in noted
        for _, path, rule, sure, action in note.traces
    )
    verdict.names = frozenset().union(*(note.names for note in notes))
    verdict.settled = all(note.settled for note in notes)
    verdict.searchable = all(note.searchable for note in notes)
