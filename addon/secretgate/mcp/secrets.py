"""What policy rules see as secrets in a session, and the names that they get: those of the gate."""

from __future__ import annotations

from collections.abc import Sequence

from secretgate.engine import Engine
from secretgate.vault import Scope
from secretgate_rules import Finding, Part

_BACK_INTO_TOOLS = ("tools", "always")


class SessionSecrets:
    """`given`: placeholder to value, of what may be put back into a tool call."""

    def __init__(self, engine: Engine, scope: Scope) -> None:
        self._engine = engine
        self._scope = scope
        self.given: dict[bytes, bytes] = {}

    def find(self, text: bytes) -> Sequence[Finding]:
        """Known values first, then what detection finds and does not touch them."""
        known = self._engine.redactor.known(self._scope).find(text)
        found = self._engine.redactor.detected(text)
        apart = [
            finding
            for finding in found
            if not any(finding.start < hit.end and hit.start < finding.end for hit in known)
        ]
        return sorted([*known, *apart], key=lambda finding: finding.start)

    def name(self, finding: Finding, part: Part, restore: str, replace: str | None) -> bytes:
        if replace is not None:
            return replace.replace("{rule}", finding.rule).encode()
        engine = self._engine
        rule = engine.ledger.name(part.value, finding.rule)
        placeholder = engine.namer.name(rule, part.value)
        engine.vault.learn(self._scope, {part.value: rule})
        if restore in _BACK_INTO_TOOLS:
            self.given[placeholder] = part.value
        return placeholder
