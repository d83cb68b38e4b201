"""The detector as rules see it: the secrets in a text and their replacements.

`DetectorSecrets` works on its own (fixtures, MCP, command line) and writes `[REDACTED:rule-id]`. For
requests, the gate passes in its own implementation, which knows earlier findings and their
placeholders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from secretgate.bodies.base import Edit
from secretgate_rules import Detector, Finding, Part, rewritten, runs
from secretgate_rules.memo import remembered

MARK = "[REDACTED:{rule}]"
_CACHED = 1024
_LONG = 1 << 16
"""Longer texts are not cached."""


class Secrets(Protocol):
    """Finds secrets in texts, and names what replaces them."""

    def find(self, text: bytes) -> Sequence[Finding]:
        """Return the secrets in a text."""

    def name(self, finding: Finding, part: Part, restore: str, replace: str | None) -> bytes:
        """Return the replacement for a secret that a rule redacts: `replace` unless it is None.

        `restore` says where in the answer the value may be restored.
        """


class DetectorSecrets:
    """What a detector finds, without a request around it."""

    def __init__(self, detector: Detector | Callable[[], Detector]) -> None:
        """`detector` is a detector, or a function that creates one on first use."""
        self._detector = detector
        self._looking = remembered(_CACHED)(self._look)

    def find(self, text: bytes) -> Sequence[Finding]:
        return self._look(text) if len(text) > _LONG else self._looking(text)

    def _look(self, text: bytes) -> Sequence[Finding]:
        if not isinstance(self._detector, Detector):
            self._detector = self._detector()
        return self._detector.find(text)

    def name(self, finding: Finding, part: Part, restore: str, replace: str | None) -> bytes:
        return fixed(MARK if replace is None else replace, finding.rule)


def fixed(text: str, rule: str) -> bytes:
    """Return the irreversible replacement for a finding of a detection rule."""
    return text.replace("{rule}", rule).encode()


def edits(
    text: bytes, findings: Sequence[Finding], name: Callable[[Finding, Part], bytes]
) -> Iterator[Edit]:
    """Yield sorted edits that replace secrets; those inside one encoded run are rewritten together."""
    for start, end, group in runs(findings):
        yield Edit(start, end, rewritten(text, start, end, group, name))
