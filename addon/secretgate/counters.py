"""What the gate has done since it started, in numbers: for the summary of `secretgate run` and the local page.

Holds rules, providers and placeholders; never a value.
"""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from secretgate.placeholders import ID_LENGTH, Issued, Template
from secretgate.requests import Decision, Verdict

RECENT = 50


class Sighting(NamedTuple):
    """One rule's finds in one request."""

    time: float
    provider: str
    rule: str
    times: int
    verdict: str


class Counters:
    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._names: set[bytes] = set()
        self._unknown: set[bytes] = set()
        self.started = clock()
        self.requests = 0
        self.refused = 0
        self.unreadable = 0
        self.failed = 0
        self.found: Counter[str] = Counter()
        """Finds by rule, as often as they were sent; history is sent again every turn."""
        self.redacted: Counter[str] = Counter()
        """Secrets that got a placeholder, by rule, each once."""
        self.restored = 0
        self.recent: deque[Sighting] = deque(maxlen=RECENT)

    @property
    def not_restored(self) -> int:
        """Placeholders in answers that this conversation had not been given."""
        return len(self._unknown)

    def request(self, provider: str, decision: Decision) -> None:
        self.requests += 1
        self.refused += decision.refused
        self.unreadable += decision.verdict is Verdict.UNREADABLE
        rules = Counter(spot.rule for spot in decision.spots)
        self.found += rules
        now = self._clock()
        verdict = decision.verdict.value
        self.recent.extend(Sighting(now, provider, *each, verdict) for each in rules.items())
        if decision.verdict is Verdict.REDACTED:
            new = decision.issued.values.keys() - self._names
            self._names |= new
            self.redacted += Counter(_rule(decision.issued.template, name) for name in new)

    def answer(self, issued: Issued) -> None:
        self.restored += len(issued.restored)
        self._unknown |= issued.unknown

    def failure(self) -> None:
        """A request that was refused because the gate itself failed on it."""
        self.requests += 1
        self.refused += 1
        self.failed += 1

    def numbers(self) -> dict[str, Any]:
        """All but the sightings, ready for JSON."""
        names = ("requests", "refused", "unreadable", "failed", "restored", "not_restored")
        return {
            **{name: getattr(self, name) for name in names},
            "found": dict(self.found),
            "redacted": dict(self.redacted),
        }


def _rule(template: Template, name: bytes) -> str:
    """The rule that a placeholder names, where its template has room for one."""
    spelled = re.escape(template.text)
    spelled = spelled.replace(re.escape("{rule}"), "(?P<rule>.+)", 1)
    spelled = spelled.replace(re.escape("{rule}"), ".+")
    spelled = spelled.replace(re.escape("{id}"), f"[0-9a-f]{{{ID_LENGTH}}}")
    match = re.fullmatch(spelled, name.decode())
    return match.groupdict().get("rule", "secret") if match else "secret"
