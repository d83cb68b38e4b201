"""Scans texts in two passes: all of them for a few expressions, then windows for all others.

The texts of a request are joined and scanned in one go. The results are separated by text, and
those of a text depend on that text alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from . import columns, context_places, disguises, frames, token_windows, views
from .database import EVERY, Database, Expression, TooMany

SEPARATOR = b"\n\x7f\n"
"""What is between joined texts: no token, and ASCII (see `disguises.places`)."""
_LARGE: Final = 512 << 10
"""Number of bytes from which a second thread saves more time than starting it takes."""
_TOKENS: Final = 20
"""Number of tokens that take as long as one place to examine."""
Hit = tuple[int, int]
"""The index of an expression, and the end offset of its match."""


@dataclass(slots=True)
class Sight:
    """The places to examine in one text: windows as spans, others as ascending end offsets."""

    windows: list[tuple[int, int]]
    rules: list[Hit] = field(default_factory=list)
    context: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    base64: list[int] = field(default_factory=list)
    hex: list[int] = field(default_factory=list)
    disguised: dict[str, list[int]] = field(default_factory=dict)
    """Offsets of disguised characters, by kind of view."""
    framed: list[int] = field(default_factory=list)


class Reader:
    """Two databases that work as one; thread-safe."""

    def __init__(
        self,
        expressions: Sequence[Expression],
        near: Sequence[bool],
        keep: bool = True,
    ) -> None:
        """`near` says for each expression whether it is searched for only near tokens."""
        self._everywhere = [number for number, close in enumerate(near) if not close]
        self._near = [number for number, close in enumerate(near) if close]
        self._run = len(self._everywhere)
        self._context = self._run + 1 + len(token_windows.ESCAPED)
        first = [expressions[number] for number in self._everywhere]
        self._columns = self._context + len(context_places.EXPRESSIONS)
        own = (
            token_windows.RUN,
            *token_windows.ESCAPED,
            *context_places.EXPRESSIONS,
            columns.EXPRESSION,
        )
        rest = (disguises.EXPRESSION, frames.EXPRESSION, disguises.UNESCAPED)
        second = [expressions[number] for number in self._near]
        close = (*second, context_places.NEAR_TOKENS, *views.EXPRESSIONS)
        # Hyperscan releases the GIL while it compiles.
        with ThreadPoolExecutor(1, "compile") as other:
            later = other.submit(Database, close, keep)
            self._first = Database([*first, *own, *rest], keep)
            self._second = later.result()

    def matching(self, text: bytes) -> set[int]:
        """Return the indices of the expressions that match in a text, near tokens or not."""
        first = {self._everywhere[n] for n, _ in self._first.scan(text) if n < self._run}
        bound = len(self._near)
        return first | {self._near[n] for n, _ in self._second.scan(text) if n < bound}

    def __call__(
        self, texts: Sequence[bytes], halves: bool = False, most: int = EVERY
    ) -> dict[int, Sight]:
        """Return what to examine in each text, by index; other texts are left out.

        `halves` allows many texts to be scanned on two cores. Raises `TooMany` if there are more
        than `most` places to examine in either pass.
        """
        seen: dict[int, Sight] = {}
        joined = _joined(texts)
        scanned = self._scanned(joined, texts, halves, most)
        for index, hits in _divided(scanned, texts):
            sight = self._sight(texts[index], hits)
            if sight.windows or sight.columns or sight.disguised or sight.framed:
                seen[index] = sight
        if b"\0" in joined:
            for index, text in enumerate(texts):
                if b"\0" in text:
                    seen.setdefault(index, Sight([]))
        strange = [(0, place) for place in disguises.places(joined)]
        for index, hits in _divided(strange, texts):
            sight = seen.setdefault(index, Sight([]))
            printed = sight.disguised.get(disguises.UNICODE, ())
            sight.disguised[disguises.UNICODE] = sorted({*printed, *(end for _, end in hits)})
        cuts = [
            (index, start, end) for index, sight in seen.items() for start, end in sight.windows
        ]
        parts = [texts[index][start:end] for index, start, end in cuts]
        near = self._second.scan(_joined(parts), most) if parts else []
        for at, hits in _divided(near, parts):
            index, start, _ = cuts[at]
            self._add(seen[index], hits, start)
        return seen

    def _scanned(self, joined: bytes, texts: Sequence[bytes], halves: bool, most: int) -> list[Hit]:
        if most < EVERY:
            found = self._first.scan(joined, most * _TOKENS)
            if sum(number != self._run for number, _ in found) > most:
                raise TooMany
            return found
        if halves and len(joined) >= _LARGE and (middle := _middle(texts, len(joined) // 2)):
            return self._first.scan_halves(joined, middle)
        return self._first.scan(joined)

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
        if not rest:
            return Sight(token_windows.windows(text, runs, ()))
        hits = [hit for hit in rest if hit[0] < column]
        sight = Sight(token_windows.windows(text, runs, [min(end, size) for _, end in hits]))
        sight.columns = [end for number, end in rest if number == column]
        if sight.columns and (tables := columns.escaped(text, sight.columns)):
            sight.windows = token_windows.merged([*sight.windows, *tables])
        sight.context = [end for number, end in hits if number >= contextual]
        sight.framed = [end for number, end in rest if number == column + 2]
        if references := [end for number, end in rest if number == column + 1]:
            sight.disguised[disguises.HTML] = references
        if colours := [end for number, end in rest if number == column + 3]:
            sight.disguised[disguises.UNICODE] = colours
        names = self._everywhere
        sight.rules = [(names[number], end) for number, end in hits if number < first]
        return sight

    def _add(self, sight: Sight, hits: list[Hit], start: int) -> None:
        names, contextual = self._near, len(self._near)
        base64 = contextual + 1
        further: list[int] = []
        for number, end in hits:
            if number < contextual:
                sight.rules.append((names[number], start + end))
            elif number == contextual:
                further.append(start + end)
            elif number == base64:
                sight.base64.append(start + end)
            else:
                sight.hex.append(start + end)
        if further:
            sight.context = sorted({*sight.context, *further})


def _middle(texts: Sequence[bytes], half: int) -> int:
    """Return the start of the text before which `half` of the joined texts lie, or 0 if none."""
    at, gap = 0, len(SEPARATOR)
    for text in texts[:-1]:
        at += len(text) + gap
        if at >= half:
            return at
    return 0


def _joined(texts: Sequence[bytes]) -> bytes:
    return texts[0] if len(texts) == 1 else SEPARATOR.join(texts)


def _divided(hits: list[Hit], texts: Sequence[bytes]) -> Iterator[tuple[int, list[Hit]]]:
    """Yield the index of each text with hits, and its hits; `hits` are those of the joined texts."""
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
