"""Secrets in an encoding that no view could decode, such as base64 that begins within a word.

The complete run that holds one is treated as a secret of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from secretgate.outbound import egress
from secretgate.outbound.texts import Text
from secretgate_rules import Finding, Part

_RUN = re.compile(rb"[A-Za-z0-9+/=_-]*+")
_RUN_BEFORE = re.compile(rb"[A-Za-z0-9+/=_-]*+\Z")
_RULE = "encoded-secret"


def hidden(texts: Sequence[Text], values: Collection[bytes]) -> dict[int, list[Finding]]:
    """Return the runs in each text that contain one of `values` in an encoded form."""
    found: dict[int, list[Finding]] = {}
    for value in set(values):
        forms = list(dict.fromkeys(egress.forms(value)))
        for index, entry in enumerate(texts):
            if entry.sealed:
                continue
            for form in forms:
                at = entry.text.find(form)
                while at >= 0:
                    start, end = _run(entry.text, at, at + len(form))
                    run = entry.text[start:end]
                    if form != value:
                        part = Part(start, end, run)
                        finding = Finding(_RULE, _RULE, start, end, run, (), "high", (part,))
                        found.setdefault(index, []).append(finding)
                    at = entry.text.find(form, end)
    return {index: apart(runs) for index, runs in found.items()}


def _run(text: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the complete run of base64 or hex characters around a span."""
    if not _RUN.fullmatch(text, start, end):
        return start, end
    before = _RUN_BEFORE.search(text, max(0, start - 4096), start)
    behind = _RUN.match(text, end)
    return before.start() if before else start, behind.end() if behind else end


def apart(findings: list[Finding]) -> list[Finding]:
    """Return those that do not overlap; of overlapping ones the longest."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda each: (each.start - each.end, each.start)):
        if all(finding.end <= each.start or each.end <= finding.start for each in kept):
            kept.append(finding)
    return sorted(kept, key=lambda each: each.start)
