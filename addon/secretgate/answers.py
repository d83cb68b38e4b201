"""Answers on their way back: placeholders become values again, event by event.

Bytes in, bytes out; no HTTP here. An event that carries no part of a placeholder goes out as it came,
without being parsed. A text that ends in what may be the beginning of a placeholder keeps that
end back; it goes out with the next piece of the same text, or in an extra event of its own before the
event that ends the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from secretgate.bodies.base import THINKING, Edit, Unreadable, splice
from secretgate.json_reader import plain_name, read_strings
from secretgate.placeholders import Issued
from secretgate.providers import Dialect, Piece, value_at
from secretgate.restoration import Channel, Depth, restore
from secretgate.streams.base import Frame, Framer
from secretgate.written import Recorder

_DELTAS = {Piece.DELTA: Depth.LITERAL, Piece.DELTA_JSON: Depth.NESTED}
_WHOLES = {
    Piece.WHOLE: Depth.LITERAL,
    Piece.WHOLE_JSON: Depth.NESTED,
    Piece.DELTA: Depth.LITERAL,
    Piece.DELTA_JSON: Depth.NESTED,
}
_END_MARK = b"[DONE]"
# Scalars that an extra event keeps below its top level: what places it and names its kind.
_KEPT = ("type", "role", "index", "thought")
_NEVER_KEPT = ("obfuscation", "usage")
_SEQUENCE = re.compile(rb'("sequence_number"[ \t\r\n]*:[ \t\r\n]*)([0-9]+)')


class Answer(Protocol):
    def feed(self, data: bytes) -> bytes:
        """What can go on once `data` has come."""

    def finish(self) -> bytes:
        """What is left at the end."""


def document(payload: bytes, dialect: Dialect, issued: Issued) -> bytes:
    """A whole JSON answer, or one that is not streamed: every string restored as it stands."""
    if not issued:
        return payload
    try:
        strings, flagged = read_strings(
            payload, dialect.answer_paths(_kind(payload)).root, 1, Piece.KIND
        )
    except Unreadable:
        return restore(payload, issued, Depth.LITERAL)
    thinking = {id(container) for container in flagged}
    thinking |= {
        id(container)
        for start, end, node, container, _, _ in strings
        if node.label is Piece.KIND and payload[start:end] in THINKING
    }
    edits = []
    for start, end, node, container, _, _ in strings:
        depth = _WHOLES.get(node.label)
        if depth is None or end - start < 8 or id(container) in thinking:
            continue
        text = payload[start:end]
        restored = restore(text, issued, depth)
        if restored != text:
            edits.append(Edit(start, end, restored))
    return splice(payload, edits) if edits else payload


def _kind(payload: bytes) -> str:
    try:
        return msgspec.json.decode(payload, type=_Typed).type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


class _Typed(msgspec.Struct):
    type: str = ""


@dataclass(slots=True)
class _Open:
    """A text that goes on, and the last event that carried a piece of it."""

    channel: Channel
    frame: Frame
    event: dict[str, Any]
    path: tuple[str | int, ...]


@dataclass(slots=True)
class _Leaf:
    start: int
    end: int
    piece: Piece
    path: tuple[str | int, ...]
    """As it stands in the event."""
    identity: tuple[Any, ...]
    """What tells the text apart: the path with indexes as the event names them."""


@dataclass(slots=True)
class Events:
    """The events of one streamed answer, or of one WebSocket."""

    dialect: Dialect
    issued: Issued
    recorder: Recorder | None = None
    _open: dict[tuple[Any, ...], _Open] = field(default_factory=dict)
    _shift: int = 0

    def event(self, frame: Frame) -> list[bytes]:
        """The frames that go out for one that has come."""
        payload = frame.payload
        if payload is None:
            return [*self._ended(frame), frame.raw]
        if not self._open and not self._shift and not self.suspect(payload):
            self._record(payload)
            return [frame.raw]
        try:
            event = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [frame.raw]
        if not isinstance(event, dict):
            return [frame.raw]
        return self._restored(frame, payload, event)

    def finish(self) -> list[bytes]:
        """Extra events for whatever is still held back."""
        extras = self._flush(list(self._open), None)
        if self.recorder is not None:
            self.recorder.flush()
        return extras

    def suspect(self, payload: bytes) -> bool:
        """Whether an event may hold a placeholder or the beginning of one."""
        if not self.issued:
            return False
        return bool(self.issued.aliases) or self.issued.template.suspect.search(payload) is not None

    def _restored(self, frame: Frame, payload: bytes, event: dict[str, Any]) -> list[bytes]:
        kind = event.get("type")
        kind = kind if isinstance(kind, str) else frame.event
        try:
            leaves = self._leaves(payload, event, kind)
        except Unreadable:
            return [frame.raw]
        closing = self._closing(event, kind, leaves)
        # An empty last piece may stand beside a signature: what is held back goes out before it.
        here = {leaf.identity for leaf in leaves if leaf.start < leaf.end}
        ending = [identity for identity in self._open if identity in closing - here]
        extras = self._flush(ending, event)
        edits = []
        for leaf in leaves:
            text = payload[leaf.start : leaf.end]
            depth = _DELTAS.get(leaf.piece)
            if leaf.piece is Piece.CLOSE:
                continue
            if depth is None:
                restored = restore(text, self.issued, _WHOLES[leaf.piece])
            else:
                restored = self._piece(leaf, text, depth, frame, event, leaf.identity in closing)
            if restored != text:
                edits.append(Edit(leaf.start, leaf.end, restored))
        changed = splice(payload, edits) if edits else payload
        if self._shift:
            changed = _renumbered(changed, event, self._shift)
        self._record(changed)
        if kind in self.dialect.closing and not self.dialect.closing[kind] and self.recorder:
            self.recorder.flush()
        return [*extras, frame.raw if changed is payload else frame.with_payload(changed)]

    def _piece(
        self,
        leaf: _Leaf,
        text: bytes,
        depth: Depth,
        frame: Frame,
        event: dict[str, Any],
        closes: bool,
    ) -> bytes:
        opened = self._open.pop(leaf.identity, None)
        channel = opened.channel if opened else Channel(self.issued, depth)
        restored = channel.feed(text)
        if closes:
            return restored + channel.finish()
        if channel.held:
            self._open[leaf.identity] = _Open(channel, frame, event, leaf.path)
        return restored

    def _flush(
        self, identities: list[tuple[Any, ...]], before: dict[str, Any] | None
    ) -> list[bytes]:
        """Extra events with what is held back, to go out before the event `before`."""
        extras = []
        for identity in identities:
            opened = self._open.pop(identity)
            held = opened.channel.finish()
            extra = _skeleton(opened.event, opened.path)
            if isinstance(number := extra.get("sequence_number"), int):
                if before is not None and isinstance(before.get("sequence_number"), int):
                    number = before["sequence_number"] - 1
                self._shift += 1
                extra["sequence_number"] = number + self._shift
            mark = msgspec.json.encode(_MARK)
            payload = msgspec.json.encode(extra).replace(mark, b'"' + held + b'"', 1)
            self._record(payload)
            extras.append(opened.frame.with_payload(payload))
        return extras

    def _ended(self, frame: Frame) -> list[bytes]:
        """An end mark ends every text."""
        if _END_MARK not in frame.raw:
            return []
        return self.finish()

    def _closing(
        self, event: dict[str, Any], kind: str, leaves: list[_Leaf]
    ) -> set[tuple[Any, ...]]:
        """The texts that this event ends."""
        open_now = {*self._open, *(leaf.identity for leaf in leaves)}
        names = self.dialect.closing.get(kind)
        if names is not None:
            want = {name: event[name] for name in names if name in event}
            return {
                identity
                for identity in open_now
                if all(dict(identity[0]).get(name) in (None, value) for name, value in want.items())
            }
        if any(value_at(event, path) is True for path in self.dialect.ends):
            return open_now
        items = [
            leaf.identity[: _item_length(leaf.identity)]
            for leaf in leaves
            if leaf.piece is Piece.CLOSE
        ]
        return {
            identity
            for identity in open_now
            if any(identity[: len(item)] == item for item in items)
        }

    def _leaves(self, payload: bytes, event: dict[str, Any], kind: str) -> list[_Leaf]:
        root = self.dialect.answer_paths(kind).root
        strings, flagged = read_strings(payload, root, None, Piece.KIND)
        thinking = {id(container) for container in flagged}
        top = tuple((name, event[name]) for name in self.dialect.identity if name in event)
        thinking |= {
            id(container)
            for start, end, node, container, _, _ in strings
            if node.label is Piece.KIND and payload[start:end] in THINKING
        }
        leaves = []
        for start, end, node, container, place, _ in strings:
            piece = node.label
            if piece in (Piece.OPAQUE, Piece.KIND) or id(container) in thinking:
                continue
            path = _steps((container, place))
            leaves.append(_Leaf(start, end, piece, path, (top, *_named(event, path))))
        return leaves

    def _record(self, payload: bytes) -> None:
        if self.recorder is not None:
            self.recorder.add(payload)


def _steps(path: Any) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    while not isinstance(path, str):
        path, last = path
        steps.append(last if isinstance(last, int) else plain_name(last).decode("utf-8", "replace"))
    return tuple(reversed(steps))


def _named(event: Any, path: tuple[str | int, ...]) -> tuple[Any, ...]:
    """A path with the `index` an item names instead of its position."""
    named: list[Any] = []
    for step in path:
        try:
            event = event[step]
        except (KeyError, IndexError, TypeError):
            return path
        if isinstance(step, int) and isinstance(event, dict):
            named.append((event.get("index", step), event.get("thought", False)))
        else:
            named.append(step)
    return tuple(named)


def _item_length(identity: tuple[Any, ...]) -> int:
    """How much of an identity names the outermost item of an array."""
    for at, step in enumerate(identity[1:], 1):
        if not isinstance(step, str):
            return at + 1
    return 1


_MARK = "\0held\0"


def _skeleton(event: Any, path: tuple[str | int, ...], top: bool = True) -> Any:
    """A copy of an event that carries nothing but one text, where `_MARK` stands."""
    if not path:
        return _MARK
    step, *rest = path
    if isinstance(event, list):
        return [_skeleton(event[int(step)], tuple(rest), False)]
    kept = {
        name: value
        for name, value in event.items()
        if name not in _NEVER_KEPT
        and not isinstance(value, dict | list)
        and (not isinstance(value, str) or top or name in _KEPT)
    }
    kept[step] = _skeleton(event[step], tuple(rest), False)
    return kept


def _renumbered(payload: bytes, event: dict[str, Any], shift: int) -> bytes:
    number = event.get("sequence_number")
    if not isinstance(number, int):
        return payload
    for match in _SEQUENCE.finditer(payload):
        if int(match[2]) == number:
            return splice(
                payload, [Edit(match.start(2), match.end(2), str(number + shift).encode())]
            )
    return payload


class EventAnswer:
    """A streamed answer: frames of one format."""

    def __init__(self, framer: Framer, events: Events) -> None:
        self._framer = framer
        self._events = events

    def feed(self, data: bytes) -> bytes:
        out: list[bytes] = []
        for frame in self._framer.feed(data):
            out += self._events.event(frame)
        return b"".join(out)

    def finish(self) -> bytes:
        out: list[bytes] = []
        for frame in self._framer.finish():
            out += self._events.event(frame)
        out += self._events.finish()
        return b"".join(out)


class DocumentAnswer:
    """An answer that is one JSON document. It is restored when it is whole (which of its strings
    are thinking may only be said behind them); white space that keeps the connection alive before
    it begins goes on at once. Beyond `limit` bytes it goes on as it is."""

    def __init__(
        self,
        dialect: Dialect,
        issued: Issued,
        recorder: Recorder | None = None,
        limit: int = 64 << 20,
        over: Callable[[], None] = lambda: None,
    ) -> None:
        self._dialect = dialect
        self._issued = issued
        self._recorder = recorder
        self._limit = limit
        self._over = over
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        if self._limit < 0:
            return data
        if not self._pieces:
            rest = data.lstrip(b" \t\r\n")
            if not rest:
                return data
        self._pieces.append(data)
        self._size += len(data)
        if self._size <= self._limit:
            return b""
        self._limit = -1
        self._over()
        whole, self._pieces = b"".join(self._pieces), []
        return whole

    def finish(self) -> bytes:
        if not self._pieces:
            return b""
        payload = b"".join(self._pieces)
        restored = document(payload, self._dialect, self._issued)
        if self._recorder is not None:
            self._recorder.add(restored)
            self._recorder.flush()
        return restored


class TextAnswer:
    """An answer that is plain text."""

    def __init__(self, issued: Issued) -> None:
        self._channel = Channel(issued, Depth.PLAIN) if issued else None

    def feed(self, data: bytes) -> bytes:
        return self._channel.feed(data) if self._channel else data

    def finish(self) -> bytes:
        return self._channel.finish() if self._channel else b""
