"""Shared by the policy tests: policies from text, a detector with few rules, manual clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from secretgate.policy.documents import parse
from secretgate.policy.engine import Policy, Scope
from secretgate.policy.errors import PolicyError
from secretgate.policy.loading import digest, scope_of
from secretgate.policy.model import Call, Decision
from secretgate.policy.rates import Rates
from secretgate.policy.secrets import DetectorSecrets
from secretgate_rules import Detector
from secretgate_rules.model import Rule

RULES = [
    Rule("aws-access-token", "an AWS key id", r"\bAKIA[0-9A-Z]{16}\b"),
    Rule("test-token", "a token", r"\btok_[A-Za-z0-9]{24}\b"),
    Rule("test-weak", "a guess", r"\bweak_[A-Za-z0-9]{12}\b", confidence="low"),
]
SCANNER = DetectorSecrets(Detector(RULES))
AWS = "AKIA" + "IOSFODNN7" + "REALKEY"
TOKEN = "tok_" + "aB3dE6gH9jK2mN5pQ8sT1vW4"
DENY = "  - {name: no, action: deny}\n"
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
"""Noon on a Wednesday."""


@cache
def scope(text: str, name: str = "test.yaml") -> Scope:
    return scope_of(parse(text, name))


def policy(*texts: str, **given: Any) -> Policy:
    scopes = [scope(text) for text in texts]
    return Policy(scopes, SCANNER, **{"now": lambda: NOON, "digest": digest(scopes), **given})


def enforced(rules: str, head: str = "") -> str:
    """Return a rule file that enforces the given rules."""
    return f"scope: test\nmode: enforce\n{head}\nrules:\n{rules}"


def decide(
    rules: str, operation: str = "llm.text", /, *, context: Any = None, **params: Any
) -> Decision:
    """Return the decision of one rule file on one call."""
    return policy(rules).evaluate(Call(operation, params, context or {}))


def when(expression: str, head: str = "", /, *, context: Any = None, **params: Any) -> bool:
    """Return whether an expression is true for a call."""
    rules = enforced(
        f"  - name: asked\n    action: deny\n    match:\n      when: {quoted(expression)}", head
    )
    decision = decide(rules, context=context, **params)
    assert decision.evaluated[0].outcome != "error", decision.message
    return decision.denies


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def refused(text: str) -> str:
    """Return the error for a file that cannot be loaded."""
    with pytest.raises(PolicyError) as error:
        scope(text)
    return str(error.value)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def rates(clock: Clock) -> Rates:
    return Rates(clock)
