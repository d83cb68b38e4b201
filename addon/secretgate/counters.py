"""Statistics since the start, for the summary of `secretgate run` and the local page.

They contain rules, providers and placeholders; never a value.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Collection
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from secretgate.coverage import Coverage, coverage
from secretgate.inbound.leftovers import Fate
from secretgate.outbound.requests import Decision, Verdict
from secretgate.placeholders import ID_LENGTH, Template

RECENT = 50
MOST_HOSTS = 10
MOST_NAMES = 100_000
"""Maximum number of placeholders remembered as already counted."""
_NUMBERS = (
    "requests",
    "refused",
    "unreadable",
    "failed",
    "answers",
    "unread",
    "restored",
    "not_restored",
)


class Sighting(NamedTuple):
    """What one rule found in requests to one provider."""

    time: float
    """Time of the last finding."""
    provider: str
    rule: str
    requests: int
    """Number of requests with such a finding; history is sent again with every turn."""
    verdict: str


class Counters:
    """The statistics of one process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._names: dict[bytes, None] = {}
        """Placeholders already counted, newest last."""
        self.started = clock()
        self.requests = 0
        self.refused = 0
        self.unreadable = 0
        self.failed = 0
        self.found: Counter[str] = Counter()
        """Findings by rule, each time they were sent; history is sent again with every turn."""
        self.redacted: Counter[str] = Counter()
        """Secrets that were given a placeholder, by rule, each counted once."""
        self.verdicts: Counter[tuple[str, str]] = Counter()
        """Number of requests by provider and verdict."""
        self.coverage = Coverage()
        self.answers = 0
        self.unread = 0
        """Number of answers that could not be read and were passed on unchanged."""
        self.restored = 0
        """Number of restored secrets, each counted once per answer."""
        self.not_restored = 0
        """Number of placeholders that clients received unrestored, counted once per answer."""
        self._unconnected: dict[str, None] = {}
        self._recent: dict[tuple[str, str, str], Sighting] = {}

    def unconnected(self, host: str) -> None:
        """Note a connection for a covered host that failed, on the tool's or the provider's side."""
        if len(self._unconnected) < MOST_HOSTS:
            self._unconnected[host] = None

    def request(self, provider: str, decision: Decision) -> None:
        self.requests += 1
        self.coverage += coverage(decision)
        self.verdicts[provider, decision.verdict.value] += 1
        self.refused += decision.refused
        self.unreadable += decision.verdict is Verdict.UNREADABLE
        rules = Counter(spot.rule for spot in decision.spots)
        self.found.update(rules)
        for rule in rules:
            self._see(provider, rule, decision.verdict.value)
        if decision.verdict is Verdict.REDACTED:
            new = decision.issued.names - self._names
            self._names.update(dict.fromkeys(new))
            for name in list(islice(self._names, max(0, len(self._names) - MOST_NAMES))):
                del self._names[name]
            self.redacted.update(_by_rule(decision.issued.template, new))

    def _see(self, provider: str, rule: str, verdict: str) -> None:
        key = provider, rule, verdict
        before = self._recent.pop(key, None)
        requests = before.requests + 1 if before else 1
        self._recent[key] = Sighting(self._clock(), provider, rule, requests, verdict)
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    @property
    def recent(self) -> tuple[Sighting, ...]:
        """The sightings, most recent first."""
        return tuple(reversed(self._recent.values()))

    def answer(self, fate: Fate, unread: bool) -> None:
        self.answers += 1
        self.unread += unread
        self.restored += len(fate.restored)
        self.not_restored += len(fate.not_restored)

    def failure(self, provider: str) -> None:
        """Count a request that was refused because the gate itself failed on it."""
        self.requests += 1
        self.verdicts[provider, "failed"] += 1
        self.refused += 1
        self.failed += 1

    def numbers(self) -> dict[str, Any]:
        """Return everything but the sightings, ready for JSON."""
        return {
            **{name: getattr(self, name) for name in _NUMBERS},
            "coverage": self.coverage._asdict(),
            "found": dict(self.found),
            "redacted": dict(self.redacted),
            "unconnected": list(self._unconnected),
        }


def _by_rule(template: Template, names: Collection[bytes]) -> Counter[str]:
    """Return the number of placeholders by rule."""
    before, _, after = template.text.partition("{id}")
    if "{rule}" not in before or len(template.texts) > 1:
        return Counter(_rule(template, name) for name in names)
    # Most differ in the id only.
    end = ID_LENGTH + len(after)
    alike = Counter(name[:-end] for name in names)
    rules = Counter[str]()
    for head, count in alike.items():
        rules[_rule(template, b"%b%b%b" % (head, b"0" * ID_LENGTH, after.encode()))] += count
    return rules


def _rule(template: Template, name: bytes) -> str:
    """Return the rule that a placeholder names, if its template includes one."""
    spelled = name.decode()
    match = next((m for text in template.texts if (m := _named(text).fullmatch(spelled))), None)
    return match.groupdict().get("rule", "secret") if match else "secret"


@lru_cache(maxsize=16)
def _named(template: str) -> re.Pattern[str]:
    spelled = re.escape(template)
    spelled = spelled.replace(re.escape("{rule}"), "(?P<rule>.+)", 1)
    spelled = spelled.replace(re.escape("{rule}"), ".+")
    return re.compile(spelled.replace(re.escape("{id}"), f"[0-9a-f]{{{ID_LENGTH}}}"))
