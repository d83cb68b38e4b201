"""The last check before bytes leave: do they still contain a secret of this request, in any form?

The forms are computed from the value rather than found by decoding the body, so that this check
shares no decoding logic with what it verifies. All bytes are covered every time, but a stretch that
was found clean of the same secrets before is recognised by its keyed digest and not searched again.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from urllib.parse import quote_from_bytes

from secretgate.history.digests import Digests
from secretgate_rules.database import FixedStrings

SHORTEST_ENCODED = 12
"""Shorter values are not searched for in base64 and hex, where they would occur by chance."""
SHORTEST = 8
_PARTS = 5
_PIECE = 4 << 20
"""Number of bytes searched at a time."""
_MOST_STRETCHES = 20_000
_KEPT_FOR = 900.0


_UNCHANGED = re.compile(rb"[A-Za-z0-9_.~-]*")
"""Characters that neither JSON nor a URL has to escape."""
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def forms(value: bytes) -> Iterator[bytes]:
    """Yield the forms in which a value may be written, as far as the gate knows them."""
    yield value
    if not _UNCHANGED.fullmatch(value):
        yield from _escaped(value)
        yield quote_from_bytes(value, safe="").encode()
        yield quote_from_bytes(value, safe="/").encode()
    if len(value) < SHORTEST_ENCODED:
        return
    for hexed in (value.hex(), value.hex().upper()):
        yield hexed.encode()
    for lead in range(3):
        # Of a run with other bytes around the value: the characters that encode bits of the value
        # only.
        run = base64.b64encode(b"\0" * lead + value)
        first = (lead * 8 + 5) // 6
        sure = run[first : ((lead + len(value)) * 8) // 6]
        yield sure
        yield sure.translate(_URL_SAFE)


def _escaped(value: bytes) -> Iterator[bytes]:
    """Yield a value escaped as JSON, up to three levels deep; bytes that are not text are kept."""
    coding = "utf-8"
    try:
        text = value.decode(coding, "surrogatepass")
    except UnicodeDecodeError:
        coding = "latin-1"
        text = value.decode(coding)
    for ensure_ascii in (False, True):
        inner = text
        for _ in range(3):
            inner = json.dumps(inner, ensure_ascii=ensure_ascii)[1:-1]
            yield inner.encode(coding, "surrogatepass")


class _Part:
    """The forms of some values, and a search for them."""

    def __init__(self, values: frozenset[bytes]) -> None:
        self.values = values
        owner = {form: value for value in values for form in forms(value)}
        # A tuple of these, unlike a list, is not visited by the garbage collector again and again.
        self._owners = tuple(owner.values())
        self.longest = max(map(len, owner))
        self._forms = FixedStrings(list(owner))

    def find(self, raw: bytes, found: set[bytes]) -> None:
        """Add to `found` the values that occur in `raw` in any form."""
        found.update(self._owners[number] for number, _ in self._forms.scan(raw))


class _Search:
    """A search for a set of values in several parts, so that adding one rebuilds one part."""

    def __init__(self, parts: Sequence[_Part], number: int) -> None:
        self.parts = parts
        self.number = number
        self.values = _union(parts)
        self.overlap = max((part.longest for part in parts), default=1) - 1
        self.used = 0.0

    def with_values(self, more: frozenset[bytes], number: int) -> _Search:
        parts = [*self.parts, _Part(more)]
        if len(parts) > _PARTS:
            parts.sort(key=lambda part: len(part.values), reverse=True)
            parts[1:] = [_Part(_union(parts[1:]))]
            if len(parts[1].values) > len(parts[0].values):
                parts = [_Part(parts[0].values | parts[1].values)]
        return _Search(parts, number)


def _union(parts: Sequence[_Part]) -> frozenset[bytes]:
    return frozenset().union(*(part.values for part in parts))


class Egress:
    """Searches outgoing bytes for values.

    Recent searches are kept, as the next turn of a conversation needs the same ones.
    """

    def __init__(self, kept: int = 32, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept = kept
        self._clock = clock
        self._lock = threading.Lock()
        self._digests = Digests()
        self._searches: OrderedDict[frozenset[bytes], _Search] = OrderedDict()
        self._alive: dict[int, _Search] = {}
        """The same searches, by number."""
        self._number = 0
        self._clean: OrderedDict[bytes, int] = OrderedDict()
        """Digests of stretches, each with the number of the last search that found nothing."""

    def leaks(
        self, raw: bytes, values: Mapping[bytes, bytes], cuts: Sequence[int] = ()
    ) -> list[bytes]:
        """Return the placeholders (keys of `values`) whose value occurs in `raw` in some form.

        `cuts`: offsets that divide `raw` into stretches, chosen so that these are likely to recur.
        """
        wanted = frozenset(value for value in values.values() if len(value) >= SHORTEST)
        if not wanted:
            return []
        search = self._search(wanted)
        found: set[bytes] = set()
        view = memoryview(raw)
        for start, end in pairwise([0, *cuts, len(raw)]):
            found |= self._stretch(view[start : end + search.overlap], search)
        return sorted(name for name, value in values.items() if value in found)

    def _stretch(self, raw: memoryview, search: _Search) -> set[bytes]:
        digest = self._digests.of(raw)
        with self._lock:
            before = self._alive.get(self._clean.get(digest, 0))
        if before is search:
            return set()
        done = before.values if before is not None else frozenset()
        parts = [part for part in search.parts if not part.values <= done]
        found: set[bytes] = set()
        step = max(_PIECE, 2 * search.overlap)
        for at in range(0, len(raw), step):
            piece = bytes(raw[at : at + step + search.overlap])
            for part in parts:
                part.find(piece, found)
        if not found:
            with self._lock:
                self._clean[digest] = search.number
                self._clean.move_to_end(digest)
                while len(self._clean) > _MOST_STRETCHES:
                    self._clean.popitem(last=False)
        return found

    def sweep(self, lifetime: float = _KEPT_FOR) -> None:
        """Drop searches that were not used for `lifetime` seconds, even if no new ones are made."""
        with self._lock:
            self._forget(self._clock() - min(lifetime, _KEPT_FOR))

    def _search(self, wanted: frozenset[bytes]) -> _Search:
        with self._lock:
            search = self._searches.get(wanted)
            if search is None:
                search = self._made(wanted)
                self._searches[wanted] = self._alive[search.number] = search
            search.used = self._clock()
            self._searches.move_to_end(wanted)
            self._forget(search.used - _KEPT_FOR)
        return search

    def _forget(self, since: float) -> None:
        """Drop old searches: values are not kept longer than a conversation may pause."""
        while self._searches and (
            len(self._searches) > self._kept or next(iter(self._searches.values())).used < since
        ):
            _, old = self._searches.popitem(last=False)
            del self._alive[old.number]

    def _made(self, wanted: frozenset[bytes]) -> _Search:
        """Build a search from the largest existing one for a subset of the values, and the rest."""
        base = max(
            (each for each in self._searches.values() if each.values <= wanted),
            key=lambda each: len(each.values),
            default=None,
        )
        self._number += 1
        if base is None:
            return _Search([_Part(wanted)], self._number)
        return base.with_values(wanted - base.values, self._number)
