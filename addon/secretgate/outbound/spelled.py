"""Secrets whose spelling nobody could guess again from what they say.

A secret is named by what it says: a key in a JSON text is the same key in a shell, and restoration escapes it as
its place demands. That gives back what stood there where it was escaped as JSON is. It does not for the escapes of shells,
of C and of patterns (`pa\\$word`): there the spelling is the secret, and what it says is one beside it. Nor does it for
what was broken up by characters nobody sees, painted in other letters, or written as references of HTML.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from secretgate_rules import Finding, Part
from secretgate_rules.disguises import KINDS

_ESCAPES = "json"


def as_spelled(
    texts: Sequence[bytes],
    found: Mapping[int, Sequence[Finding]],
    exempt: Collection[bytes] = (),
) -> tuple[dict[int, list[Finding]], dict[bytes, str]]:
    """The findings, and what those of them say that are taken as they are spelled, with their rules.
    What is `exempt` is so in any spelling."""
    said: dict[bytes, str] = {}
    taken: dict[int, list[Finding]] = {}
    for index, findings in found.items():
        said.update(_undisguised(findings, exempt))
        if not any(part.layers for finding in findings for part in finding.parts):
            taken[index] = list(findings)
            continue
        taken[index] = [_taken(texts[index], finding, said, exempt) for finding in findings]
    return taken, said


def _undisguised(findings: Iterable[Finding], exempt: Collection[bytes]) -> dict[bytes, str]:
    """What those findings say whose parts are spelled otherwise already."""
    return {
        finding.value: finding.rule
        for finding in findings
        if finding.view and not KINDS.isdisjoint(finding.view) and finding.value not in exempt
    }


def _taken(
    text: bytes, finding: Finding, said: dict[bytes, str], exempt: Collection[bytes]
) -> Finding:
    parts = [part if part.value in exempt else _part(text, part) for part in finding.parts]
    changed = [old.value for old, new in zip(finding.parts, parts, strict=True) if new is not old]
    if not changed:
        return finding
    said.update(dict.fromkeys(changed, finding.rule))
    return replace(finding, parts=tuple(parts))


def _part(text: bytes, part: Part) -> Part:
    if not part.layers or any(layer.kind != _ESCAPES for layer in part.layers):
        return part
    spelling = text[part.start : part.end]
    if spelling == part.value or spelling in _as_json(part.value, len(part.layers)):
        return part
    return Part(part.start, part.end, spelling)


def _as_json(value: bytes, times: int) -> Iterable[bytes]:
    """A value escaped so many times, with and without escapes for letters, and for slashes as some write them."""
    try:
        text = value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return
    for ascii_only in (False, True):
        inner = text
        for _ in range(times):
            inner = json.dumps(inner, ensure_ascii=ascii_only)[1:-1]
        form = inner.encode("utf-8", "surrogatepass")
        yield form
        yield form.replace(b"/", b"\\/")
