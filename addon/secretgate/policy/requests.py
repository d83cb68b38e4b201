"""Policy on requests: which secrets are redacted, what else is edited, what is refused.

The redactor passes in the texts of a body with their findings and gets a `Ruling`. If the policy
has only plain rules, this takes one look-up per finding; only other rules require the body to be
split into calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from functools import partial
from typing import Any, Protocol

from secretgate.bodies.base import Body, Edit
from secretgate.outbound.texts import Counts
from secretgate.policy import decomposing, facts, handling, secrets
from secretgate.policy.called import CalledTools
from secretgate.policy.engine import Policy
from secretgate.policy.handling import FindingRules, Handling
from secretgate.policy.model import Decision
from secretgate.vault import Scope, Vault
from secretgate_rules import Finding, Part

Found = Mapping[int, Sequence[Finding]]
_MOST = 256


class Spotted(Protocol):
    """The parts of a finding's report that a policy needs."""

    @property
    def rule(self) -> str: ...
    @property
    def confidence(self) -> str: ...


class Denied(Exception):
    """The policy refuses a request."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.rule)
        self.decision = decision
        self.counts = Counts()
        """What had been inspected of the request when it was refused."""


@dataclass(frozen=True)
class Ruling:
    """The policy's result for one request."""

    rules: FindingRules = field(repr=False)
    forced: Mapping[bytes, Handling] = field(default_factory=dict, repr=False)
    """How rules over calls handle a value; that applies wherever it occurs."""
    edits: Mapping[int, Sequence[Edit]] = field(default_factory=dict, repr=False)
    """Edits other than redactions of secrets, by index of the text."""
    decisions: tuple[Decision, ...] = ()

    def of(self, finding: Finding) -> Handling:
        plain = self.rules.of(finding.rule, finding.confidence)
        if not self.forced:
            return plain
        own = [self.forced[part.value] for part in finding.parts if part.value in self.forced]
        return handling.strongest([*own, plain])

    def taken(self, found: Found) -> dict[int, list[Finding]]:
        """Return the findings that must not leave: those to redact and those that block."""
        return self._those(found, (handling.REDACT, handling.BLOCK))

    def told(self, found: Found) -> dict[int, list[Finding]]:
        """Return the findings that may leave but are reported."""
        return self._those(found, (handling.AUDIT,))

    def _those(self, found: Found, actions: Sequence[str]) -> dict[int, list[Finding]]:
        chosen = {
            index: [finding for finding in findings if self.of(finding).action in actions]
            for index, findings in found.items()
        }
        return {index: findings for index, findings in chosen.items() if findings}


@dataclass(frozen=True)
class RequestPolicy:
    """The policy for requests of one client to one destination."""

    policy: Policy
    dialect: str
    context: Mapping[str, Any] = field(repr=False)
    digest: str
    """Requests with the same digest are treated alike."""
    rules: FindingRules = field(repr=False)
    needs_calls: bool
    called: CalledTools = field(default_factory=CalledTools, repr=False)

    def message(self, spot: Spotted) -> str:
        """Return the refusal message of the rule that blocks a finding, or an empty string."""
        handled = self.rules.of(spot.rule, spot.confidence)
        if not handled.message:
            return ""
        return f"request blocked: {handled.message} (rule {handled.rule}). secretgate sent nothing."

    @property
    def of_findings(self) -> RequestPolicy:
        """Return this policy for texts that cannot be split into calls."""
        return replaced(self, needs_calls=False) if self.needs_calls else self

    def rule(
        self,
        body: Body,
        leaves: Sequence[decomposing.Leaf],
        found: Found,
        look: Callable[[bytes], Sequence[Finding]],
        name: Callable[[Finding, Part], bytes],
        scope: Scope,
    ) -> Ruling:
        """Evaluate the policy on one request and return the ruling; raise Denied.

        `look` finds secrets in other texts; `name` returns the text that replaces a secret; `scope`
        is whose request it is.
        """
        if not self.needs_calls:
            return Ruling(self.rules)
        known = {leaf.text: found.get(leaf.place, ()) for leaf in leaves}
        forced: dict[bytes, Handling] = {}
        edits: dict[int, list[Edit]] = {}
        decisions: list[Decision] = []
        called = partial(self.called.names, scope)
        for placed in decomposing.requests(self.dialect, body, leaves, self.context, called):
            view = _View(known, look, name)
            decision = self.policy.evaluate(placed.call, view, skip_plain=True)
            if decision.denies:
                raise Denied(decision)
            if decision.redacts or any(each.outcome != "skipped" for each in decision.evaluated):
                decisions.append(decision)
            forced.update(view.redacted(decision))
            for steps, made in decision.edits.items():
                leaf = placed.leaves.get(steps)
                if leaf is not None:
                    edits.setdefault(leaf.place, []).extend(view.others(leaf.text, made))
        return Ruling(self.rules, forced, edits, tuple(decisions))


