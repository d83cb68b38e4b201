"""Determines which values are secrets of a request, and their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from secretgate.ledger import Ledger
from secretgate.outbound.spans import Spans
from secretgate.placeholders import Namer
from secretgate.vault import Scope, Vault
from secretgate_rules import Finding, Literals, Part

SHORTEST_KNOWN = 8
"""Minimum length in bytes of a known value; shorter secrets are replaced where found only."""


class Naming:
    """The secrets of one request: those `known` in its scope by now, and those `named` in it."""

    def __init__(
        self,
        vault: Vault,
        ledger: Ledger,
        scope: Scope,
        exempt: Collection[bytes],
        learn: bool,
        always: Literals,
    ) -> None:
        """`always`: the values that are secret from the start, with their names."""
        self._vault = vault
        self._ledger = ledger
        self._scope = scope
        self.exempt = frozenset(exempt)
        self.learns = learn
        self._always = always
        self._before = vault.known(scope).beside(always)
        self.known = self._before
        self.named: dict[bytes, str] = {}
        """The values found in this request, each with the rule that it is named after."""

    def add(
        self,
        texts: Sequence[bytes],
        found: Mapping[int, Sequence[Finding]],
        said: dict[bytes, str],
    ) -> None:
        """Name and remember what was found in some texts, and the values `said` by other spellings.

        Skipped are values that the provider wrote itself, and those that merely overlap with a
        known value.
        """
        rules = {
            part.value: finding.rule
            for findings in found.values()
            for finding in findings
            for part in finding.parts
            if part.value not in self.exempt
        } | said
        if not rules:
            return
        known = self._before
        self._ledger.look_up(
            self._scope, rules if self.learns else {}, (v for v in rules if v not in known)
        )
        indexes = sorted(found)
        hits = known.find_many([texts[index] for index in indexes]) if len(known) else {}
        written = self._ledger.written(self._scope, [v for v in rules if v not in known])
        fresh: dict[bytes, str] = {}
        for at, index in enumerate(indexes):
            overlapping = Spans(hits.get(at, ()))
            for finding in found[index]:
                for part in finding.parts:
                    value = part.value
                    if value in self.named or value in fresh or value in self.exempt:
                        continue
                    if value not in known and (
                        value in written
                        or any(
                            _overlap(part, hit)
                            for hit in overlapping.touching(part.start, part.end)
                        )
                    ):
                        continue
                    fresh[value] = finding.rule
        said = {v: rule for v, rule in said.items() if not (v in known or v in written)}
        names = self._names({**said, **fresh})
        self.named |= {value: names[value] for value in fresh}
        self._know({v: rule for v, rule in names.items() if len(v) >= SHORTEST_KNOWN})

    def refresh(self, values: Iterable[bytes]) -> None:
        """Keep the known values among `values`, as they were met: they expire if they are not used.

        Those that are secret from the start become known in the scope where they were seen. They
        thus stay secret after they disappear from where they were configured.
        """
        if not self.learns:
            return
        rules = {value: rule for value in {*values} if (rule := self.known.rule(value))}
        given = {value: rule for value, rule in rules.items() if value in self._always}
        met = {value: rule for value, rule in rules.items() if value not in given}
        for some, share in ((given, False), (met, True)):
            if some:
                known = self._vault.learn(self._scope, some, share)
                self.known = known.beside(self._always)

    def hidden(self, text: bytes, namer: Namer) -> bytes:
        """Return a text with placeholders for its secrets, for display and not for a provider."""
        for own in self.exempt:
            text = text.replace(own, b"***") if len(own) >= SHORTEST_KNOWN else text
        pieces: list[bytes] = []
        at = 0
        for finding in self.known.find(text):
            pieces += text[at : finding.start], namer.name(finding.rule, finding.value)
            at = finding.end
        text = b"".join((*pieces, text[at:]))
        for value, rule in self.named.items():
            if len(value) < SHORTEST_KNOWN:
                text = text.replace(value, namer.name(rule, value))
        return text

    def _names(self, rules: Mapping[bytes, str]) -> dict[bytes, str]:
        """Return the names of values, which are the first ones they were given."""
        if self.learns:
            return self._ledger.names(rules)
        return {value: self._before.rule(value) or rule for value, rule in rules.items()}

    def _know(self, values: Mapping[bytes, str]) -> None:
        if self.learns and values:
            self.known = self._vault.learn(self._scope, values).beside(self._always)
        elif values:
            self.known = self.known.with_values(values)


def _overlap(part: Part, hit: Finding) -> bool:
    return (
        part.start < hit.end
        and hit.start < part.end
        and (part.start, part.end) != (hit.start, hit.end)
    )
