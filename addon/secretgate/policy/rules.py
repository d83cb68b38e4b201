"""Compiled rules: whether one matches a call, and what it redacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from secretgate.bodies.base import Edit
from secretgate.bodies.steps import Steps
from secretgate.policy import schema, texts
from secretgate.policy.expressions import Expression, Scene
from secretgate.policy.globs import Globs, pattern
from secretgate.policy.model import Call
from secretgate.policy.patterns import Pattern
from secretgate.policy.secrets import Secrets, edits
from secretgate_rules import Finding, Part
from secretgate_rules.model import CONFIDENCES

SHORTEST = 8
"""Shorter values are replaced where they were found, but not searched for in the rest of the text."""
_FACTS = ("host", "provider", "client", "user", "server")
_EVERY_TEXT = (None, "*", "llm.*", "**")


class BadRule(ValueError):
    """A rule that cannot be compiled: the offending key and the reason."""

    def __init__(self, key: tuple[str | int, ...], reason: str) -> None:
        super().__init__(reason)
        self.key = key
        self.reason = reason


@dataclass(frozen=True)
class CompiledRule:
    """A rule with its expression, patterns and globs compiled."""

    name: str
    action: str
    message: str
    row: schema.Rule = field(repr=False)
    when: Expression | None
    patterns: Sequence[Pattern] = field(repr=False, default=())
    target: Steps | None = None
    deep: bool = False
    """Whether the target includes everything below it."""
    facts: Sequence[tuple[str, Globs]] = ()
    model: Globs = field(default_factory=lambda: Globs(()))
    findings: Globs = field(default_factory=lambda: Globs(()))
    confidences: frozenset[str] = frozenset(CONFIDENCES)

    @property
    def about_findings(self) -> bool:
        """Whether the rule requires a finding in the call."""
        return bool(self.findings) or self.row.match.confidence is not None

    @property
    def plain(self) -> bool:
        """Whether the finding alone decides, wherever in a body it is, so that no calls are needed."""
        redact = self.row.redact
        everywhere = redact is None or (
            redact.secrets and not self.patterns and self.target is None
        )
        return (
            self.when is None
            and self.row.match.operation in _EVERY_TEXT
            and everywhere
            and (redact is not None or self.about_findings)
        )

    def covers(self, operation: str) -> bool:
        glob = self.row.match.operation
        return glob is None or pattern(glob).fullmatch(operation) is not None

    def concerns(self, context: Mapping[str, Any], model: str) -> bool:
        """Return whether direction, host, client, model and so on match."""
        direction = self.row.match.direction
        if direction is not None and context.get("direction") != direction:
            return False
        if self.model and not self.model.match(model):
            return False
        return all(globs.match(str(context.get(name) or "")) for name, globs in self.facts)

    def wants(self, rule: str, confidence: str) -> bool:
        """Return whether a finding counts for this rule."""
        return confidence in self.confidences and self.findings.match(rule)

    def matches(self, call: Call, scene: Scene, secrets: Secrets) -> bool:
        """Return whether the rule matches `call`, as left by the rules before; raise EvaluationError."""
        model = call.params.get("model") or call.context.get("model") or ""
        if not self.concerns(call.context, str(model)):
            return False
        if self.about_findings and not any(
            self.wants(finding.rule, finding.confidence)
            for _, text in texts.strings(call.params)
            for finding in secrets.find(texts.encoded(text))
        ):
            return False
        return self.when is None or self.when.holds(scene)

    def targets(self, params: Mapping[str, Any]) -> Iterator[tuple[Steps, str]]:
        """Yield the strings that the rule redacts, with their paths."""
        value: Any = params
        for step in self.target or ():
            if not isinstance(value, Mapping) or step not in value:
                return
            value = value[step]
        if self.target is not None and not self.deep:
            if isinstance(value, str):
                yield self.target, value
            return
        yield from texts.strings(value, self.target or ())

    def redact(self, text: texts.Edited, secrets: Secrets) -> tuple[str, ...]:
        """Apply the rule's redactions; return the detection rules of the replaced secrets."""
        redact = self.row.redact
        assert redact is not None
        rules: tuple[str, ...] = ()
        if redact.secrets:
            found = [
                finding
                for finding in secrets.find(text.text)
                if self.wants(finding.rule, finding.confidence)
            ]
            found += _repeated(text.text, found)
            rules = tuple(finding.rule for finding in found)

            def name(finding: Finding, part: Part) -> bytes:
                return secrets.name(finding, part, redact.restore, redact.replace)

            text.replace(edits(text.text, found, name))
        for each in self.patterns:
            text.replace(_changing(text.text, each.edits(text.text)))
        return rules


