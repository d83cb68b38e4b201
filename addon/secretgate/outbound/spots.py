"""Where things were found, for people and logs: rule, path, confidence, and what the policy says of it.

A path is spelled only for what was found, and a secret may stand in a path too, as the name of a member: what is
shown has placeholders there. What was passed over because it was seen before keeps its spots in its verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from secretgate.bodies.base import Body, Path, Shown
from secretgate.bodies.json_body import JsonBody, below
from secretgate.history.verdicts import Verdict
from secretgate.outbound.naming import Naming
from secretgate.outbound.texts import Text
from secretgate.placeholders import Namer
from secretgate.policy.requests import Ruling
from secretgate.policy.treatments import REDACT
from secretgate_rules import Finding


class Spot(NamedTuple):
    """Where something was found."""

    rule: str
    path: str
    confidence: str
    action: str = REDACT
    """What the policy says of it."""


class Spots:
    """The spots of one request."""

    def __init__(self, body: Body, texts: Sequence[Text], naming: Naming, namer: Namer) -> None:
        self._body = body
        self._texts = texts
        self._naming = naming
        self._namer = namer
        self._names: dict[bytes, bytes] = {}
        """Names of members as they are shown."""

    def of(
        self,
        changes: Mapping[int, Sequence[Finding]],
        told: Mapping[int, Sequence[Finding]],
        ruling: Ruling | None,
    ) -> list[Spot]:
        """What is replaced in which text, what is only told of, and what was passed over, in the order of the
        body."""
        placed = [
            (self._texts[index].slot.start, Spot(rule, path, confidence, action))
            for index, findings in [*changes.items(), *sorted(told.items())]
            for path in [self.where(index)]
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
        """The path of a text."""
        return self._body.where(self._texts[index].slot, self.shown)

    def shown(self, name: bytes) -> bytes:
        """The name of a member, with placeholders for the secrets in it."""
        told = self._names.get(name)
        if told is None:
            told = self._names[name] = self._naming.hidden(name, self._namer)
        return told

    def forget(self) -> None:
        """More has become known: names of members may be shown in another way."""
        self._names.clear()


def sources(
    findings: Sequence[Finding], naming: Naming, ruling: Ruling | None
) -> list[tuple[str, str, str]]:
    """The rule, the confidence, and the action of the policy, of each finding."""
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
    """What was found in a unit, with paths for a unit that begins with the item `first`."""
    return [
        Spot(rule, below((place, first + item), path, shown), confidence, action)
        for item, path, rule, confidence, action in verdict.traces
    ]
