"""What happened to a flow, as mitmproxy's mark and comment: rules and counts, never a value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from mitmproxy import flow

from secretgate.inbound.leftovers import Fate
from secretgate.outbound.requests import Decision, Verdict

_MARKS = {
    Verdict.BLOCKED: ":no_entry:",
    Verdict.UNREADABLE: ":warning:",
    Verdict.AUDITED: ":eyes:",
    Verdict.REDACTED: ":lock:",
}
"""Marks by verdict, the most important first."""
_REFUSED = ":no_entry:"
_OURS = "secretgate: "


@dataclass
class Remarks:
    """What is shown of one flow, which may have many messages."""

    worst: Verdict | None = None
    """The most important verdict so far that has a mark, or None."""
    rules: Counter[str] = field(default_factory=Counter)
    refused: bool = False
    restored: int = 0
    not_restored: int = 0

    def decided(self, decision: Decision) -> None:
        if decision.verdict in _MARKS:
            both = (self.worst, decision.verdict)
            self.worst = next(verdict for verdict in _MARKS if verdict in both)
        self.rules.update(spot.rule for spot in decision.spots)
        self.refused = self.refused or decision.refused

    def ended(self, fate: Fate) -> None:
        self.restored += len(fate.restored)
        self.not_restored += len(fate.not_restored)

    @property
    def mark(self) -> str:
        if self.refused:
            return _REFUSED
        return _MARKS[self.worst] if self.worst is not None else ""

    @property
    def comment(self) -> str:
        said = []
        if self.worst is not None:
            rules = ", ".join(
                f"{rule} {count}" if count > 1 else rule for rule, count in self.rules.items()
            )
            refused = "refused, " if self.refused and self.worst is not Verdict.BLOCKED else ""
            said.append(f"{refused}{self.worst.value} {rules}".strip())
        if self.restored:
            said.append(f"{self.restored} put back")
        if self.not_restored:
            said.append(f"{self.not_restored} not put back")
        return _OURS + "; ".join(said) if said else ""


def show(shown: flow.Flow, mark: str, comment: str) -> None:
    """Set mark and comment, unless the user has set their own."""
    if mark and (not shown.marked or shown.comment.startswith(_OURS)):
        shown.marked = mark
    if comment and (not shown.comment or shown.comment.startswith(_OURS)):
        shown.comment = comment


def refused(shown: flow.Flow) -> None:
    """Mark a flow that was refused before a decision was made."""
    show(shown, _REFUSED, f"{_OURS}refused")
