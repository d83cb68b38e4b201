"""Reassembles the texts of an answer from its events.

They are joined as they will appear in slots when a later request sends them back. Thinking is left
out: it comes back signed or marked, and is not read then either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from secretgate import tolerant
from secretgate.bodies import forms
from secretgate.bodies.base import Form
from secretgate.inbound.event_reader import DELTAS, Event, Identity, read_event
from secretgate.inbound.growing import LONG
from secretgate.inbound.matching import Match
from secretgate.inbound.restoration import in_escape
from secretgate.inbound.shapes import Shapes
from secretgate.providers import Dialect, Piece
from secretgate.streams.base import Run, around

Text = tuple[bytes, bytes]
"""A member name, or an empty one, and the text under it."""


class Unread(NamedTuple):
    """An event of which only the payload and the name of its frame are known."""

    payload: bytes
    name: str = ""

    @property
    def size(self) -> int:
        return len(self.payload)


class Heard(NamedTuple):
    """A part of a text that continues, in one or more pieces."""

    identity: Identity
    piece: Piece
    text: bytes

    @property
    def size(self) -> int:
        return len(self.text)


class Whole(NamedTuple):
    """A complete text, and the member name it stands under."""

    piece: Piece
    key: bytes
    text: bytes
    identity: Identity | None = None
    """What identifies it, if it is long: it may be said again, with more."""

    @property
    def size(self) -> int:
        return len(self.text)


class Read(NamedTuple):
    """An event that has been read, with the text of each of its leaves as the client receives it."""

    event: Event
    texts: Sequence[bytes]

    def said(self) -> Iterator[Heard | Whole]:
        for leaf, text in zip(self.event.leaves, self.texts, strict=True):
            if leaf.piece in DELTAS:
                yield Heard(leaf.identity, leaf.piece, text)
            elif leaf.piece is not Piece.CLOSE:
                last = leaf.path[-1]
                key = last.encode("utf-8", "surrogatepass") if isinstance(last, str) else b""
                long = len(text) >= LONG
                yield Whole(leaf.piece, key, text, leaf.identity if long else None)


Said = Unread | Heard | Whole | Run
"""What one or more events say, as far as that is known."""


_OVERLAP: Final = 16 << 10
"""Size in bytes of the end of a text that is read again with what continues it."""
_MOST_OPEN: Final = 8 << 20
"""Size in bytes of the JSON texts of an answer up to which they are read whole."""


class Spoken:
    """Collects events. `seen` is called with each event that is parsed in full.

    `several` is False if there is only one event, so that learning its shape would not pay.
    `begun`: the `open_ends` of the events before these.
    """

    def __init__(
        self,
        dialect: Dialect,
        seen: Callable[[Any], None] | None = None,
        several: bool = True,
        begun: Iterable[Heard] = (),
    ) -> None:
        self._dialect = dialect
        self._seen = seen
        self._several = several
        self._shapes = Shapes(dialect)
        self._wholes: list[Whole] = []
        self._long: dict[Identity, int] = {}
        """Where among these the long ones are, as they were last said."""
        self._channels: dict[Identity, tuple[Piece, list[bytes]]] = {}
        self._begun = {identity: len(text) for identity, _, text in begun}
        for each in begun:
            self.add(each)

    def add(self, said: Said) -> None:
        """Add events, or a document."""
        if isinstance(said, Run):
            self._run(said)
        elif isinstance(said, Heard):
            self._channel(said.identity, said.piece).append(said.text)
        elif isinstance(said, Whole):
            self._whole(said)
        else:
            self._unread(*said)

    def _unread(self, payload: bytes, name: str) -> None:
        found = self._shapes.find(payload)
        if found is not None and found[2] == len(payload) and found[0].name == name:
            self._alike(found, payload)
        elif event := self._read(payload, name):
            if self._several:
                self._shapes.learn(event, name=name)
        else:
            for element in _elements(payload):
                self._read(element, "")

    def _run(self, run: Run) -> None:
        raw, at = run.raw, 0
        while at < len(raw):
            streak = self._shapes.streak(raw, at)
            if streak is None:
                at = self._frame(run, at)
                continue
            at = streak.stop
            if streak.shape.text >= 0:
                pieces = self._channel(streak.shape.identity, streak.shape.piece)
                pieces.append(streak.text)

    def open_ends(self) -> list[Heard]:
        """Return the ends of texts that may continue, for the next portion of the same answer.

        JSON texts that may continue are not among the texts of this portion.
        """
        ends: list[Heard] = []
        room = _MOST_OPEN
        for identity, (piece, pieces) in [*self._channels.items()]:
            text = b"".join(pieces)
            if len(text) == self._begun.get(identity):
                continue
            if piece is Piece.DELTA_JSON and len(text) <= room:
                del self._channels[identity]
            else:
                text = text[_near_end(text) :]
            if len(text) <= room:
                room -= len(text)
                ends.append(Heard(identity, piece, text))
        return ends

    def texts(self) -> Iterator[Text]:
        for piece, key, raw, _ in self._wholes:
            text = forms.read(Form.JSON, raw)
            if piece is Piece.WHOLE_JSON:
                yield from _json_texts(text)
            elif text:
                yield key, text
        for piece, pieces in self._channels.values():
            text = forms.read(Form.JSON, b"".join(pieces))
            if piece is Piece.DELTA_JSON:
                yield from _json_texts(text)
            elif text:
                yield b"", text

    def _whole(self, said: Whole) -> None:
        """Add a complete text; it takes the place of one that it continues."""
        if said.identity is not None:
            at = self._long.get(said.identity)
            if at is not None and said.text.startswith(self._wholes[at].text):
                self._wholes[at] = said
                return
            self._long[said.identity] = len(self._wholes)
        self._wholes.append(said)

    def _frame(self, run: Run, at: int) -> int:
        frame, stop = run.cut(at)
        payload = frame.payload
        event = self._read(payload, frame.event) if payload is not None else None
        if event is not None and (outside := around(frame, event.payload)):
            self._shapes.learn(event, *outside)
        return stop

    def _alike(self, found: Match, raw: bytes) -> None:
        shape, spans, _ = found
        if shape.text >= 0:
            start, end = spans[shape.text]
            self._channel(shape.identity, shape.piece).append(raw[start:end])

    def _read(self, payload: bytes, name: str) -> Event | None:
        event = read_event(payload, name, self._dialect)
        if event is None:
            return None
        if self._seen is not None:
            self._seen(event.head)
        texts = [payload[leaf.start : leaf.end] for leaf in event.leaves]
        for said in Read(event, texts).said():
            self.add(said)
        return event

    def _channel(self, identity: Identity, piece: Piece) -> list[bytes]:
        return self._channels.setdefault(identity, (piece, []))[1]


def _near_end(text: bytes) -> int:
    """Return the offset at which the end of a text begins that is read again."""
    at = max(0, len(text) - _OVERLAP)
    while in_escape(text, at):
        at += 1
    return at


def _elements(payload: bytes) -> list[bytes]:
    """Return the elements of an answer that is an array of events; empty if it is not one."""
    try:
        return tolerant.elements(payload)
    except (ValueError, RecursionError):
        return []


def _json_texts(text: bytes) -> Iterator[Text]:
    """Yield a JSON text, and then its strings with their names if it is valid JSON."""
    if text:
        yield b"", text
    try:
        value = tolerant.decode(text)
    except (ValueError, RecursionError):
        return
    yield from _strings(value, "")


def _strings(value: Any, name: str) -> Iterator[Text]:
    if isinstance(value, str):
        if value:
            yield name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")
    elif isinstance(value, dict):
        for member, inner in value.items():
            yield from _strings(inner, member)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, "")
