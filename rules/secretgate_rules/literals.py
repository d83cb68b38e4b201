"""Exact values, found wherever they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .model import HIGH, Finding, Part


class Literals:
    """Known values and the rule each belongs to."""

    def __init__(self, values: Mapping[bytes, str]) -> None:
        self._values = dict(values)

    def __contains__(self, value: object) -> bool:
        return value in self._values

    def __len__(self) -> int:
        return len(self._values)

    def with_values(self, more: Mapping[bytes, str]) -> Literals:
        return Literals({**self._values, **more})

    def find(self, text: bytes) -> list[Finding]:
        hits: list[tuple[int, int, bytes]] = []
        for value in self._values:
            at = text.find(value)
            while at >= 0:
                hits.append((at, -len(value), value))
                at = text.find(value, at + 1)
        found: list[Finding] = []
        reached = 0
        for start, negative, value in sorted(hits):
            if start < reached:
                continue
            reached = start - negative
            part = Part(start, reached, value)
            rule = self._values[value]
            found.append(Finding(rule, rule, start, reached, value, (), HIGH, (part,)))
        return found

    def find_many(self, texts: Sequence[bytes]) -> dict[int, list[Finding]]:
        every = ((index, self.find(text)) for index, text in enumerate(texts))
        return {index: found for index, found in every if found}
