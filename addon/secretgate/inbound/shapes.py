"""Recognises events that differ from an event already read only within a few literals.

A stream consists of thousands of events of three or four shapes. A `Shape` is an event that has
been read, split at the literals that may change without affecting the meaning of the rest: the
piece of text, the sequence number, those opaque strings and counts that were seen to change, and the `id`
field of a server-sent event. If everything between them is identical byte for byte, the result of reading one event holds for the
other, and only the piece is new.

Literals that name the kind of an event or identify its text are never treated this way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from secretgate.bodies.json_reader import plain_name
from secretgate.inbound.event_reader import Event, Leaf
from secretgate.inbound.extras import NUMBER
from secretgate.inbound.matching import NUMERAL, Match, Shape, Span, Streak
from secretgate.providers import Dialect, Piece

_TOKEN = re.compile(
    rb'"(?P<string>[^"\\]*+(?:\\.[^"\\]*+)*+)"(?P<name>[ \t\r\n]*:)?'
    rb"|(?P<number>-?[0-9][0-9.eE+-]*+)",
    re.DOTALL,
)
_LINE = re.compile(rb"[^\r\n]*+")
_ID_FIELD = re.compile(rb"(?m)^id:([^\r\n]*)")
_FIXED: Final = frozenset(("type", "event_type", "role", "id", "index", "thought", "object"))
_TEXTS = (Piece.DELTA, Piece.DELTA_JSON)
_MOST: Final = 12
_MOST_SAMPLES: Final = 64
_PATIENCE: Final = 64
"""How many more events may fail to match than match before learning stops."""

_MOST_KINDS: Final = 256
_varied: dict[tuple[object, ...], frozenset[int]] = {}
"""The indexes of literals that changed in earlier streams, by kind of event: nothing else is kept
of them, and it spares the next stream a second event read in full."""


class _Sample(NamedTuple):
    """An event that was read, for comparison with the next of its kind."""

    between: tuple[bytes, ...]
    literals: tuple[bytes, ...]
    varying: frozenset[int]


class Shapes:
    """The shapes of one stream, most recently matched first."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect.name
        self._fixed = _FIXED | frozenset(dialect.identity)
        self._shapes: list[Shape] = []
        self._samples: dict[tuple[object, ...], _Sample] = {}
        self._in_vain = 0

    @property
    def learning(self) -> bool:
        """Whether it is worth passing more events to `learn`."""
        return self._in_vain <= _PATIENCE

    def find(self, raw: bytes, at: int = 0) -> Match | None:
        """Return the shape of the event that begins here, with the spans of its literals."""
        for place, shape in enumerate(self._shapes):
            found = shape.match(raw, at)
            if found is not None:
                self._served(place)
                return found
        return None

    def streak(self, raw: bytes, at: int = 0) -> Streak | None:
        """Return the events of one shape that begin here."""
        for place, shape in enumerate(self._shapes):
            found = shape.streak(raw, at)
            if found is not None:
                self._served(place)
                return found
        return None

    def _served(self, place: int) -> None:
        """Move a shape to the front, to be tried first from now on."""
        if place:
            self._shapes.insert(0, self._shapes.pop(place))
        self._in_vain -= self._in_vain > 0

    def learn(
        self, event: Event, before: bytes = b"", behind: bytes = b"", name: str = ""
    ) -> Shape | None:
        """Derive and store the shape of an event that was read, in its frame.

        Returns None if it has no shape: it has more than one text, or may end one. The caller has
        checked the complete strings in it.
        """
        if not self.learning:
            return None
        self._in_vain += 1
        texts = [leaf for leaf in event.leaves if leaf.piece in _TEXTS]
        if len(texts) > 1 or any(leaf.piece is Piece.CLOSE for leaf in event.leaves):
            return None
        span = (texts[0].start, texts[0].end) if texts else None
        tokens = self._changing(event, span)
        varying = self._varying(event, texts[0] if texts else None, [each[0] for each in tokens])
        holes = [
            (place, None if string else NUMERAL, place == span, number)
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
        """Return the literals that may change: span, whether a string, whether the number."""
        opaque = set(event.opaque)
        found: list[tuple[Span, bool, bool]] = []
        name = ""
        for span, string, is_name in _tokens(event.payload, text):
            if is_name:
                name = plain_name(event.payload[slice(*span)]).decode("utf-8", "replace")
            elif name == NUMBER and not string:
                is_number = event.head.get(NUMBER) == _int(event.payload[slice(*span)])
                found.append((span, False, is_number))
            elif span == text or (name not in self._fixed and (not string or span in opaque)):
                found.append((span, string, False))
        return found

    def _varying(self, event: Event, text: Leaf | None, spans: list[Span]) -> frozenset[int]:
        """Return the indexes of literals that have changed between otherwise identical events."""
        kind = (self._dialect, hash(event.kind), text.path if text else None, len(spans))
        earlier = _varied.get(kind, frozenset())
        varying = earlier | self._changed(event, text, spans)
        if varying != earlier:
            if len(_varied) >= _MOST_KINDS:
                _varied.clear()
            _varied[kind] = varying
        return varying

    def _changed(self, event: Event, text: Leaf | None, spans: list[Span]) -> frozenset[int]:
        """Return the same for this stream alone."""
        payload, between, at = event.payload, [], 0
        for start, end in spans:
            between.append(payload[at:start])
            at = end
        between.append(payload[at:])
        literals = tuple(payload[start:end] for start, end in spans)
        key = (event.kind, text.identity if text else None, len(spans))
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
    payload: bytes,
    holes: list[tuple[Span, re.Pattern[bytes] | None, bool, bool]],
    before: bytes,
    behind: bytes,
) -> Shape:
    raw, shift = before + payload + behind, len(before)
    holes = [
        ((low + shift, high + shift), look, is_text, is_number)
        for (low, high), look, is_text, is_number in holes
    ]
    for part, at in ((before, 0), (behind, shift + len(payload))):
        if field := _ID_FIELD.search(part):
            low, high = field.span(1)
            holes.append(((at + low, at + high), _LINE, False, False))
    holes.sort(key=lambda hole: hole[0])
    ends = [span[0] for span, *_ in holes[1:]] + [len(raw)]
    rows = [(look, raw[span[1] : end]) for (span, look, _, _), end in zip(holes, ends, strict=True)]
    shape = Shape(raw[: holes[0][0][0]], rows)
    for index, (_, _, is_text, is_number) in enumerate(holes):
        if is_text:
            shape.text = index
        elif is_number:
            shape.number = index
    return shape


def _tokens(payload: bytes, text: Span | None) -> Iterator[tuple[Span, bool, bool]]:
    """Yield the literals of an event: span, whether it is a string, whether it is a member name.

    The text, which may be long, is not searched.
    """
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
