"""Findings and replacements to a new text, with everything else byte for byte as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .model import Finding, Part

Replace = Callable[[Finding, Part], bytes]


def redact(text: bytes, findings: Iterable[Finding], replace: Replace) -> bytes:
    """`text` with every part of every finding replaced, written in the part's own encoding."""
    edits = sorted(
        ((part.start, part.end, replace(finding, part)) for finding in findings for part in finding.parts),
    )
    out: list[bytes] = []
    position = 0
    for start, end, new in edits:
        out += (text[position:start], new)
        position = end
    out.append(text[position:])
    return b"".join(out)
