"""Events that read alike: one that differs from another only inside a few literals says the same.

A stream is thousands of events of three or four shapes. A `Shape` is an event that has been read, cut at
the literals that may change without changing what the rest of it means: the piece of text, the running
number, and such opaque strings and counts as have been seen to change. Everything between them has to be the same,
byte for byte; then what was read of the one holds for the other, and only the piece is new.

Never such a literal: what names the kind of an event or tells its texts apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from secretgate.bodies.json_reader import closing_quote, plain_name
from secretgate.inbound.event_reader import Event, Identity, Steps
from secretgate.inbound.extras import NUMBER
from secretgate.providers import Dialect, Piece

_TOKEN = re.compile(
    rb'"(?P<string>[^"\\]*+(?:\\.[^"\\]*+)*+)"(?P<name>[ \t\r\n]*:)?'
    rb"|(?P<number>-?[0-9][0-9.eE+-]*+)",
    re.DOTALL,
)
_NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]*+")
# A string up to its closing quote. One behind five backslashes counts as closing too: what has to
# stand behind it then does not.
_STRING = rb'([^"]*+(?:(?:(?<=[^\\]\\)|(?<=[^\\]\\\\\\))"[^"]*+)*+)'
_REST = rb"|(.).*+"
_A_NUMBER = b"(%b)" % _NUMBER.pattern
_WORTH_COMPILING: Final = 500
"""An expression costs as much as so many events without one; each answer, which has ids of its own, needs its own."""
_FIXED: Final = frozenset(("type", "role", "id", "index", "thought", "object"))
_TEXTS = (Piece.DELTA, Piece.DELTA_JSON)
_BACKSLASH: Final = 0x5C
_MOST: Final = 12
_MOST_SAMPLES: Final = 64
_PATIENCE: Final = 64
"""So many more events may be read in vain than are known, before no more are learnt."""

Span = tuple[int, int]
Match = tuple["Shape", list[Span], int]
"""A shape, where its literals stand, and where the event ends. (A plain tuple: there are many.)"""


class Shape:
    """`head`, then literals, each with what stands behind it."""

    __slots__ = (
        "_asked",
        "_pattern",
        "_places",
        "head",
        "holes",
        "identity",
        "name",
        "number",
        "path",
        "piece",
        "size",
        "text",
    )

    def __init__(self, head: bytes, holes: list[tuple[bool, bytes]]) -> None:
        self.head = head
        self.holes = holes
        """Whether it is a string, and the bytes behind it."""
        self.text = self.number = -1
        """Which of the literals is the piece of text, and which the running number."""
        self.piece = Piece.OPAQUE
        self.identity: Identity = ()
        self.path: Steps = ()
        self.name = ""
        """The name on the frame, where that is no part of what is matched."""
        self.size = len(head) + sum(len(behind) for _, behind in holes)
        """The bytes of an event without its literals."""
        self._places = range(1, len(holes) + 1)
        self._pattern: re.Pattern[bytes] | None = None
        self._asked = 0

    def match(self, raw: bytes, at: int) -> Match | None:
        if not raw.startswith(self.head, at):
            return None
        self._asked += 1
        if self._asked < _WORTH_COMPILING:
            return self._step_by_step(raw, at)
        found = self._compiled().match(raw, at)
        if found is None or found.lastindex != len(self.holes):
            return self._step_by_step(raw, at)
        return self, [found.span(place) for place in self._places], found.end()

    def _compiled(self) -> re.Pattern[bytes]:
        """Of an event, or of whatever else stands there, up to the end."""
        if self._pattern is None:
            literals = [
                (_STRING if string else _A_NUMBER) + re.escape(behind)
                for string, behind in self.holes
            ]
            spelled = re.escape(self.head) + b"".join(literals) + _REST
            self._pattern = re.compile(spelled, re.DOTALL)
        return self._pattern

    def _step_by_step(self, raw: bytes, at: int) -> Match | None:
        """The same, however many backslashes there are in a literal."""
        at += len(self.head)
        spans: list[Span] = []
        for string, behind in self.holes:
            if string:
                end = raw.find(b'"', at)
                if end > at and raw[end - 1] == _BACKSLASH:
                    end = closing_quote(raw, at, end)
            else:
                number = _NUMBER.match(raw, at)
                end = number.end() if number else -1
            if end < 0 or not raw.startswith(behind, end):
                return None
            spans.append((at, end))
            at = end + len(behind)
        return self, spans, at

    def streak(self, raw: bytes, at: int) -> Streak | None:
        """As many events of this shape as begin here and follow each other."""
        if not raw.startswith(self.head, at):
            return None
        if len(self.holes) == 1 and self.holes[0][0]:
            return self._streak_of_one(raw, at)
        found: list[tuple[bytes, ...]] = []
        stop = at
        if self._asked + (len(raw) - at) // self.size >= _WORTH_COMPILING:
            found = self._compiled().findall(raw, at)
            stop = len(raw)
            if found[-1][-1]:
                found.pop()
                stop = at + len(found) * self.size + sum(map(len, chain.from_iterable(found)))
        if not found:
            found, stop = self._one_by_one(raw, at)
        if not found:
            return None
        self._asked += len(found)
        pieces = [literals[self.text] for literals in found]
        return Streak(self, pieces, stop, found)

    def _one_by_one(self, raw: bytes, at: int) -> tuple[list[tuple[bytes, ...]], int]:
        """The literals of events of this shape that follow each other, and where these end."""
        found: list[tuple[bytes, ...]] = []
        while raw.startswith(self.head, at) and (one := self._step_by_step(raw, at)) is not None:
            _, spans, at = one
            found.append(tuple([raw[start:end] for start, end in spans]))
        return found, at

    def _streak_of_one(self, raw: bytes, at: int) -> Streak | None:
        """Where one string is the only literal."""
        ((_, behind),) = self.holes
        head, ahead, after = self.head, len(self.head), len(behind)
        find, startswith = raw.find, raw.startswith
        pieces: list[bytes] = []
        while startswith(head, at):
            start = at + ahead
            end = find(b'"', start)
            if end > start and raw[end - 1] == _BACKSLASH:
                end = closing_quote(raw, start, end)
            if end < 0 or not startswith(behind, end):
                break
            pieces.append(raw[start:end])
            at = end + after
        return Streak(self, pieces, at) if pieces else None


class Streak(NamedTuple):
    """Events of one shape that follow each other."""

    shape: Shape
    pieces: list[bytes]
    """The piece of text of each, if they have one."""
    stop: int
    """Where the last of them ends."""
    literals: Sequence[tuple[bytes, ...]] = ()
    """What may change in each, where that is more than the piece."""

    @property
    def sizes(self) -> list[int]:
        """The bytes of each."""
        size = self.shape.size
        if not self.literals:
            return [size + len(piece) for piece in self.pieces]
        return [size + sum(map(len, literals)) for literals in self.literals]


class _Sample(NamedTuple):
    """What was read of one event, to compare the next of its kind with."""

    between: tuple[bytes, ...]
    literals: tuple[bytes, ...]
    varying: frozenset[int]


class Shapes:
    """The shapes of one stream, the most useful first."""

    def __init__(self, dialect: Dialect) -> None:
        self._fixed = _FIXED | frozenset(dialect.identity)
        self._shapes: list[Shape] = []
        self._samples: dict[tuple[object, ...], _Sample] = {}
        self._in_vain = 0

    @property
    def learning(self) -> bool:
        """Whether it is worth showing more events."""
        return self._in_vain <= _PATIENCE

    def find(self, raw: bytes, at: int = 0) -> Match | None:
        """The shape of the event that begins here, and where its literals stand."""
        for place, shape in enumerate(self._shapes):
            found = shape.match(raw, at)
            if found is not None:
                self._served(place)
                return found
        return None

    def streak(self, raw: bytes, at: int = 0) -> Streak | None:
        """The events of one shape that begin here."""
        for place, shape in enumerate(self._shapes):
            found = shape.streak(raw, at)
            if found is not None:
                self._served(place)
                return found
        return None

    def _served(self, place: int) -> None:
        """The shape of this place is asked first from now on."""
        if place:
            self._shapes.insert(0, self._shapes.pop(place))
        self._in_vain -= self._in_vain > 0

    def learn(
        self, event: Event, before: bytes = b"", behind: bytes = b"", name: str = ""
    ) -> Shape | None:
        """The shape of an event that has been read, in its frame; None where it has none: it has more
        than one text, or may end one. The caller vouches for whole strings in it."""
        if not self.learning:
            return None
        self._in_vain += 1
        texts = [leaf for leaf in event.leaves if leaf.piece in _TEXTS]
        if len(texts) > 1 or any(leaf.piece is Piece.CLOSE for leaf in event.leaves):
            return None
        span = (texts[0].start, texts[0].end) if texts else None
        tokens = self._changing(event, span)
        key = (event.kind, texts[0].identity if texts else None, len(tokens))
        varying = self._varying(key, event.payload, [each[0] for each in tokens])
        holes = [
            (place, string, place == span, number)
            for index, (place, string, number) in enumerate(tokens)
            if place == span or number or index in varying
        ]
        if not holes:
            return None
        shape = _cut(event.payload, holes, before, behind)
        shape.name = name
        for leaf in texts:
            shape.piece, shape.identity, shape.path = leaf.piece, leaf.identity, leaf.path
        self._shapes = [shape, *self._shapes[: _MOST - 1]]
        return shape

    def _changing(self, event: Event, text: Span | None) -> list[tuple[Span, bool, bool]]:
        """The literals that may change: their spans, whether they are strings, and whether one is the
        running number."""
        opaque = set(event.opaque)
        found: list[tuple[Span, bool, bool]] = []
        name = ""
        for span, string, is_name in _tokens(event.payload, text):
            if is_name:
                name = plain_name(event.payload[slice(*span)]).decode("utf-8", "replace")
            elif name == NUMBER and not string:
                is_number = event.value.get(NUMBER) == _int(event.payload[slice(*span)])
                found.append((span, False, is_number))
            elif span == text or (name not in self._fixed and (not string or span in opaque)):
                found.append((span, string, False))
        return found

    def _varying(
        self, key: tuple[object, ...], payload: bytes, spans: list[Span]
    ) -> frozenset[int]:
        """Which of the literals have been seen to change between events that are otherwise alike."""
        between, at = [], 0
        for start, end in spans:
            between.append(payload[at:start])
            at = end
        between.append(payload[at:])
        literals = tuple(payload[start:end] for start, end in spans)
        before = self._samples.get(key)
        varying: frozenset[int] = frozenset()
        if before is not None and before.between == tuple(between):
            changed = {
                index
                for index, (old, new) in enumerate(zip(before.literals, literals, strict=True))
                if old != new
            }
            varying = before.varying | changed
        if len(self._samples) > _MOST_SAMPLES:
            self._samples.clear()
        self._samples[key] = _Sample(tuple(between), literals, varying)
        return varying


def _cut(
    payload: bytes, holes: list[tuple[Span, bool, bool, bool]], before: bytes, behind: bytes
) -> Shape:
    ends = [span[0] for span, *_ in holes[1:]] + [len(payload)]
    head = before + payload[: holes[0][0][0]]
    rows = [
        (string, payload[span[1] : end])
        for (span, string, _, _), end in zip(holes, ends, strict=True)
    ]
    rows[-1] = (rows[-1][0], rows[-1][1] + behind)
    shape = Shape(head, rows)
    for index, (_, _, is_text, is_number) in enumerate(holes):
        if is_text:
            shape.text = index
        elif is_number:
            shape.number = index
    return shape


def _tokens(payload: bytes, text: Span | None) -> Iterator[tuple[Span, bool, bool]]:
    """The literals of an event: their spans, whether they are strings, and whether they are names. The text,
    which may be long, is not read."""
    stretches = [(0, len(payload))]
    if text is not None:
        stretches = [(0, text[0] - 1), (text[1] + 1, len(payload))]
    for place, (low, high) in enumerate(stretches):
        if place and text is not None:
            yield text, True, False
        for token in _TOKEN.finditer(payload, low, high):
            string = token["string"] is not None
            yield token.span("string" if string else "number"), string, token["name"] is not None


def _int(spelled: bytes) -> int | None:
    return int(spelled) if spelled.isdigit() else None
