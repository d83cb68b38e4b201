"""Interval lookup: which of many findings overlap a given span, without checking all of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from secretgate_rules import Finding


class Spans:
    """Findings of one text, by position. They may overlap."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._findings = sorted(findings, key=lambda each: each.start)
        self._starts = [each.start for each in self._findings]
        self._furthest = list(accumulate((each.end for each in self._findings), max))

    def touching(self, start: int, end: int) -> Iterator[Finding]:
        at = bisect_left(self._starts, end) - 1
        while at >= 0 and self._furthest[at] > start:
            if self._findings[at].end > start:
                yield self._findings[at]
            at -= 1
