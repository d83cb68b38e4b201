"""Scopes and the policy composed of them: takes a call, returns a decision.

Evaluation follows Keep. The rules of a scope are evaluated in order: the first matching deny ends
the evaluation, redactions accumulate, each applied to the result of the previous one, and logs are
recorded. If several scopes are loaded, a call goes through all of them, and a deny by any scope
denies it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from secretgate.bodies.steps import Steps
from secretgate.policy import functions, texts
from secretgate.policy.expressions import EvaluationError, Scene
from secretgate.policy.model import Action, Call, Decision, Evaluated, Mutation
from secretgate.policy.rates import Rates
from secretgate.policy.rules import CompiledRule
from secretgate.policy.secrets import Secrets

Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Course:
    """The state of one call while the rules of one scope are evaluated."""

    call: Call
    originals: dict[str, set[str]] = field(default_factory=dict)
    evaluated: list[Evaluated] = field(default_factory=list)
    mutations: list[Mutation] = field(default_factory=list)
    edited: dict[Steps, texts.Edited] = field(default_factory=dict)
    denied: tuple[str, str] | None = None
    redacted: str = ""


@dataclass(frozen=True)
class Scope:
    """The compiled rules of one file."""

    name: str
    rules: Sequence[CompiledRule]
    enforces: bool = False
    closed: bool = True
    case_sensitive: bool = False
    source: str = ""

    def evaluate(
        self, call: Call, secrets: Secrets, rates: Rates, now: Clock, skip_plain: bool = False
    ) -> Decision:
        call = replace(call, context={**call.context, "scope": self.name})
        course = _Course(call)
        scene = self._scene(course, secrets, rates, now)
        for rule in self.rules:
            if skip_plain and rule.plain:
                continue
            if self._asked(rule, course, scene, secrets) and self.enforces:
                break
        return self._decided(course)

    def _scene(self, course: _Course, secrets: Secrets, rates: Rates, now: Clock) -> Scene:
        return Scene(
            course.call.params,
            course.call.context,
            _moment(course.call.context.get("timestamp"), now),
            partial(texts.readable, fold=not self.case_sensitive, originals=course.originals),
            partial(functions.table, secrets, rates, course.originals),
        )

    def _asked(self, rule: CompiledRule, course: _Course, scene: Scene, secrets: Secrets) -> bool:
        """Evaluate one rule; return whether it denied the call."""
        try:
            matched = rule.covers(course.call.operation) and rule.matches(
                course.call, scene, secrets
            )
        except EvaluationError as error:
            course.evaluated.append(Evaluated(rule.name, "error", rule.action, self.name))
            if not (self.closed and self.enforces):
                return False
            reason = f"rule {rule.name} could not be evaluated ({error}); the policy says on_error: closed"
            course.denied = course.denied or (rule.name, reason)
            return True
        outcome = "matched" if matched else "skipped"
        course.evaluated.append(Evaluated(rule.name, outcome, rule.action, self.name))
        if not matched:
            return False
        if rule.action == "deny":
            course.denied = course.denied or (rule.name, rule.message)
            return True
        if rule.action == "redact" and self.enforces:
            self._redact(rule, course, scene, secrets)
        return False

    def _redact(self, rule: CompiledRule, course: _Course, scene: Scene, secrets: Secrets) -> None:
        params = course.call.params
        changed: list[tuple[Steps, str]] = []
        for steps, text in rule.targets(params):
            edited = course.edited.get(steps) or texts.Edited(texts.encoded(text))
            before = edited.text
            found = rule.redact(edited, secrets)
            if edited.text == before:
                continue
            course.edited[steps] = edited
            new = texts.decoded(edited.text)
            changed.append((steps, new))
            course.mutations.append(Mutation(texts.spelled(steps), new, rule.name, found))
        if not changed:
            return
        course.redacted = course.redacted or rule.name
        params = texts.copied(params)
        for steps, new in changed:
            texts.put(params, steps, new)
        course.call = replace(course.call, params=params)
        scene.changed(params)

    def _decided(self, course: _Course) -> Decision:
        told = Decision(
            Action.ALLOW,
            evaluated=tuple(course.evaluated),
            enforced=self.enforces,
            lenient=not self.closed,
            scope=self.name,
            params=course.call.params,
        )
        if course.denied is not None:
            rule, message = course.denied
            return replace(told, action=Action.DENY, rule=rule, message=message)
        if not course.mutations:
            return told
        return replace(
            told,
            action=Action.REDACT,
            rule=course.redacted,
            mutations=tuple(course.mutations),
            edits={steps: edited.edits for steps, edited in course.edited.items() if edited.edits},
        )


def _moment(given: Any, now: Clock) -> datetime:
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            return now()
    if not isinstance(given, datetime):
        return now()
    return given if given.tzinfo else given.replace(tzinfo=UTC)


class Policy:
    """All scopes in force."""

    def __init__(
        self,
        scopes: Sequence[Scope],
        secrets: Secrets,
        rates: Rates | None = None,
        now: Clock | None = None,
        digest: str = "",
    ) -> None:
        self.scopes = tuple(scopes)
        self.rates = rates or Rates()
        self.digest = digest
        self._secrets = secrets
        self._now = now or _utc_now

    def evaluate(
        self, call: Call, secrets: Secrets | None = None, skip_plain: bool = False
    ) -> Decision:
        """Return the decision on a call, evaluated by every scope in turn.

        Among enforcing scopes, a deny ends the evaluation and redactions are passed on to the next
        scope. The result of a scope that only logs is used only if no other scope has a result.
        """
        secrets = secrets or self._secrets
        last = Decision(Action.ALLOW, params=call.params)
        edits: dict[Any, texts.Edited] = {}
        for scope in self.scopes:
            told = scope.evaluate(
                replace(call, params=last.params), secrets, self.rates, self._now, skip_plain
            )
            last = _both(last, told)
            if last.denies:
                return last
            _compose(edits, call, told)
        if edits:
            last = replace(last, edits={steps: made.edits for steps, made in edits.items()})
        return last

    @property
    def asks_model(self) -> bool:
        """Whether a rule needs the model of a request before its body is split into calls."""
        return any(rule.model for scope in self.scopes for rule in scope.rules)

    def scope(self, name: str) -> Scope | None:
        return next((scope for scope in self.scopes if scope.name == name), None)


def _compose(edits: dict[Any, texts.Edited], call: Call, told: Decision) -> None:
    for steps, made in told.edits.items():
        if steps not in edits:
            original: Any = call.params
            for step in steps:
                original = original[step]
            edits[steps] = texts.Edited(texts.encoded(original))
        edits[steps].replace(made)


def _both(before: Decision, told: Decision) -> Decision:
    """Merge the decisions of two scopes: the stronger gives action and reason, the rest adds up."""
    lead = told if _weight(told) > _weight(before) or not before.scope else before
    return replace(
        lead,
        mutations=before.mutations + told.mutations,
        evaluated=before.evaluated + told.evaluated,
        params=told.params,
        edits={**before.edits, **told.edits},
    )


def _weight(decision: Decision) -> tuple[bool, int, bool]:
    """Return a sort key in which enforced decisions outweigh logged ones."""
    acts = (Action.ALLOW, Action.REDACT, Action.DENY).index(decision.action)
    return decision.enforced and acts > 0, acts, decision.enforced
