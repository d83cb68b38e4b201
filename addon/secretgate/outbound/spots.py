"""Spots: where something was found, for people and logs, with rule, confidence and action.

Paths are spelled out only for findings. A path may itself contain a secret, as the name of a
member, so it is shown with placeholders in place of secrets. The spots of skipped units are kept in
their verdicts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from secretgate.bodies.base import Body, Path, Shown, Slot, spell
from secretgate.bodies.json_body import JsonBody, below
from secretgate.bodies.json_reader import paths
from secretgate.history.verdicts import Verdict
from secretgate.outbound.naming import Naming
from secretgate.outbound.texts import Text
from secretgate.placeholders import Namer
from secretgate.policy.handling import REDACT
from secretgate.policy.requests import Ruling
from secretgate_rules import Finding


class Spot(msgspec.Struct, frozen=True, gc=False):
    """Where something was found. The garbage collector need not visit thousands of these."""

    rule: str
    path: str
    confidence: str
    action: str = REDACT
    """The action that the policy takes."""


class Spots:
    """The spots of one request."""

    def __init__(self, body: Body, texts: Sequence[Text], naming: Naming, namer: Namer) -> None:
        self._body = body
        self._texts = texts
        self._naming = naming
        self._namer = namer
        self._names: dict[bytes, bytes] = {}
        """Member names, each as it is shown."""
        self._places: dict[int, tuple[Path, str]] = {}
        """For slots, by their start: the path of the item, and that of the slot within it."""

    def of(
        self,
        changes: Mapping[int, Sequence[Finding]],
        told: Mapping[int, Sequence[Finding]],
        ruling: Ruling | None,
    ) -> list[Spot]:
        """Return the spots of replaced findings, reported ones and skipped units, in body order."""
        placed = [
            (slot.start, Spot(rule, path, confidence, action))
            for index, findings in [*changes.items(), *sorted(told.items())]
            for slot in [self._texts[index].slot]
            for path in [self._where(slot)]
            for rule, confidence, action in sources(findings, self._naming, ruling)
        ]
        if isinstance(self._body, JsonBody):
            for start, _, frame, first, verdict in self._body.passed:
                place = (first, self._naming.known.version)
                if verdict.traces and verdict.spots[0] != place:
                    spots = _remembered(verdict, frame.path or "", first, self.shown)
                    verdict.spots = (place, spots)
                placed += ((start, spot) for spot in verdict.spots[1])
        placed.sort(key=lambda entry: entry[0])
        return [spot for _, spot in placed]

    def where(self, index: int) -> str:
        """Return the path of a text."""
        return self._where(self._texts[index].slot)

    def within(self, slot: Slot) -> str:
        """Return the path of a slot within the item that holds it."""
        return self._place(slot)[1]

    def _where(self, slot: Slot) -> str:
        if slot.path or not isinstance(self._body, JsonBody):
            return self._body.where(slot, self.shown)
        return below(*self._place(slot), self.shown)

    def _place(self, slot: Slot) -> tuple[Path, str]:
        place = self._places.get(slot.start)
        if place is None and isinstance(self._body, JsonBody):
            place = self._places[slot.start] = self._body.item_path(slot, self.shown)
        return place or ("", "")

    def of_values(self, values: Iterable[bytes], raw: bytes) -> list[str]:
        """Return the paths of the first strings of `raw`, the edited body, that hold the values."""
        found = sorted(at for at in map(raw.find, values) if at >= 0)
        if not found or not isinstance(self._body, JsonBody):
            return []
        strings = [*paths(raw, 0, len(raw))]
        holding = [bisect_right(strings, at, key=lambda each: each[0]) - 1 for at in found]
        return [*dict.fromkeys(spell(strings[index][1], self.shown) for index in holding)]

    def shown(self, name: bytes) -> bytes:
        """Return a member name with placeholders for the secrets in it."""
        told = self._names.get(name)
        if told is None:
            told = self._names[name] = self._naming.hidden(name, self._namer)
        return told

    def forget(self) -> None:
        """Drop cached names and paths, which may be shown differently once more values are known."""
        self._names.clear()
        self._places.clear()


def sources(
    findings: Sequence[Finding], naming: Naming, ruling: Ruling | None
) -> list[tuple[str, str, str]]:
    """Return the rule, the confidence and the policy's action of each finding."""
    named = naming.named
    return [
        (
            named.get(each.value) or each.rule,
            each.confidence,
            ruling.of(each).action if ruling is not None else REDACT,
        )
        for each in findings
    ]


def _remembered(verdict: Verdict, place: Path, first: int, shown: Shown) -> list[Spot]:
    """Return the spots of a unit whose first item has the index `first` in its list."""
    return [
        Spot(rule, below((place, first + item), path, shown), confidence, action)
        for item, path, rule, confidence, action in verdict.traces
    ]
