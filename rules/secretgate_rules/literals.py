"""Literals: finds exact values anywhere in a text and in any spelling.

The gate searches every request for thousands of known values. There are two ways to search, and
the cheaper one is chosen: `bytes.find` for a few values in short texts, where nothing has to be
built, and a compiled search (`database.FixedStrings`) once that would have cost no more. Values are
kept in segments, so that adding one value to a thousand builds a segment of one; small segments are
merged as their number grows.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from . import database, disguises, spellings, views
from .memo import remembered
from .model import HIGH, Finding, Part
from .randomness import entropy
from .spellings import PLAIN, Needle

SHORTEST: Final = 8
"""Length in bytes below which values match only as whole words, and not in base64 or hex."""
LEAST_ENTROPY: Final = 2.5
"""Entropy in bits per character below which the same applies."""

_SEGMENTS: Final = 6
_GROWTH: Final = 64
"""Number of most recent additions that `since` knows."""
_FIND_COST: Final = 0.12e-9
"""Seconds that `bytes.find` takes per byte."""
_BUILD_COST: Final = 30e-6, 2.8e-6
"""Seconds that it takes to build a search, and for each needle in it."""
_SEPARATOR = b"\n\0\n"


@remembered(8192)
def below_floor(value: bytes) -> bool:
    """Return whether a value is too short or too uniform to be searched for inside words."""
    return len(value) < SHORTEST or entropy(value) < LEAST_ENTROPY


class _Needles(NamedTuple):
    """The needles of many values, in columns: an object for each would burden the garbage collector."""

    texts: Sequence[bytes]
    kinds: Sequence[tuple[int, int]]
    """Kind and offset."""
    values: Sequence[bytes]
    """The values that they stand for."""


class _Segment:
    """A set of values and their search, which is built on first use."""

    def __init__(self, values: Mapping[bytes, str]) -> None:
        self.values = dict(values)
        self._needles: _Needles | None = None
        self._searcher: database.FixedStrings | None = None
        self._spent = 0.0
        """Approximate number of seconds spent without the search."""

    @property
    def plain(self) -> bool:
        """Whether every value contains a span that no escaping changes."""
        return all(kind != PLAIN or offset >= 0 for kind, offset in self._all().kinds)

    def _all(self) -> _Needles:
        if self._needles is None:
            texts: list[bytes] = []
            kinds: list[tuple[int, int]] = []
            values: list[bytes] = []
            same: dict[tuple[int, int], tuple[int, int]] = {}
            for value in self.values:
                if value:
                    for needle in spellings.needles(value, not below_floor(value)):
                        kind = needle.kind, needle.offset
                        texts.append(needle.text)
                        kinds.append(same.setdefault(kind, kind))
                        values.append(value)
            self._needles = _Needles(tuple(texts), tuple(kinds), tuple(values))
        return self._needles

    def prepare(self) -> None:
        """Build the search."""
        if self._searcher is None:
            self._searcher = database.FixedStrings(self._all().texts)
        self._searcher.prepare()

    def called(self, rules: Mapping[bytes, str]) -> _Segment:
        """Return the same values with other rule ids, sharing the search built for them."""
        other = copy.copy(self)
        other.values = {value: rules.get(value, rule) for value, rule in self.values.items()}
        return other

    def places(self, text: bytes) -> Iterator[tuple[int, Needle, bytes]]:
        """Yield the offset of each needle found, the needle, and the value it stands for."""
        texts, kinds, values = self._all()
        count = len(texts)
        once, each = _BUILD_COST
        self._spent += count * len(text) * _FIND_COST
        if self._searcher is None and self._spent < once + count * each:
            for index, needle in enumerate(texts):
                at = text.find(needle)
                while at >= 0:
                    yield at, Needle(needle, *kinds[index]), values[index]
                    at = text.find(needle, at + 1)
            return
        if self._searcher is None:
            self._searcher = database.FixedStrings(texts)
        for index, at in self._searcher.scan(text):
            yield at, Needle(texts[index], *kinds[index]), values[index]


_Place = tuple[_Segment, int, Needle, bytes]
"""The segment, the offset of a needle in the text, the needle, and the value it stands for."""
_Copy = tuple[Part, str, tuple[str, ...]]
"""A copy of a value, the rule id of the value, and the encodings it was read through."""


class Literals:
    """An immutable set of known values, each with the id of its rule."""

    def __init__(self, values: Mapping[bytes, str]) -> None:
        self._segments: tuple[_Segment, ...] = (_Segment(values),) if values else ()
        self._growth: tuple[tuple[object, Mapping[bytes, str]], ...] = ()
        self._beside: tuple[Literals, Literals] | None = None
        self.version: tuple[object, object] = object(), None
        """Identifies this set of values and the set it was combined with; see `since`."""

    @property
    def segments(self) -> Sequence[_Segment]:
        """The segments of the values; a grown set shares most of them with the set before."""
        return self._segments

    def __contains__(self, value: object) -> bool:
        return any(value in segment.values for segment in self._segments)

    def __len__(self) -> int:
        return sum(len(segment.values) for segment in self._segments)

    def rule(self, value: bytes) -> str | None:
        """Return the rule id of a value; None if the value is not in the set."""
        return next((s.values[value] for s in self._segments if value in s.values), None)

    def with_values(self, more: Mapping[bytes, str]) -> Literals:
        """Return a set with additional values; values already in this set keep their rule."""
        fresh = {value: rule for value, rule in more.items() if value not in self}
        if not fresh:
            return self
        segments = [*self._segments, _Segment(fresh)]
        if len(segments) > _SEGMENTS:
            segments.sort(key=lambda segment: len(segment.values))
            merged: dict[bytes, str] = {}
            for segment in segments[:-1]:
                merged.update(segment.values)
            segments = [segments[-1], _Segment(merged)]
            if len(merged) > len(segments[0].values):
                segments = [_Segment({**segments[0].values, **merged})]
        grown = Literals({})
        grown._segments = tuple(segments)
        grown._growth = (*self._growth, (self.version[0], fresh))[-_GROWTH:]
        grown.version = object(), self.version[1]
        return grown

    def prepare(self) -> None:
        """Build the search now, so that the first call of `find` need not."""
        for segment in self._segments:
            segment.prepare()

    def called(self, rules: Mapping[bytes, str]) -> Literals:
        """Return the same values with the rule ids given in `rules`; all others keep theirs."""
        other = Literals({})
        other._segments = tuple(segment.called(rules) for segment in self._segments)
        return other

    def beside(self, others: Literals) -> Literals:
        """Return the union with `others`, sharing the searches of both.

        Repeated calls with the same object return the same set.
        """
        if not others._segments:
            return self
        if self._beside is None or self._beside[0] is not others:
            both = Literals({})
            both._segments = (*others._segments, *self._segments)
            both._growth = self._growth
            both.version = self.version[0], others.version
            self._beside = others, both
        return self._beside[1]

    def since(self, version: object) -> dict[bytes, str] | None:
        """Return the values added since `version` as {value: rule id}; None if that is unknown."""
        if version is self.version:
            return {}
        if not isinstance(version, tuple) or version[1] is not self.version[1]:
            return None
        added: dict[bytes, str] = {}
        if version[0] is self.version[0]:
            return added
        for before, fresh in reversed(self._growth):
            added.update(fresh)
            if before is version[0]:
                return added
        return None

    def traces(self, text: bytes) -> list[int] | None:
        """Return the offsets of possible copies of values; None if they could be anywhere.

        The text may be raw JSON: what is between its strings, and JSON escapes, do not hide a copy
        unless a letter, a digit or one of `_~.-+/=` is itself escaped.
        """
        found: list[int] = []
        for segment in self._segments:
            if not segment.plain:
                return None
            found += (at for at, _, _ in segment.places(text))
        return found

    def find(self, text: bytes) -> list[Finding]:
        """Return all copies of values: leftmost-longest, sorted and non-overlapping."""
        return self.find_many([text]).get(0, [])

    def find_many(self, texts: Sequence[bytes]) -> dict[int, list[Finding]]:
        """Return the findings of each text by its index; texts without findings are left out."""
        return self._found(texts, disguised=True)

    def _found(self, texts: Sequence[bytes], *, disguised: bool) -> dict[int, list[Finding]]:
        if not self._segments or not texts:
            return {}
        gap = len(_SEPARATOR)
        starts = list(accumulate(map(gap.__add__, map(len, texts)), initial=0))
        joined = _SEPARATOR.join(texts)
        touched: dict[int, list[_Place]] = {}
        for segment in self._segments:
            for place, needle, value in segment.places(joined):
                index = bisect_right(starts, place) - 1
                if place + len(needle.text) <= starts[index + 1] - gap:
                    at = place - starts[index]
                    touched.setdefault(index, []).append((segment, at, needle, value))
        undone = self._undone(texts, starts, joined) if disguised else {}
        every = (
            (index, _read(texts[index], touched.get(index, ()), undone.get(index, ())))
            for index in sorted({*touched, *undone})
        )
        return {index: found for index, found in every if found}

    def _undone(
        self, texts: Sequence[bytes], starts: Sequence[int], joined: bytes
    ) -> dict[int, list[_Copy]]:
        """Return the disguised copies of values by index of the text (see `disguises`).

        Disguises are undone once: they can be nested as deep as a text is long.
        """
        places: dict[int, list[int]] = {}
        for place in disguises.places(joined):
            index = bisect_right(starts, place - 1) - 1
            places.setdefault(index, []).append(place - starts[index])
        pieces = [
            (index, piece)
            for index, own in places.items()
            for piece in disguises.pieces(texts[index], disguises.UNICODE, own)
        ]
        if not pieces:
            return {}
        found: dict[int, list[_Copy]] = {}
        inside = self._found([piece.decoded.text for _, piece in pieces], disguised=False)
        for at, findings in inside.items():
            index, piece = pieces[at]
            for finding in findings:
                start, end = views.span(piece, finding.start, finding.end)
                spelled = texts[index][start:end]
                if spelled != piece.decoded.text[finding.start : finding.end]:
                    entry = (
                        Part(start, end, spelled),
                        finding.rule,
                        (piece.layer.kind, *finding.view),
                    )
                    found.setdefault(index, []).append(entry)
        return found

    def items(self) -> Iterable[tuple[bytes, str]]:
        """Yield each value with its rule id."""
        for segment in self._segments:
            yield from segment.values.items()


def _read(text: bytes, places: Iterable[_Place], more: Iterable[_Copy]) -> list[Finding]:
    """Return the findings for the values at `places` of a text and for the copies in `more`."""
    parts = {(copy[0].start, -copy[0].end): copy for copy in more}
    for segment, place, needle, value in places:
        for part in spellings.read(text, place, needle, value):
            if needle.kind == PLAIN and below_floor(value) and not _bounded(text, part):
                continue
            span = part.start, -part.end
            # The result must not depend on the order in which values became known.
            if span not in parts or _rank(part) < _rank(parts[span][0]):
                view = tuple(layer.kind for layer in part.layers)
                parts[span] = part, segment.values[value], view
    found: list[Finding] = []
    reached = 0
    for _, (part, rule, view) in sorted(parts.items(), key=lambda entry: entry[0]):
        inside = found and part.layers and part.layers == found[-1].parts[0].layers
        if part.start < reached and not (inside and _apart(found[-1].parts[0], part)):
            continue
        reached = max(reached, part.end)
        found.append(
            Finding(rule, "A known value", part.start, part.end, part.value, view, HIGH, (part,))
        )
    return found


def _apart(one: Part, other: Part) -> bool:
    return one.inner[1] <= other.inner[0] or other.inner[1] <= one.inner[0]


_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


def _rank(part: Part) -> tuple[int, bytes]:
    """Return the sort key for values at the same place: unencoded copies come first."""
    return len(part.layers), part.value


def _bounded(text: bytes, part: Part) -> bool:
    start, end = part.start, part.end
    if end < len(text) and text[end] in _WORD and part.value[-1] in _WORD:
        return False
    if not start or text[start - 1] not in _WORD or part.value[0] not in _WORD:
        return True
    before = text[max(0, start - 6) : start]
    escape = len(before) > 1 and before[-2] == 92 and before[-1] in b"nrtbf"
    percent = len(before) > 2 and before[-3] == 37
    return escape or percent or before[:2] == b"\\u"
