"""What policy rules see as secrets in MCP's messages, and the names that they get: those of the gate."""

from __future__ import annotations

from collections.abc import Sequence

from secretgate.outbound.handover import hand_over
from secretgate.outbound.redaction import Redactor
from secretgate.placeholders import Issued
from secretgate.policy.secrets import fixed
from secretgate.vault import Scope
from secretgate_rules import Finding, Part

_BACK_INTO_TOOLS = ("tools", "always")


class SessionSecrets:
    """Placeholders that may be put back into a tool call are handed over to the calls of the scope."""

    def __init__(self, redactor: Redactor, scope: Scope) -> None:
        self._redactor = redactor
        self._scope = scope

    def find(self, text: bytes) -> Sequence[Finding]:
        """Known values first, then what detection finds and does not touch them."""
        known = self._redactor.known(self._scope).find(text)
        apart = [
            finding
            for finding in self._redactor.detected(text)
            if not any(finding.start < hit.end and hit.start < finding.end for hit in known)
        ]
        return sorted([*known, *apart], key=lambda finding: finding.start)

    def name(self, finding: Finding, part: Part, restore: str, replace: str | None) -> bytes:
        if replace is not None:
            return fixed(replace, finding.rule)
        rule = self._redactor.ledger.name(part.value, finding.rule)
        placeholder = self._redactor.namer.name(rule, part.value)
        self._redactor.vault.learn(self._scope, {part.value: rule})
        if restore in _BACK_INTO_TOOLS:
            issued = Issued(self._redactor.namer.template, {placeholder: part.value})
            hand_over(self._redactor.vault, self._scope, issued)
        return placeholder
