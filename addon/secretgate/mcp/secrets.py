"""Secrets in MCP messages as policy rules see them, and the placeholders issued to one session.

Secrets are detected and named as in the gate.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from secretgate.outbound.handover import hand_over
from secretgate.outbound.redaction import Redactor
from secretgate.placeholders import Issued
from secretgate.policy.secrets import fixed
from secretgate.vault import Scope
from secretgate_rules import Finding, Part

_BACK_INTO_TOOLS = ("tools", "always")


class SessionSecrets:
    """The secrets of one scope.

    A placeholder that may be restored in tool calls is handed over, so that calls of the same scope
    can use it.
    """

    def __init__(self, redactor: Redactor, scope: Scope) -> None:
        self._redactor = redactor
        self._scope = scope

    def find(self, text: bytes) -> Sequence[Finding]:
        """Return known values, and detected secrets that do not overlap them, in order."""
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


_MOST_MESSAGES = 10_000


class Given:
    """The placeholders issued to one session.

    Each expires `lifetime` seconds after its message arrived or its value was last used.
    """

    def __init__(
        self, nothing: Issued, lifetime: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._nothing = nothing
        self._lifetime = lifetime
        self._clock = clock
        self._messages: deque[tuple[float, Issued]] = deque(maxlen=_MOST_MESSAGES)
        self.issued = nothing

    def add(self, issued: Issued) -> None:
        if len(self._messages) == _MOST_MESSAGES:
            self._messages.popleft()
            self._join()
        self._messages.append((self._clock(), issued))
        self.issued = self.issued.joined(issued)

    def used(self, names: set[bytes]) -> None:
        """Renew placeholders whose values were restored."""
        if not names:
            return
        now = self._clock()
        told = [
            (now if names & {*each.values, *each.aliases} else at, each)
            for at, each in self._messages
        ]
        self._messages = deque(sorted(told, key=lambda entry: entry[0]), _MOST_MESSAGES)

    def sweep(self) -> None:
        since = self._clock() - self._lifetime
        before = len(self._messages)
        while self._messages and self._messages[0][0] < since:
            self._messages.popleft()
        if len(self._messages) < before:
            self._join()

    def _join(self) -> None:
        self.issued = self._nothing
        for _, each in self._messages:
            self.issued = self.issued.joined(each)
