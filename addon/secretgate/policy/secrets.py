"""The detector as rules see it: the secrets in a text and their replacements.

`Scanner` works on its own (fixtures, MCP, command line) and writes `[REDACTED:rule-id]`. For
requests, the gate passes in its own implementation, which knows earlier findings and their
placeholders.
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
        """Returns the secrets in a text."""

    def name(self, finding: Finding, part: Part, restore: str, replace: str | None) -> bytes:
        """Returns the replacement for a secret that a rule redacts: `replace` unless it is None.

        `restore` says where in the answer the value may be restored.
        """


class Scanner:
    """Detection without a request around it."""

    def __init__(self, detector: Detector | Callable[[], Detector]) -> None:
        """`detector` is a detector, or a function that creates one on first use."""
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
    """Returns the irreversible replacement for a finding of a detection rule."""
    return text.replace("{rule}", rule).encode()


def edits(
    text: bytes, findings: Sequence[Finding], name: Callable[[Finding, Part], bytes]
) -> Iterator[Edit]:
    """Yields sorted edits that replace secrets; those inside one encoded run are rewritten together."""
    for start, end, group in runs(findings):
        yield Edit(start, end, rewritten(text, start, end, group, name))
