"""Reads texts for all expressions: everything for a few of them, the places they tell for the rest.

The texts of a request are joined and read in one go. What comes out is told text by text, and of a
text depends on that text alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain

from . import columns, context, disguises, gate, views
from .database import Database, Expression

SEPARATOR = b"\n\xff\n"
Hit = tuple[int, int]
"""The number of an expression and the offset at which it ends."""


@dataclass(slots=True)
class Sight:
    """What there is to see in one text: offsets in order."""

    windows: list[tuple[int, int]]
    rules: list[Hit] = field(default_factory=list)
    context: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    base64: list[int] = field(default_factory=list)
    hex: list[int] = field(default_factory=list)
    disguised: dict[str, list[int]] = field(default_factory=dict)
    """Where something is written in another way than it reads, by the kind of view."""


class Reader:
    """Two databases that work as one. Safe from any thread."""

    def __init__(
        self,
        expressions: Sequence[Expression],
        near: Sequence[bool],
        keep: bool = True,
    ) -> None:
        """`near` says of each expression whether it is looked for near tokens only."""
        self._everywhere = [number for number, close in enumerate(near) if not close]
        self._near = [number for number, close in enumerate(near) if close]
        self._run = len(self._everywhere)
        self._context = self._run + 1 + len(gate.ESCAPED)
        first = [expressions[number] for number in self._everywhere]
        self._columns = self._context + len(context.EXPRESSIONS)
        self._kinds = [kind for kind, own in disguises.EXPRESSIONS.items() for _ in own]
        disguised = chain.from_iterable(disguises.EXPRESSIONS.values())
        own = (gate.RUN, *gate.ESCAPED, *context.EXPRESSIONS, columns.EXPRESSION, *disguised)
        self._first = Database([*first, *own], keep)
        second = [expressions[number] for number in self._near]
        self._second = Database([*second, *views.EXPRESSIONS], keep)

    def matching(self, text: bytes) -> set[int]:
        """The expressions that match somewhere in a text, tokens or not."""
        first = {self._everywhere[n] for n, _ in self._first.scan(text) if n < self._run}
        bound = len(self._near)
        return first | {self._near[n] for n, _ in self._second.scan(text) if n < bound}

    def __call__(self, texts: Sequence[bytes]) -> dict[int, Sight]:
        """What there is in each text, for those in which there is anything."""
        seen: dict[int, Sight] = {}
        joined = _joined(texts)
        for index, hits in _read(self._first, texts, joined):
            sight = self._sight(texts[index], hits)
            if sight.windows or sight.columns or sight.disguised:
                seen[index] = sight
        if b"\0" in joined:
            for index, text in enumerate(texts):
                if b"\0" in text:
                    seen.setdefault(index, Sight([]))
        cuts = [
            (index, start, end) for index, sight in seen.items() for start, end in sight.windows
        ]
        if not cuts:
            return seen
        parts = [texts[index][start:end] for index, start, end in cuts]
        for at, hits in _read(self._second, parts, _joined(parts)):
            index, start, _ = cuts[at]
            self._add(seen[index], hits, start)
        return seen

    def _sight(self, text: bytes, hits: list[Hit]) -> Sight:
        size = len(text)
        first, contextual, column = self._run, self._context, self._columns
        runs: list[int] = []
        rest: list[Hit] = []
        for hit in hits:
            if hit[0] == first:
                runs.append(hit[1])
            else:
                rest.append(hit)
        if runs and runs[-1] > size:
            runs[-1] = size
        ends = [] if text.isascii() else [end for end in runs if text[end - 1] > 0x7F]
        if not rest and not ends:
            return Sight(gate.windows(text, runs, ()))
        hits = [hit for hit in rest if hit[0] < column]
        sight = Sight(gate.windows(text, runs, [min(end, size) for _, end in hits]))
        sight.columns = [end for number, end in rest if number == column]
        sight.context = [end for number, end in hits if number >= contextual]
        sight.disguised = self._disguised([hit for hit in rest if hit[0] > column], ends)
        names = self._everywhere
        sight.rules = [(names[number], end) for number, end in hits if number < first]
        return sight

    def _disguised(self, hits: list[Hit], ends: list[int]) -> dict[str, list[int]]:
        """`ends`: where a run ends before a character that is not of ASCII."""
        found: dict[str, list[int]] = {disguises.UNICODE: ends} if ends else {}
        for number, end in hits:
            found.setdefault(self._kinds[number - self._columns - 1], []).append(end)
        if ends:
            found[disguises.UNICODE].sort()
        return found

    def _add(self, sight: Sight, hits: list[Hit], start: int) -> None:
        names, base64 = self._near, len(self._near)
        for number, end in hits:
            if number < base64:
                sight.rules.append((names[number], start + end))
            elif number == base64:
                sight.base64.append(start + end)
            else:
                sight.hex.append(start + end)


def _joined(texts: Sequence[bytes]) -> bytes:
    return texts[0] if len(texts) == 1 else SEPARATOR.join(texts)


def _read(
    database: Database, texts: Sequence[bytes], joined: bytes
) -> Iterator[tuple[int, list[Hit]]]:
    """What a database says of each text it says something of, all read in one pass."""
    hits = database.scan(joined)
    if not hits:
        return
    if len(texts) == 1:
        yield 0, hits
        return
    gap = len(SEPARATOR)
    starts = list(accumulate(map(gap.__add__, map(len, texts)), initial=0))
    index, own = -1, list[Hit]()
    low = high = 0
    for number, end in hits:
        if not low < end <= high:
            if own:
                yield index, own
            index, own = bisect_right(starts, end - 1) - 1, []
            low, high = starts[index], starts[index + 1] - gap + 1
            if end > high:
                continue
        own.append((number, end - low))
    if own:
        yield index, own