class _View(secrets.Secrets):
    """The detector as the rules of one call see it."""

    def __init__(
        self,
        known: Mapping[bytes, Sequence[Finding]],
        look: Callable[[bytes], Sequence[Finding]],
        name: Callable[[Finding, Part], bytes],
    ) -> None:
        self._known = known
        self._look = look
        self._name = name
        self._named: dict[bytes, Handling] = {}

    def find(self, text: bytes) -> Sequence[Finding]:
        found = self._known.get(text)
        return self._look(text) if found is None else found

    def name(self, finding: Finding, part: Part, restore: str, replace: str | None) -> bytes:
        text = None if replace is None else secrets.fixed(replace, finding.rule).decode()
        handled = Handling(handling.REDACT, finding.rule, restore=restore, replace=text)
        self._named.setdefault(part.value, handled)
        return self._name(finding, part) if text is None else text.encode()

    def redacted(self, decision: Decision) -> Iterator[tuple[bytes, Handling]]:
        """Yield the values that rules redact in this call, with how each is handled."""
        for value, handled in self._named.items():
            yield value, replaced(handled, rule=decision.rule)

    def others(self, text: bytes, made: Sequence[Edit]) -> Iterator[Edit]:
        """Yield the edits of a text that are more than the redaction of a secret."""

        def name(finding: Finding, part: Part) -> bytes:
            handled = self._named.get(part.value)
            fixed = handled.replace if handled else None
            return self._name(finding, part) if fixed is None else fixed.encode()

        own = [f for f in self.find(text) if any(p.value in self._named for p in f.parts)]
        plain = set(secrets.edits(text, own, name))
        for edit in made:
            if edit not in plain:
                yield edit


class Asked(facts.Asked, Protocol):
    """What the policy needs of a request."""

    @property
    def path(self) -> str: ...


class Policies:
    """Caches the policy per kind of request. `policy` may be replaced while requests are handled."""

    def __init__(self, policy: Policy | None, vault: Vault | None = None) -> None:
        """`vault`: where the calls in answers are remembered."""
        self._policy = policy
        self.called = CalledTools(vault)
        self._made: dict[tuple[str, ...], RequestPolicy] = {}

    @property
    def policy(self) -> Policy | None:
        return self._policy

    @policy.setter
    def policy(self, policy: Policy | None) -> None:
        self._policy, self._made = policy, {}

    def of(self, request: Asked, raw: bytes | None = None) -> RequestPolicy | None:
        """Return the policy for a request, or None if the mode alone decides."""
        policy, made = self._policy, self._made
        if policy is None:
            return None
        model = facts.model(request.path, raw or b"") if policy.asks_model else ""
        around = facts.context(request, model)
        key = (request.route.dialect.name, *map(str, around.values()))
        found = made.get(key)
        if found is None:
            if len(made) >= _MOST:
                made.clear()
            own = for_request(policy, request.route.dialect.name, around)
            found = made[key] = replaced(own, called=self.called)
        return found


def for_request(policy: Policy, dialect: str, context: Mapping[str, Any]) -> RequestPolicy:
    """Return the policy for requests of one dialect and context."""
    around = {**context, "direction": "request"}
    model = str(context.get("model") or "")
    rules = FindingRules(policy.scopes, around, model)
    needs = any(
        not rule.plain and rule.concerns(around, model)
        for scope in policy.scopes
        for rule in scope.rules
    )
    digest = repr((policy.digest, dialect, sorted(map(repr, context.items()))))
    return RequestPolicy(policy, dialect, around, digest, rules, needs)