def _changing(text: bytes, made: Iterator[Edit]) -> list[Edit]:
    return [edit for edit in made if text[edit.start : edit.end] != edit.replacement]


def _repeated(text: bytes, found: Sequence[Finding]) -> Iterator[Finding]:
    """Yield findings for the same values elsewhere in the text, longest first, without any context."""
    taken = [(part.start, part.end) for finding in found for part in finding.parts]
    values = {
        part.value: finding
        for finding in found
        for part in finding.parts
        if not part.layers and len(part.value) >= SHORTEST
    }
    for value in sorted(values, key=len, reverse=True):
        at = text.find(value)
        while at >= 0:
            end = at + len(value)
            if not any(low < end and at < high for low, high in taken):
                taken.append((at, end))
                finding = values[value]
                part = Part(at, end, value)
                yield Finding(
                    finding.rule,
                    finding.description,
                    at,
                    end,
                    value,
                    (),
                    finding.confidence,
                    (part,),
                )
            at = text.find(value, end)


def compiled(row: schema.Rule, words: Mapping[str, str]) -> CompiledRule:
    """Compile a rule; raise BadRule."""
    match = row.match
    if (row.redact is None) != (row.action != "redact"):
        missing = row.redact is None
        reason = "is missing: the action is redact" if missing else "only goes with action: redact"
        raise BadRule(("redact",), reason)
    when = None
    if match.when is not None:
        try:
            when = Expression(match.when, words)
        except ValueError as error:
            raise BadRule(("match", "when"), str(error)) from None
    for name in (*_FACTS, "model", "findings"):
        if any(not glob.lstrip("!") for glob in Globs(getattr(match, name)).texts):
            raise BadRule(("match", name), "an empty glob")
    level = CONFIDENCES.index(match.confidence) if match.confidence else len(CONFIDENCES) - 1
    target, deep = _target(row.redact)
    return CompiledRule(
        name=row.name,
        action=row.action,
        message=row.message,
        row=row,
        when=when,
        patterns=_patterns(row.redact),
        target=target,
        deep=deep,
        facts=[(name, globs) for name in _FACTS if (globs := Globs(getattr(match, name)))],
        model=Globs(match.model),
        findings=Globs(match.findings),
        confidences=frozenset(CONFIDENCES[: level + 1]),
    )


def _patterns(redact: schema.Redact | None) -> list[Pattern]:
    compiled_ones = []
    for at, each in enumerate(redact.patterns if redact else ()):
        try:
            compiled_ones.append(Pattern(each.match, each.replace))
        except ValueError as error:
            raise BadRule(("redact", "patterns", at, "match"), str(error)) from None
    return compiled_ones


def _target(redact: schema.Redact | None) -> tuple[Steps | None, bool]:
    if redact is None:
        return None, False
    if not redact.secrets and not redact.patterns:
        raise BadRule(("redact",), "needs secrets: true, patterns, or both")
    if redact.replace is not None and not redact.secrets:
        raise BadRule(("redact", "replace"), "only goes with secrets: true")
    if redact.target is None:
        return None, True
    steps = redact.target.split(".")
    deep = steps[-1] == "**"
    if steps[0] != "params" or len(steps) < 2 or not all(steps):
        raise BadRule(("redact", "target"), "must start with `params.`")
    return tuple(steps[1:-1] if deep else steps[1:]), deep
