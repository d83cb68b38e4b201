"""Candidates: matches that passed their rule's checks, mapped back through their encodings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from . import blocks, disguises, frames, views
from .decoded import Piece
from .model import Layer, Part, Rule

_AS_IT_STANDS: Final = disguises.KINDS | {frames.LINES}
"""Views that change nothing of a secret that is replaced in the text itself."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A match that has passed its rule's checks; all offsets are in the searched text.

    `block` is the span that no other candidate may overlap: the candidate itself, or the base64
    run that contains it.
    """

    rule: Rule
    start: int
    end: int
    value: bytes
    parts: tuple[Part, ...]
    block: tuple[int, int]
    certain: bool = False
    view: tuple[str, ...] = ()

    @property
    def hangs_on_context(self) -> bool:
        """Whether the value alone does not identify its kind: its rule requires keywords nearby."""
        lowered = self.value[:64].lower()
        return bool(self.rule.keywords) and not any(
            word.encode() in lowered for word in self.rule.keywords
        )


def of_match(
    rule: Rule, text: bytes, start: int, end: int, certain: bool = False, shift: int = 0
) -> Candidate:
    spans = blocks.lines(text, start, end) if rule.multiline else [(start, end)]
    parts = tuple(Part(low + shift, high + shift, text[low:high]) for low, high in spans)
    start, end, value = start + shift, end + shift, text[start:end]
    return Candidate(rule, start, end, value, parts, (start, end), certain)


def shifted(candidate: Candidate, by: int) -> Candidate:
    parts = tuple(
        replace(
            part,
            start=part.start + by,
            end=part.end + by,
            layers=tuple(
                Layer(kind, low + by, high + by) if not at else Layer(kind, low, high)
                for at, (kind, low, high) in enumerate(part.layers)
            ),
        )
        for part in candidate.parts
    )
    low, high = candidate.block
    return replace(
        candidate,
        start=candidate.start + by,
        end=candidate.end + by,
        block=(low + by, high + by),
        parts=parts,
    )


def lifted(candidate: Candidate, piece: Piece, text: bytes) -> Candidate:
    """Convert a candidate in a decoded piece to offsets of the text that contains the piece."""
    layer = piece.layer
    raw = text[layer.start : layer.end] if layer.kind == views.BASE64 else b""

    def out(start: int, end: int) -> tuple[int, int]:
        if layer.kind == views.BASE64:
            low, high = views.base64_span(raw, start, end)
            return layer.start + low, layer.start + high
        return views.span(piece, start, end)

    parts: list[Part] = []
    for part in candidate.parts:
        if layer.kind in _AS_IT_STANDS:
            start, end = out(part.start, part.end)
            parts.append(Part(start, end, text[start:end]))
            continue
        inner = part.inner if part.layers else (part.start, part.end)
        parts.append(Part(*out(part.start, part.end), part.value, (layer, *part.layers), inner))
    start, end = out(candidate.start, candidate.end)
    block = (layer.start, layer.end) if layer.kind == views.BASE64 else out(*candidate.block)
    return replace(
        candidate,
        start=start,
        end=end,
        parts=tuple(parts),
        block=block,
        view=(layer.kind, *candidate.view),
    )


def collide(one: Candidate, other: Candidate) -> bool:
    """Return whether two candidates overlap; two in one base64 run may be next to each other."""
    mine, theirs = one.parts[0], other.parts[0]
    if mine.layers and mine.layers == theirs.layers:
        return mine.inner[0] < other.parts[-1].inner[1] and theirs.inner[0] < one.parts[-1].inner[1]
    return one.block[0] < other.block[1] and other.block[0] < one.block[1]


class Claims:
    """The candidates accepted so far, indexed by position so that look-ups take constant time."""

    _GRAIN = 10

    def __init__(self) -> None:
        self._seen: set[tuple[tuple[Layer, ...], int, int]] = set()
        self._blocks: dict[int, list[Candidate]] = {}
        self._inside: dict[tuple[tuple[Layer, ...], int], list[Candidate]] = {}

    def take(self, candidate: Candidate) -> bool:
        """Accept a candidate unless it overlaps an accepted one; return whether it was accepted."""
        layers = candidate.parts[0].layers
        inside = self._places(candidate.parts[0].inner[0], candidate.parts[-1].inner[1])
        across = self._places(*candidate.block)
        near = [other for place in across for other in self._blocks.get(place, ())]
        if layers:
            near = [other for other in near if other.parts[0].layers != layers]
            near += [c for place in inside for c in self._inside.get((layers, place), ())]
        if any(collide(candidate, other) for other in near):
            return False
        key = (layers, *candidate.block)
        if not layers or key not in self._seen:
            # Candidates in one encoded run share a block, so one of them represents all.
            self._seen.add(key)
            for place in across:
                self._blocks.setdefault(place, []).append(candidate)
        for place in inside if layers else ():
            self._inside.setdefault((layers, place), []).append(candidate)
        return True

    def _places(self, start: int, end: int) -> range:
        return range(start >> self._GRAIN, (end >> self._GRAIN) + 1)
