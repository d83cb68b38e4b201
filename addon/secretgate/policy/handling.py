"""What happens to a finding under rules that depend only on the finding and the destination.

Most policies say no more than that ("block private keys", "only log for this host"). Such rules are
*plain*: they need no calls, so a body is processed as fast as without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from secretgate.policy.engine import Scope
from secretgate.policy.rules import CompiledRule
from secretgate.policy.secrets import fixed

ALLOW: Final = "allow"
AUDIT: Final = "audit"
REDACT: Final = "redact"
BLOCK: Final = "block"
_STRENGTH: Final = (ALLOW, AUDIT, REDACT, BLOCK)


@dataclass(frozen=True, slots=True)
class Handling:
    """What is done with a secret, by which rule, and whether and where it is restored."""

    action: str = ALLOW
    rule: str = ""
    message: str = ""
    restore: str = "always"
    replace: str | None = None

    @property
    def one_way(self) -> bool:
        return self.replace is not None


def strongest(those: Iterable[Handling]) -> Handling:
    """Return the strongest, the first among equals."""
    return max(those, key=lambda each: _STRENGTH.index(each.action), default=Handling())


class FindingRules:
    """The plain rules that apply to one request, whose destination and sender are known."""

    def __init__(self, scopes: Sequence[Scope], context: Mapping[str, Any], model: str) -> None:
        self._rules = [
            (scope.enforces, rule)
            for scope in scopes
            for rule in scope.rules
            if rule.plain and rule.concerns(context, model)
        ]
        self._known: dict[tuple[str, str], Handling] = {}

    def of(self, rule: str, confidence: str) -> Handling:
        """Return how a finding of a detection rule is handled."""
        key = (rule, confidence)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = strongest(
                _handling(policy_rule, enforces, rule)
                for enforces, policy_rule in self._rules
                if policy_rule.wants(rule, confidence)
            )
        return found


def _handling(rule: CompiledRule, enforces: bool, finding: str) -> Handling:
    if not enforces or rule.action == "log":
        return Handling(AUDIT, rule.name)
    if rule.action == "deny":
        return Handling(BLOCK, rule.name, rule.message)
    redact = rule.row.redact
    assert redact is not None
    text = redact.replace
    return Handling(
        REDACT,
        rule.name,
        restore=redact.restore,
        replace=None if text is None else fixed(text, finding).decode(),
    )
