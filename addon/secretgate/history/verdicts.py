"""What was decided about the history: a conversation is sent again with every turn, and costs a digest the
second time.

The unit is an item of a list of a JSON body (a message, a tool), or a run of them: it begins and ends by itself,
so that what its bytes are is all there is to know about it. Its *verdict* says what the gate made of it: how
many bytes it read, which edits, which placeholders. Nothing of its text is kept: units are known by keyed digests, edits
hold offsets and placeholders, and the values that those stand for are the vault's to keep.

A verdict was reached with the values that were known in the scope at the time (`version`). It still holds when more
are known, unless one of the new values may stand in the unit; who uses it has to see to that. Units differ by
scope and by everything else that a verdict depends on (`Seen`'s `context`: rules, policy, dialect).

Which unit begins at a place is told by its first bytes, of which again only a digest is kept. Small units
are remembered by themselves and again as parts of larger ones, so that a long history is few look-ups, and
that after a change at its head or tail only the parts around it are read anew.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from secretgate.bodies.base import Edit
from secretgate.bodies.between import Frame
from secretgate.history.digests import Digests

LIMIT: Final = 48 << 20
"""Bytes that all verdicts together may take, roughly."""
_HEAD: Final = 192
_LENGTHS: Final = 6
"""Units of as many lengths are tried where several begin with the same bytes."""
_COST: Final = 600
_EDIT_COST: Final = 400


Trace = tuple[int, str, str, str, str]
"""What was found where: the item of the unit, the path in it, the rule, the confidence, the action."""


@dataclass(slots=True, eq=False)
class Verdict:
    """What became of a unit."""

    items: int
    scanned: int
    opaque: int
    counted: int
    version: object
    """Of the known values with which it was reached, or last found to hold."""
    edits: tuple[Edit, ...] = ()
    traces: tuple[Trace, ...] = ()
    names: frozenset[bytes] = frozenset()
    """Placeholders in it."""
    settled: bool = True
    """False if something was found that may yet become a secret, when more is known."""
    searchable: bool = True
    """Whether a new value in it can be found without reading it."""
    used: float = 0.0
    searched: bool = False
    """Whether that has been looked at."""
    spots: tuple[tuple[int, object], Sequence[Any]] = ((-1, None), ())
    """The traces as they were told last: at which item, and which values were known."""

    @property
    def cost(self) -> int:
        return _COST + _EDIT_COST * (len(self.edits) + len(self.traces)) + 100 * len(self.names)


def joined(parts: Sequence[tuple[int, Verdict]]) -> Verdict:
    """The verdict of a run of units, each with its offset in it."""
    first = parts[0][1]
    edits: list[Edit] = []
    traces: list[Trace] = []
    items = scanned = opaque = counted = 0
    for offset, verdict in parts:
        edits += (
            Edit(start + offset, end + offset, replacement)
            for start, end, replacement in verdict.edits
        )
        traces += ((item + items, *rest) for item, *rest in verdict.traces)  # type: ignore[misc]
        items += verdict.items
        scanned += verdict.scanned
        opaque += verdict.opaque
        counted += verdict.counted
    verdicts = [verdict for _, verdict in parts]
    return Verdict(
        items,
        scanned,
        opaque,
        counted,
        first.version,
        tuple(edits),
        tuple(traces),
        frozenset().union(*(verdict.names for verdict in verdicts)),
        all(verdict.settled for verdict in verdicts),
        all(verdict.searchable for verdict in verdicts),
        min(verdict.used for verdict in verdicts),
    )


class _Entry:
    __slots__ = ("head", "length", "verdict")

    def __init__(self, head: int, length: int, verdict: Verdict) -> None:
        self.head = head
        self.length = length
        self.verdict = verdict


class History:
    """The verdicts of a process. Safe from any thread; what was not used for longest goes first."""

    def __init__(self, limit: int = LIMIT, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self.clock = clock
        self.digests = Digests()
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._lengths: dict[int, list[int]] = {}
        self.size = 0

    def __repr__(self) -> str:
        return f"<History of {len(self._entries)} units>"

    def seen(self, policy: str, *context: bytes) -> Seen:
        """What was seen in one context: of one scope, under the same rules and policy."""
        return Seen(self, policy, context)

    def lengths(self, head: int) -> Sequence[int]:
        return self._lengths.get(head, ())

    def get(self, digest: bytes) -> Verdict | None:
        with self._lock:
            entry = self._entries.get(digest)
            if entry is None:
                return None
            self._entries.move_to_end(digest)
            return entry.verdict

    def keep(self, head: int, length: int, digest: bytes, verdict: Verdict) -> None:
        with self._lock:
            self._drop(digest)
            self._entries[digest] = _Entry(head, length, verdict)
            self.size += verdict.cost
            lengths = self._lengths.get(head)
            if lengths is None:
                self._lengths[head] = [length]
            else:
                others = [each for each in lengths if each != length]
                self._lengths[head] = [*others[1 - _LENGTHS :], length]
            while self.size > self._limit:
                self._drop(next(iter(self._entries)))

    def _drop(self, digest: bytes) -> None:
        entry = self._entries.pop(digest, None)
        if entry is None:
            return
        self.size -= entry.verdict.cost
        left = [each for each in self._lengths.get(entry.head, ()) if each != entry.length]
        if left:
            self._lengths[entry.head] = left
        else:
            self._lengths.pop(entry.head, None)


class Seen:
    """One context's part of the history, as the reader of a body asks for it."""

    def __init__(self, history: History, policy: str, context: Sequence[bytes]) -> None:
        self.history = history
        self.policy = policy
        self._context = (policy.encode("utf-8", "surrogatepass"), *context)
        self._places: dict[Frame, tuple[Digests, int]] = {}

    def items(self, raw: bytes, at: int, frame: Frame) -> tuple[int, int, Verdict] | None:
        """What begins at `at` in a list: where it ends, how many items it is, and its verdict."""
        digests, salt = self._place(frame)
        lengths = self.history.lengths(hash(raw[at : at + _HEAD]) ^ salt)
        if not lengths:
            return None
        view = memoryview(raw)
        for length in sorted(lengths, reverse=True):
            end = at + length
            if end <= len(raw):
                verdict = self.history.get(digests.of(view[at:end]))
                if verdict is not None:
                    return end, verdict.items, verdict
        return None

    def keep(self, raw: bytes, start: int, end: int, frame: Frame, verdict: Verdict) -> None:
        digests, salt = self._place(frame)
        head = hash(raw[start : start + _HEAD]) ^ salt
        self.history.keep(head, end - start, digests.of(memoryview(raw)[start:end]), verdict)

    def _place(self, frame: Frame) -> tuple[Digests, int]:
        place = self._places.get(frame)
        if place is None:
            context = (*self._context, frame.where)
            digests = self.history.digests.of_context(*context)
            place = self._places[frame] = (digests, hash(context))
        return place
