"""The unfinished texts of an answer, and what is held back of each.

A text arrives in pieces, one per event. If a piece ends in what may be the beginning of a
placeholder, that end waits for the next piece of the same text; if none comes, it is sent in an
extra event. In dialects that number their events, those after an extra one are renumbered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any, Final

from secretgate.bodies.steps import Steps
from secretgate.inbound.endings import Ending, item_of
from secretgate.inbound.event_reader import Event, Identity, read_event
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
    turn: int
    """A number that grows with every piece of any text."""


_FEW: Final = 32
"""Number of open texts up to which all are gone through, to find those that end."""
MOST_OPEN: Final = 4096
"""Number of texts of which something may be held back at a time."""
_Mark = tuple[str, Any]
"""An identifying member and its value, or an empty string and an item."""


@dataclass(slots=True)
class OpenTexts:
    """The channels of the unfinished texts of one answer."""

    dialect: Dialect
    inserted: list[int] = field(default_factory=list)
    """The numbers of the extra events that have been sent, if they have any."""
    told: Callable[[], None] = lambda: None
    """Called when one is added."""
    _open: dict[Identity, _Open] = field(default_factory=dict)
    _turns: count[int] = field(default_factory=count)
    _marked: dict[_Mark, set[Identity]] = field(default_factory=dict)
    """The open texts by their marks, from when there were more than a few until there are none."""

    @property
    def shift(self) -> int:
        """By how much the numbers of events are increased."""
        return len(self.inserted)

    @property
    def none_touched(self) -> bool:
        """Whether nothing is held back and events keep their original numbers."""
        return not (self._open or self.inserted)

    def ended(self, ending: Ending) -> list[Identity]:
        """Return the open texts that an event ends, in the order in which their last pieces came."""
        found = [each for each in self._candidates(ending) if each in ending]
        return sorted(found, key=lambda each: self._open[each].turn)

    def excess(self) -> list[Identity]:
        """Return the texts that have been open longest, if too many are open."""
        return list(islice(self._open, max(0, len(self._open) - MOST_OPEN)))

    def _candidates(self, ending: Ending) -> Iterable[Identity]:
        """Return the open texts among which are those that an event ends."""
        if len(self._open) <= _FEW:
            return self._open
        if not self._marked:
            for identity in self._open:
                self._mark(identity)
        if ending.members is None:
            items = (item for item in ending.items if len(item) > 1)
            found = [self._marked.get(("", item), set()) for item in items]
            whole = any(len(item) == 1 for item in ending.items)
            return self._open if whole else set().union(*found)
        groups = [
            [self._marked.get((name, each), set()) for each in {value, None}]
            for name, value in ending.members.items()
            if name in self.dialect.identity
        ]
        least = min(groups, key=lambda sets: sum(map(len, sets)), default=None)
        return self._open if least is None else set().union(*least)

    def _mark(self, identity: Identity) -> None:
        for mark in self._marks(identity):
            self._marked.setdefault(mark, set()).add(identity)

    def _marks(self, identity: Identity) -> Iterator[_Mark]:
        own = dict(identity[0])
        yield from ((name, own.get(name)) for name in self.dialect.identity)
        yield "", item_of(identity)

    def _keep(
        self, identity: Identity, channel: Channel, frame: Callable[[], Frame], path: Steps
    ) -> None:
        if self._marked and identity not in self._open:
            self._mark(identity)
        if len(self._open) > _FEW:
            # Otherwise each keeps the whole chunk that its event came in.
            frame = _already(frame())
        self._open[identity] = _Open(channel, frame, path, next(self._turns))

    def _drop(self, identity: Identity) -> None:
        if self._open.pop(identity, None) is None or not self._marked:
            return
        for mark in self._marks(identity):
            same = self._marked[mark]
            same.discard(identity)
            if not same:
                del self._marked[mark]

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
        opened = self._open.get(identity)
        channel = opened.channel if opened else Channel(issued, depth)
        restored = channel.feed(piece)
        if not ends and channel.pending:
            self._keep(identity, channel, frame, path)
            return restored
        self._drop(identity)
        return restored + channel.finish() if ends else restored

    def follow(
        self,
        identity: Identity,
        text: bytes,
        frame: Callable[[], Frame],
        path: Steps,
        issued: Issued,
    ) -> None:
        """Record a piece of JSON that was forwarded unchanged, to escape later values correctly."""
        opened = self._open.get(identity)
        if opened is None and not quotes_in_quotes(text):
            return
        channel = opened.channel if opened else Channel(issued, Depth.NESTED)
        channel.follow(text)
        if channel.pending:
            self._keep(identity, channel, frame, path)
        else:
            self._drop(identity)

    def flush_all(self) -> list[Out]:
        return self.flush(sorted(self._open, key=lambda each: self._open[each].turn))

    def flush(self, identities: Iterable[Identity], before: Event | None = None) -> list[Out]:
        """Return extra events with what is held back of these texts, to be sent before `before`."""
        extras: list[Out] = []
        for identity in identities:
            opened = self._open[identity]
            self._drop(identity)
            held = opened.channel.finish()
            frame = opened.frame()
            last = read_event(frame.payload or b"", frame.event, self.dialect) if held else None
            if last is None:
                continue
            number = number_of(last.head)
            if number is not None:
                next_number = number_of(before.head) if before is not None else None
                number = number if next_number is None else next_number - 1
                number += self.shift + 1
                self.inserted.append(number)
                self.told()
            payload = extra(last.value, opened.path, held, number, last.member)
            extras.append((frame.with_payload(payload), payload, frame.event))
        return extras


def _already(frame: Frame) -> Callable[[], Frame]:
    return lambda: frame
