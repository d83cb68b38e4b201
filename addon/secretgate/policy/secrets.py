"""The detector as rules see it: what secrets are in a text, and what is put in their place.

`Scanner` stands alone (fixtures, MCP, command line) and writes `[REDACTED:rule-id]`; on the way of a request
the gate hands in one of its own, which knows what has been found already and what its names are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from secretgate.policy.model import Edit
from secretgate_rules import Detector, Finding, Part, rewritten, runs

MARK = "[REDACTED:{rule}]"
_CACHED = 4096


class Secrets(Protocol):
    def find(self, text: bytes) -> Sequence[Finding]:
        """The secrets in a text."""

    def name(self, finding: Finding, part: Part, restore: str, replace: str | None) -> bytes:
        """What stands in place of a secret that a rule redacts: `replace`, if it says so. `restore` is where
        the answer may put it back."""


class Scanner:
    """Detection alone."""

    def __init__(self, detector: Detector | Callable[[], Detector]) -> None:
        """`detector`, or what makes it when it is first needed."""
        self._detector = detector
        self._found: dict[bytes, list[Finding]] = {}

    def find(self, text: bytes) -> Sequence[Finding]:
        found = self._found.get(text)
        if found is None:
            if not isinstance(self._detector, Detector):
                self._detector = self._detector()
            found = self._detector.find(text)
            if len(self._found) >= _CACHED:
                self._found.clear()
            self._found[text] = found
        return found

    def name(self, finding: Finding, part: Part, restore: str, replace: str | None) -> bytes:
        return fixed(MARK if replace is None else replace, finding.rule)


def fixed(text: str, rule: str) -> bytes:
    """A one-way text for a secret of a detection rule."""
    return text.replace("{rule}", rule).encode()


def edits(
    text: bytes, findings: Sequence[Finding], name: Callable[[Finding, Part], bytes]
) -> Iterator[Edit]:
    """Sorted edits that put names in place of secrets; what is encoded together, a run at a time."""
    for start, end, group in runs(findings):
        yield Edit(start, end, rewritten(text, start, end, group, name))
