"""How the items of a body become units of the history: which are remembered together.

Small items are put together to a few kilobytes, and those to tens of kilobytes, so that the next turn passes over a
long history in few steps. The last items of a list stay single: clients move their cache markers there, and
the next turn goes on behind them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from secretgate.bodies.base import Body, Edit, Label, Shown, Slot, as_it_is
from secretgate.bodies.between import Frame
from secretgate.bodies.json_body import Item, JsonBody, Passed
from secretgate.history.verdicts import Seen, Trace, Verdict, joined
from secretgate.outbound.edits import Made
from secretgate.outbound.naming import Naming
from secretgate.outbound.texts import Text

SMALL: Final = 4 << 10
LARGE: Final = 48 << 10
_TAIL: Final = 4


@dataclass(slots=True)
class Note:
    """What was made of one item, where that is more than nothing."""

    edits: list[Edit] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    names: set[bytes] = field(default_factory=set)
    scanned: int = 0
    counted: int = 0
    settled: bool = True
    searchable: bool = True
    kept: bool = True
    """Whether it may be remembered."""


class Notes:
    """The notes of a body, by where their item starts."""

    def __init__(
        self, body: Body | None = None, entries: Iterable[Text] = (), shown: Shown = as_it_is
    ) -> None:
        """`entries`: the texts of slots of bytes."""
        self.by_item: dict[int, Note] = {}
        self._shown = shown
        self._body = body if isinstance(body, JsonBody) and body.seen is not None else None
        if self._body is None:
            return
        decoded = {entry.slot.start for entry in entries}
        for slot in self._body.others:
            if (note := self._of(slot)) is None:
                continue
            size = slot.end - slot.start
            if slot.label is Label.CREDENTIAL:
                note.kept = False
            elif slot.start in decoded:
                note.scanned += size
                note.searchable = False
            else:
                note.counted += size

    def values(self, slot: Slot, values: Collection[bytes], naming: Naming) -> None:
        """What was found in a slot, whatever became of it."""
        note = self._of(slot)
        if note is not None:
            note.settled &= all(value in naming.named or value in naming.known for value in values)
            note.kept &= naming.learns and naming.exempt.isdisjoint(values)

    def made(
        self, entry: Text, made: Made, sources: Sequence[tuple[str, str, str]], naming: Naming
    ) -> None:
        """The edits of a slot. They are kept if they consist of placeholders of known values."""
        note = self._of(entry.slot)
        if note is None or self._body is None:
            return
        _, path = self._body.item_path(entry.slot, self._shown)
        note.edits += made.edits
        note.traces += ((0, path, *source) for source in sources)
        note.names.update(made.values)
        note.kept &= not made.aliases and not made.limits and not entry.sealed
        note.kept &= all(value in naming.known for value in made.values.values())

    def undo(self) -> None:
        """The edits are made again, in another way."""
        for note in self.by_item.values():
            note.edits, note.traces, note.names = [], [], set()

    def bar(self, slot: Slot) -> None:
        """What a slot holds is not to be remembered."""
        note = self._of(slot)
        if note is not None:
            note.kept = False

    def _of(self, slot: Slot) -> Note | None:
        item = self._body.item(slot) if self._body is not None else None
        return self.by_item.setdefault(item.start, Note()) if item is not None else None


class Unit(NamedTuple):
    start: int
    end: int
    frame: Frame
    verdict: Verdict
    is_new: bool


_NOTHING: Final = Note()


def units(
    body: JsonBody, notes: Mapping[int, Note], version: object, now: float
) -> list[list[Unit]]:
    """Runs of adjacent units. `notes` are by the item's start."""
    runs: list[list[Unit]] = []
    pending: list[tuple[Item, Note]] = []
    before: tuple[Frame, int] | None = None

    def flush() -> None:
        if pending:
            runs[-1].append(_unit(pending, version, now))
            pending.clear()

    size = 0
    for each, is_last in _in_order(body):
        if before != (each.frame, each.number):
            flush()
            runs.append([])
        if isinstance(each, Passed):
            flush()
            runs[-1].append(Unit(each.start, each.end, each.frame, each.verdict, False))
            before = (each.frame, each.number + each.verdict.items)
            continue
        note = notes.get(each.start, _NOTHING)
        before = (each.frame, each.number + 1)
        if not note.kept:
            flush()
            runs.append([])
            continue
        if not pending:
            size = 0
        size += each.end - each.start
        pending.append((each, note))
        if size >= SMALL or is_last:
            flush()
    flush()
    return runs


def groups(runs: Iterable[Sequence[Unit]]) -> Iterator[Sequence[Unit]]:
    """Units to be remembered together, each group large enough."""
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
    """Keeps the verdicts of new units, and of groups of units."""
    for run in runs:
        for unit in run:
            if unit.is_new:
                seen.keep(raw, unit.start, unit.end, unit.frame, unit.verdict)
    for group in groups(runs):
        first = group[0]
        verdict = joined([(unit.start - first.start, unit.verdict) for unit in group])
        seen.keep(raw, first.start, group[-1].end, first.frame, verdict)


def cuts(runs: Iterable[Sequence[Unit]]) -> list[int]:
    """Offsets in the body between which it is likely to come again."""
    found: set[int] = set()
    for run in runs:
        found.update(edge for unit in run if unit.end - unit.start >= LARGE for edge in unit[:2])
        for group in groups([run]):
            found.update((group[0].start, group[-1].end))
    return sorted(found)


def _in_order(body: JsonBody) -> Iterator[tuple[Item | Passed, bool]]:
    """What was read and what was passed over; and whether it is one of the last of its list."""
    spans: list[Item | Passed] = sorted(
        [*body.items, *body.passed], key=lambda each: (each.start, each.end)
    )
    ends: dict[Frame, int] = {}
    for each in spans:
        ends[each.frame] = each.number
    for each in spans:
        yield each, each.number > ends[each.frame] - _TAIL


def _unit(items: Sequence[tuple[Item, Note]], version: object, now: float) -> Unit:
    first, last = items[0][0], items[-1][0]
    start, end = first.start, last.end
    edits: list[Edit] = []
    traces: list[Trace] = []
    names: set[bytes] = set()
    scanned = counted = 0
    settled = True
    searchable = True
    for at, (_, note) in enumerate(items):
        if note is _NOTHING:
            continue
        edits += (Edit(low - start, high - start, new) for low, high, new in note.edits)
        traces += ((at, path, rule, sure, action) for _, path, rule, sure, action in note.traces)
        names |= note.names
        scanned += note.scanned
        counted += note.counted
        settled = settled and note.settled
        searchable = searchable and note.searchable
    verdict = Verdict(
        len(items),
        scanned + sum(item.scanned for item, _ in items),
        sum(item.opaque for item, _ in items),
        counted,
        version,
        tuple(sorted(edits)),
        tuple(traces),
        frozenset(names),
        settled,
        searchable,
        now,
    )
    return Unit(start, end, first.frame, verdict, True)
