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
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from secretgate.bodies.json_reader import closing_quote, plain_name
from secretgate.inbound.event_reader import Event, Identity, Leaf, Steps
from secretgate.inbound.extras import NUMBER
from secretgate.providers import Dialect, Piece
from secretgate.scanner import Scanner

_TOKEN = re.compile(
    rb'"(?P<string>[^"\\]*+(?:\\.[^"\\]*+)*+)"(?P<name>[ \t\r\n]*:)?'
    rb"|(?P<number>-?[0-9][0-9.eE+-]*+)",
    re.DOTALL,
)
_NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]*+")
# A string up to its closing quote. A quote after five backslashes counts as closing too; the match
# then fails on what has to follow.
_STRING = rb'([^"]*+(?:(?:(?<=[^\\]\\)|(?<=[^\\]\\\\\\))"[^"]*+)*+)'
_REST = rb"|(.).*+"
_BARE_QUOTE = Scanner([rb'(?:^|[^\\])(?:\\\\)*"'], once=True)
"""A quote that is not escaped."""
_LINE = re.compile(rb"[^\r\n]*+")
_ID_FIELD = re.compile(rb"(?m)^id:([^\r\n]*)")
_WORTH_COMPILING: Final = 500
"""Number of events from which on a compiled expression pays.

Every answer needs its own, as it contains ids of its own.
"""
_FIXED: Final = frozenset(("type", "event_type", "role", "id", "index", "thought", "object"))
_TEXTS = (Piece.DELTA, Piece.DELTA_JSON)
_BACKSLASH: Final = 0x5C
_LONG: Final = 512
"""Length of a literal from which a scan of it is faster than jumping from quote to quote."""
_MOST: Final = 12
_MOST_SAMPLES: Final = 64
_PATIENCE: Final = 64
"""How many more events may fail to match than match before learning stops."""

_MOST_KINDS: Final = 256
_varied: dict[tuple[object, ...], frozenset[int]] = {}
"""The indexes of literals that changed in earlier streams, by kind of event: nothing else is kept
of them, and it spares the next stream a second event read in full."""

Span = tuple[int, int]
Match = tuple["Shape", list[Span], int]
"""A shape, the spans of its literals, and the end of the event. (A plain tuple: there are many.)"""


class Shape:
    """A `head`, then literals, each with the bytes that follow it."""

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

    def __init__(self, head: bytes, holes: list[tuple[re.Pattern[bytes] | None, bytes]]) -> None:
        self.head = head
        self.holes = holes
        """For each literal: what it looks like, unless it is a string, and the bytes after it."""
        self.text = self.number = -1
        """Indexes of the literals that are the piece of text and the sequence number, or -1."""
        self.piece = Piece.OPAQUE
        self.identity: Identity = ()
        self.path: Steps = ()
        self.name = ""
        """The frame's event name, where it is not part of the matched bytes."""
        self.size = len(head) + sum(len(behind) for _, behind in holes)
        """The size in bytes of an event without its literals."""
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
        """The expression for an event, or for anything else up to the end."""
        if self._pattern is None:
            literals = [
                (_STRING if look is None else b"(%b)" % look.pattern) + re.escape(behind)
                for look, behind in self.holes
            ]
            spelled = re.escape(self.head) + b"".join(literals) + _REST
            self._pattern = re.compile(spelled, re.DOTALL)
        return self._pattern

    def _step_by_step(self, raw: bytes, at: int) -> Match | None:
        """Match without the expression, whatever the number of backslashes in a literal."""
        at += len(self.head)
        spans: list[Span] = []
        for look, behind in self.holes:
            if look is None:
                end = raw.find(b'"', at)
                if end > at and raw[end - 1] == _BACKSLASH:
                    end = _end(raw, at, end, behind)
            else:
                literal = look.match(raw, at)
                end = literal.end() if literal else -1
            if end < 0 or not raw.startswith(behind, end):
                return None
            spans.append((at, end))
            at = end + len(behind)
        return self, spans, at

    def streak(self, raw: bytes, at: int) -> Streak | None:
        """Return the events of this shape that begin here and follow one another."""
        if not raw.startswith(self.head, at):
            return None
        if len(self.holes) == 1 and self.holes[0][0] is None:
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
        """Return the literals of consecutive events of this shape, and the offset after them."""
        found: list[tuple[bytes, ...]] = []
        while raw.startswith(self.head, at) and (one := self._step_by_step(raw, at)) is not None:
            _, spans, at = one
            found.append(tuple([raw[start:end] for start, end in spans]))
        return found, at

    def _streak_of_one(self, raw: bytes, at: int) -> Streak | None:
        """Return the streak for a shape whose only literal is one string."""
        ((_, behind),) = self.holes
        head, ahead, after = self.head, len(self.head), len(behind)
        find, startswith = raw.find, raw.startswith
        pieces: list[bytes] = []
        while startswith(head, at):
            start = at + ahead
            end = find(b'"', start)
            if end > start and raw[end - 1] == _BACKSLASH:
                end = _end(raw, start, end, behind)
            if end < 0 or not startswith(behind, end):
                break
            pieces.append(raw[start:end])
            at = end + after
        return Streak(self, pieces, at) if pieces else None


class Streak(NamedTuple):
    """Consecutive events of one shape."""

    shape: Shape
    pieces: list[bytes]
    """The piece of text of each event, if they have one."""
    stop: int
    """The offset after the last event."""
    literals: Sequence[tuple[bytes, ...]] = ()
    """The literals of each event, if there are others than the piece."""

    @property
    def sizes(self) -> list[int]:
        """The size in bytes of each event."""
        size = self.shape.size
        if not self.literals:
            return [size + len(piece) for piece in self.pieces]
        return [size + sum(map(len, literals)) for literals in self.literals]


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
            (place, None if string else _NUMBER, place == span, number)
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
                is_number = event.value.get(NUMBER) == _int(event.payload[slice(*span)])
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


def _end(raw: bytes, start: int, search: int, behind: bytes) -> int:
    """Return the end of the string that begins at `start`, or -1; look from `search` on.

    `behind` is what follows if the string is the one of a shape: it is looked for from the end of
    the line, as source code has an escaped quote in every other line.
    """
    line = raw.find(b"\n", search)
    stop = line if line >= 0 else len(raw)
    if stop - start < _LONG:
        return closing_quote(raw, start, search)
    inside = behind.find(b"\n")
    end = raw.rfind(behind, search, stop if inside < 0 else stop + len(behind) - inside)
    if end < 0 or raw[end - 1] == _BACKSLASH or _BARE_QUOTE.scan(raw[start:end]):
        return closing_quote(raw, start, search)
    return end


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
