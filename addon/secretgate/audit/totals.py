"""Sums of the records, for the report."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from secretgate.audit.record import Record
from secretgate.coverage import Coverage

FOUND = ("redacted", "blocked", "audited", "unreadable")
"""Decisions that are shown separately over time."""
_STEPS = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86400, 7 * 86400, 30 * 86400)
_MOST_STEPS = 48


@dataclass
class Tally:
    """Counts for one rule, tool, host, user or model."""

    requests: int = 0
    finds: int = 0


GROUPS = ("rules", "clients", "hosts", "users", "models")


@dataclass
class Totals:
    """The sums of all records."""

    first: str = ""
    last: str = ""
    records: int = 0
    requests: int = 0
    refused: int = 0
    answers: int = 0
    unread: int = 0
    restored: int = 0
    not_restored: int = 0
    lost: int = 0
    secrets: set[str] = field(default_factory=set)
    """Ids of all placeholders issued, so that each secret counts once."""
    decisions: Counter[str] = field(default_factory=Counter)
    rules: dict[str, Tally] = field(default_factory=dict)
    clients: dict[str, Tally] = field(default_factory=dict)
    hosts: dict[str, Tally] = field(default_factory=dict)
    users: dict[str, Tally] = field(default_factory=dict)
    models: dict[str, Tally] = field(default_factory=dict)
    coverage: Coverage = field(default_factory=Coverage)
    times: list[tuple[float, str]] = field(default_factory=list)
    """Time and decision of each request in which something was found or that was unreadable."""

    def json(self) -> dict[str, Any]:
        groups = {name: getattr(self, name) for name in GROUPS}
        names = ("requests", "refused", "answers", "unread", "restored", "not_restored", "lost")
        return {
            "first": self.first,
            "last": self.last,
            **{name: getattr(self, name) for name in names},
            "secrets": len(self.secrets),
            "decisions": dict(self.decisions),
            "coverage": self.coverage._asdict(),
            **{
                group: {
                    name: {"requests": tally.requests, "finds": tally.finds}
                    for name, tally in ranked(tallies)
                }
                for group, tallies in groups.items()
            },
        }


def add_up(records: Iterable[Record], since: str = "") -> Totals:
    """Sum up records; ignore those before `since`, a time spelled as in records."""
    totals = Totals()
    for record in records:
        if record.time < since:
            continue
        totals.first = totals.first or record.time
        totals.last = max(totals.last, record.time)
        totals.records += 1
        if record.event == "request":
            _request(totals, record)
        elif record.event == "answer":
            totals.answers += 1
            totals.unread += record.unread
            totals.restored += record.restored
            totals.not_restored += record.not_restored
        elif record.event == "lost":
            totals.lost += record.count
    return totals


def _request(totals: Totals, record: Record) -> None:
    totals.requests += 1
    totals.refused += record.refused
    totals.decisions[record.decision] += 1
    if record.decision == "redacted":
        totals.secrets.update(record.placeholders)
    totals.coverage += (
        record.bytes_total,
        record.bytes_scanned,
        record.bytes_opaque,
        record.bytes_binary,
        record.bytes_skipped,
        record.bytes_unreadable,
    )
    finds = sum(record.rules.values())
    if finds or record.decision == "unreadable":
        totals.times.append((moment(record.time), record.decision))
    if not finds:
        return
    for rule, count in record.rules.items():
        _tally(totals.rules, rule, count)
    _tally(totals.clients, record.client or "unknown", finds)
    _tally(totals.hosts, record.host or record.provider, finds)
    _tally(totals.users, record.user or "unknown", finds)
    if record.model:
        _tally(totals.models, record.model, finds)


def _tally(tallies: dict[str, Tally], name: str, finds: int) -> None:
    tally = tallies.setdefault(name, Tally())
    tally.requests += 1
    tally.finds += finds


def ranked(tallies: dict[str, Tally], most: int | None = None) -> list[tuple[str, Tally]]:
    """Return the tallies, most frequent first, at most `most`."""
    ordered = sorted(tallies.items(), key=lambda each: (-each[1].requests, each[0]))
    return ordered[:most]


def moment(time: str) -> float:
    """Return the Unix time of a record's time stamp; 0 if it is invalid."""
    try:
        return datetime.datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0


@dataclass(frozen=True)
class Course:
    """Requests with findings per time step: `counts` holds one number for each decision in `FOUND`."""

    start: float
    step: int
    counts: list[list[int]]

    @property
    def most(self) -> int:
        return max((sum(each) for each in self.counts), default=0)


def course(totals: Totals) -> Course:
    """Return the counts over time, in steps of a round length and few enough to display."""
    if not totals.first:
        return Course(0.0, _STEPS[0], [])
    begin, end = moment(totals.first), moment(totals.last)
    step = next((each for each in _STEPS if (end - begin) / each < _MOST_STEPS - 1), 0)
    step = step or math.ceil((end - begin) / (_MOST_STEPS - 1))
    start = begin - begin % step
    counts = [[0] * len(FOUND) for _ in range(int((end - start) // step) + 1)]
    for when, decision in totals.times:
        at = int((when - start) // step)
        if 0 <= at < len(counts) and decision in FOUND:
            counts[at][FOUND.index(decision)] += 1
    return Course(start, step, counts)
