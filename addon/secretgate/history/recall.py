"""Checks whether remembered verdicts still hold.

A verdict was reached with the values known at the time. It holds if no value learned since may
occur in the unit, and if the values behind its placeholders are still known. All other units are
read again.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Final
from weakref import WeakKeyDictionary

from secretgate.bodies.json_body import JsonBody, Passed
from secretgate.outbound.naming import Naming
from secretgate.placeholders import Namer
from secretgate_rules import Literals
from secretgate_rules.disguises import may_hide

_ESCAPED = re.compile(rb"\\u00(?:2[bdefBDEF]|3[0-9dD]|[4-7][0-9a-fA-F])")
"""Escapes of the characters that a search for a value in the raw bytes relies on."""
REFRESH: Final = 60.0
"""Interval in seconds at which the vault is told that values are still in use."""


class Names:
    """Maps placeholders to known values, for as long as the vault keeps the values."""

    def __init__(self, namer: Namer) -> None:
        self._namer = namer
        self._tables: WeakKeyDictionary[Any, dict[bytes, bytes]] = WeakKeyDictionary()

    def prepare(self, known: Literals) -> None:
        """Compute the placeholders of all known values ahead of the first lookup."""
        for segment in known.segments:
            self._table(segment)

    def values(self, known: Literals, names: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return placeholder -> value for those of `names` whose value is known."""
        tables = [self._table(segment) for segment in known.segments]
        return {
            name: value
            for name in names
            for value in [next((table[name] for table in tables if name in table), None)]
            if value is not None
        }

    def _table(self, segment: Any) -> dict[bytes, bytes]:
        table = self._tables.get(segment)
        if table is None:
            name = self._namer.name
            table = {name(rule, value): value for value, rule in segment.values.items()}
            self._tables[segment] = table
        return table


class Recall:
    """The remembered verdicts that were applied to one body instead of reading it."""

    def __init__(self, body: JsonBody, naming: Naming, names: Names, now: float) -> None:
        self._body = body
        self._naming = naming
        self._names = names
        self._now = now
        self.values: dict[bytes, bytes] = {}
        """The values of the placeholders in the skipped units, by placeholder."""
        self._refreshed = False

    def settle(self) -> bool:
        """Have units whose verdict no longer holds read again; return False if all of them hold."""
        passed, known = self._body.passed, self._naming.known
        if not passed:
            self.values = {}
            return False
        wanted = frozenset().union(*(each.verdict.names for each in passed))
        self.values = self._names.values(known, wanted) if wanted else {}
        exempt = self._naming.exempt
        lost = {
            name
            for name in wanted
            if name not in self.values or (exempt and self.values[name] in exempt)
        }
        traces: dict[object, list[int] | None] = {known.version: []}
        stale = [each for each in passed if not self._holds(each, lost, traces)]
        if stale:
            self._body.expanded(stale)
            return True
        self._refresh()
        return False

    def reread(self) -> bool:
        """Have every skipped unit read again; return False if there are none."""
        if not self._body.passed:
            return False
        self._body.expanded(self._body.passed)
        return True

    def _holds(
        self, passed: Passed, lost: set[bytes], traces: dict[object, list[int] | None]
    ) -> bool:
        verdict, known = passed.verdict, self._naming.known
        version = verdict.version
        if lost and not lost.isdisjoint(verdict.names):
            return False
        if version is known.version:
            return True
        if version not in traces:
            added = known.since(version)
            found = None if added is None else Literals(added).traces(self._body.raw)
            traces[version] = None if found is None else sorted(found)
        places = traces[version]
        if places is None or not verdict.settled or not self._searchable(passed):
            return False
        at = bisect_left(places, passed.start)
        if at < len(places) and places[at] < passed.end:
            return False
        if self._naming.learns:
            verdict.version = known.version
        return True

    def _searchable(self, passed: Passed) -> bool:
        """Whether every value in the unit shows in its raw bytes.

        It might not where characters are escaped without need, or disguised.
        """
        verdict, raw = passed.verdict, self._body.raw
        if not verdict.searched:
            verdict.searched = True
            start, end = passed.start, passed.end
            verdict.searchable &= (
                raw.find(b"\\/", start, end) < 0
                and not (raw.find(b"\\u00", start, end) >= 0 and _ESCAPED.search(raw, start, end))
                and not may_hide(raw[start:end])
            )
        return bool(verdict.searchable)

    def _refresh(self) -> None:
        """Tell the vault that the values are still in use, so that they do not expire."""
        if self._refreshed:
            return
        self._refreshed = True
        since = self._now - REFRESH
        old = [
            each.verdict
            for each in self._body.passed
            if each.verdict.names and each.verdict.used < since
        ]
        if old:
            self._naming.refresh(self.values[name] for verdict in old for name in verdict.names)
            for verdict in old:
                verdict.used = self._now
