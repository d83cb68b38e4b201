"""The unfinished texts of an answer, and what is held back of each.

A text arrives in pieces, one per event. If a piece ends in what may be the beginning of a
placeholder, that end waits for the next piece of the same text; if none comes, it is sent in an
extra event. In dialects that number their events, those after an extra one are renumbered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from secretgate.inbound.event_reader import Event, Identity, Steps, read_event
from secretgate.inbound.extras import extra, number_of
from secretgate.inbound.restoration import Channel, Depth, quotes_in_quotes
from secretgate.placeholders import Issued
from secretgate.providers import Dialect
from secretgate.streams.base import Frame

Out = tuple[bytes, bytes, str]
"""An extra event: its frame, its payload, and the name of its frame."""


@dataclass(slots=True)
class _Open:
    """An unfinished text, and the last event that carried a piece of it."""

    channel: Channel
    frame: Callable[[], Frame]
    path: Steps


@dataclass(slots=True)
class OpenTexts:
    """The channels of the unfinished texts of one answer."""

    dialect: Dialect
    shift: int = 0
    """How many extra events with a number have been sent."""
    _open: dict[Identity, _Open] = field(default_factory=dict)

    @property
    def none_touched(self) -> bool:
        """Whether nothing is held back and events keep their original numbers."""
        return not (self._open or self.shift)

    def __iter__(self) -> Iterator[Identity]:
        """Iterate in the order in which the last pieces arrived."""
        return iter(self._open)

    def holds(self, identity: Identity) -> bool:
        """Whether part of this text is held back."""
        opened = self._open.get(identity)
        return opened is not None and bool(opened.channel.held)

    def feed(
        self,
        identity: Identity,
        depth: Depth,
        piece: bytes,
        frame: Callable[[], Frame],
        path: Steps,
        issued: Issued,
        ends: bool = False,
    ) -> bytes:
        """Return the next piece of a text, restored; `frame` returns its event, `path` its path."""
        opened = self._open.pop(identity, None)
        channel = opened.channel if opened else Channel(issued, depth)
        restored = channel.feed(piece)
        if ends:
            return restored + channel.finish()
        if channel.pending:
            self._open[identity] = _Open(channel, frame, path)
        return restored

    def follow(
        self,
        identity: Identity,
        text: bytes,
        frame: Callable[[], Frame],
        path: Steps,
        issued: Issued,
    ) -> None:
        """Record a piece of JSON that was forwarded unchanged, to escape later values correctly."""
        opened = self._open.pop(identity, None)
        if opened is None and not quotes_in_quotes(text):
            return
        channel = opened.channel if opened else Channel(issued, Depth.NESTED)
        channel.follow(text)
        if channel.pending:
            self._open[identity] = _Open(channel, frame, path)

    def flush_all(self) -> list[Out]:
        return self.flush(list(self._open))

    def flush(self, identities: Iterable[Identity], before: Event | None = None) -> list[Out]:
        """Return extra events with what is held back of these texts, to be sent before `before`."""
        extras: list[Out] = []
        for identity in identities:
            opened = self._open.pop(identity)
            held = opened.channel.finish()
            frame = opened.frame()
            last = read_event(frame.payload or b"", frame.event, self.dialect) if held else None
            if last is None:
                continue
            number = number_of(last.head)
            if number is not None:
                next_number = number_of(before.head) if before is not None else None
                number = number if next_number is None else next_number - 1
                self.shift += 1
                number += self.shift
            payload = extra(last.value, opened.path, held, number, last.member)
            extras.append((frame.with_payload(payload), payload, frame.event))
        return extras
