"""The history: verdicts on parts of a conversation, all of which is sent again with every turn.

A unit is an item of a list of a JSON body (a message, a tool) or a run of items. It is
self-contained: nothing but its own bytes determines how it is read. Its *verdict* records what the
gate did with it: bytes read, edits, placeholders. No text is kept: units are identified by keyed
digests, edits hold offsets and placeholders, and the values behind those are kept by the vault.

A verdict was reached with the values that were known in the scope at the time (`version`). It still
holds when more values are known, unless one of the new ones may occur in the unit; checking that is
up to the caller. Verdicts are kept apart by scope and by everything else that they depend on (the
`context` of `Seen`: rules, policy, dialect).

Candidate units at an offset are looked up by a hash of the first bytes there, and told apart by
their lengths and last bytes: many conversations begin alike. Small units are remembered on their own
and again as parts of larger ones, so that a long history takes few lookups and a change at its head
or tail causes only the parts around it to be read again.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from secretgate.bodies.between import Frame
from secretgate.history.digests import Digests

LIMIT: Final = 48 << 20
"""Maximum size in bytes of all verdicts together."""
_HEAD: Final = 192
_TAIL: Final = 48
_ALIKE: Final = 32
"""How many units that begin with the same bytes are found again."""
# Bytes held, with what the tables and the allocator add (tests/addon/test_history_memory.py).
_COST: Final = 800
_FOUND_COST: Final = 450
_EDIT_COST: Final = 190
_NAME_COST: Final = 100


PlainEdit = tuple[int, int, bytes]
"""An edit as a tuple of no class of its own, of which the garbage collector visits none twice."""
End = tuple[int, int]
"""Where a unit ends: its length, and a hash of its last bytes."""
Trace = tuple[int, str, str, str, str]
"""What was found where: index of the item, path in the item, rule, confidence, action."""


@dataclass(slots=True, eq=False)
class Verdict:
    """What the gate did with a unit."""

    items: int
    scanned: int
    opaque: int
    counted: int
    """Bytes of binary data; `scanned` and `opaque` count text and opaque strings."""
    version: object
    """The version of the known values with which it was reached, or last confirmed."""
    edits: tuple[PlainEdit, ...] = ()
    """The edits, with offsets relative to the unit."""
    traces: tuple[Trace, ...] = ()
    names: frozenset[bytes] = frozenset()
    """The placeholders in it."""
    settled: bool = True
    """False if something was found that may become a secret once more is known."""
    searchable: bool = True
    """Whether a new value that occurs in it can be found by searching its raw bytes."""
    used: float = 0.0
    searched: bool = False
    """Whether `searchable` has been checked against the raw bytes."""
    spots: tuple[tuple[int, object], Sequence[Any]] = ((-1, None), ())
    """The spots last built from the traces, by item number and version of the known values."""

    @property
    def cost(self) -> int:
        found = len(self.edits) + len(self.traces)
        some = _FOUND_COST if found else 0
        return _COST + some + _EDIT_COST * found + _NAME_COST * len(self.names)


def joined(parts: Sequence[tuple[int, Verdict]]) -> Verdict:
    """Return the verdict of a run of units, given as pairs of offset in the run and verdict."""
    first = parts[0][1]
    edits: list[PlainEdit] = []
    traces: list[Trace] = []
    items = scanned = opaque = counted = 0
    for offset, verdict in parts:
        edits += (
            (start + offset, end + offset, replacement) for start, end, replacement in verdict.edits
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
    __slots__ = ("end", "head", "verdict")

    def __init__(self, head: int, end: End, verdict: Verdict) -> None:
        self.head = head
        self.end = end
        self.verdict = verdict


class History:
    """The verdicts of a process. Thread-safe; the least recently used are evicted first."""

    def __init__(self, limit: int = LIMIT, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self.clock = clock
        self.digests = Digests()
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._ends: dict[int, list[End]] = {}
        self.ends = self._ends.get
        """Returns the ends of the units that begin in some way."""
        self.size = 0

    def __repr__(self) -> str:
        return f"<History of {len(self._entries)} units>"

    def seen(self, policy: str, *context: bytes) -> Seen:
        """Return the history of one context: one scope under the same rules and policy."""
        return Seen(self, policy, context)

    def get(self, digest: bytes) -> Verdict | None:
        with self._lock:
            entry = self._entries.get(digest)
            if entry is None:
                return None
            self._entries.move_to_end(digest)
            return entry.verdict

    def keep(self, head: int, end: End, digest: bytes, verdict: Verdict) -> None:
        with self._lock:
            self._drop(digest)
            self._entries[digest] = _Entry(head, end, verdict)
            self.size += verdict.cost
            ends = self._ends.get(head)
            if ends is None:
                self._ends[head] = [end]
            else:
                others = [each for each in ends if each != end]
                self._ends[head] = [*others[1 - _ALIKE :], end]
            while self.size > self._limit:
                self._drop(next(iter(self._entries)))

    def _drop(self, digest: bytes) -> None:
        entry = self._entries.pop(digest, None)
        if entry is None:
            return
        self.size -= entry.verdict.cost
        left = [each for each in self._ends.get(entry.head, ()) if each != entry.end]
        if left:
            self._ends[entry.head] = left
        else:
            self._ends.pop(entry.head, None)


class Seen:
    """One context's part of the history, as the reader of a body queries it."""

    def __init__(self, history: History, policy: str, context: Sequence[bytes]) -> None:
        self.history = history
        self.policy = policy
        self._context = (policy.encode("utf-8", "surrogatepass"), *context)
        self._places: dict[Frame, tuple[Digests, int]] = {}
        self._ends = history.ends

    def items(self, raw: bytes, at: int, frame: Frame) -> tuple[int, int, Verdict] | None:
        """Look up list items that begin at `at`; return their end, number and verdict."""
        digests, salt = self._places.get(frame) or self._place(frame)
        ends = self._ends(hash(raw[at : at + _HEAD]) ^ salt)
        if ends is None:
            return None
        view = memoryview(raw)
        for length, last in sorted(ends, reverse=True):
            end = at + length
            if end <= len(raw) and _last(raw, at, end) == last:
                verdict = self.history.get(digests.of(view[at:end]))
                if verdict is not None:
                    return end, verdict.items, verdict
        return None

    def keep(self, raw: bytes, start: int, end: int, frame: Frame, verdict: Verdict) -> None:
        digests, salt = self._places.get(frame) or self._place(frame)
        head, last = hash(raw[start : start + _HEAD]) ^ salt, _last(raw, start, end)
        digest = digests.of(memoryview(raw)[start:end])
        self.history.keep(head, (end - start, last), digest, verdict)

    def _place(self, frame: Frame) -> tuple[Digests, int]:
        context = (*self._context, frame.where)
        digests = self.history.digests.of_context(*context)
        place = self._places[frame] = (digests, hash(context))
        return place


def _last(raw: bytes, start: int, end: int) -> int:
    """Return a hash of the last bytes of a unit."""
    return hash(raw[max(start, end - _TAIL) : end])
