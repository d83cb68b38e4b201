"""Fixtures: calls together with the decision that a rule file is expected to make.

As in Keep, a fixture file names its scope, every call is made by the agent `test` unless it says
otherwise, and rules are enforced regardless of the mode in their file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from secretgate.policy import documents, loading, schema
from secretgate.policy.documents import Document
from secretgate.policy.engine import Scope
from secretgate.policy.errors import PolicyError
from secretgate.policy.model import Call, Decision
from secretgate.policy.rates import Rates
from secretgate.policy.secrets import Secrets


@dataclass(frozen=True)
class Outcome:
    """The result of one test: the differences between expectation and decision."""

    name: str
    differences: tuple[tuple[str, str], ...] = ()
    """Pairs of text: expected, actual."""

    @property
    def passed(self) -> bool:
        return not self.differences


@dataclass(frozen=True)
class Report:
    """The results of one fixture file."""

    file: str
    outcomes: tuple[Outcome, ...]


def run(
    scopes: Sequence[Scope],
    path: Path,
    secrets: Secrets,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Report]:
    """Run the fixtures in a file or folder; raise PolicyError if one cannot be read."""
    known = {scope.name: replace(scope, enforces=True) for scope in scopes}
    files = loading.rule_files(path)
    if not files:
        raise PolicyError(str(path), 0, "", "contains no fixture file (*.yaml, *.yml)")
    for file in files:
        document = documents.read(file)
        tests = document.convert(document.data, schema.FixtureFile)
        rates = Rates()
        outcomes = []
        for at, row in enumerate(tests.tests):
            test = document.convert(row, schema.Fixture, ("tests", at))
            scope = _scope(document, tests, test, at, known)
            context = {"agent_id": "test", **test.call.context}
            call = Call(test.call.operation, test.call.params, context)
            outcomes.append(_judged(test, scope.evaluate(call, secrets, rates, now)))
        yield Report(file.name, tuple(outcomes))


def _scope(
    document: Document,
    tests: schema.FixtureFile,
    test: schema.Fixture,
    at: int,
    known: dict[str, Scope],
) -> Scope:
    own = test.call.context.get("scope")
    name = str(own or tests.scope)
    if name not in known:
        place = ("tests", at, "call", "context", "scope") if own else ("scope",)
        raise document.error(place, f"no rule file has the scope {name!r}")
    return known[name]


def _judged(test: schema.Fixture, decision: Decision) -> Outcome:
    expect = test.expect
    wrong: list[tuple[str, str]] = []
    if expect.decision != decision.action.value:
        wanted = f"{expect.decision} (rule: {expect.rule or 'any'})"
        wrong.append((wanted, f"{decision.action.value} (rule: {decision.rule})"))
    elif expect.rule is not None and expect.rule != decision.rule:
        wrong.append((f"rule {expect.rule}", f"rule {decision.rule}"))
    if expect.message is not None and expect.message not in decision.message:
        wrong.append((f"a message with {expect.message!r}", repr(decision.message)))
    if expect.mutations is not None:
        wanted_ones = [(each.path, each.replaced) for each in expect.mutations]
        made = [(each.path, each.replaced) for each in decision.mutations]
        if wanted_ones != made:
            wrong.append((f"mutations {wanted_ones}", f"mutations {made}"))
    return Outcome(test.name, tuple(wrong))
