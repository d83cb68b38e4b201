r"""Secrets whose spelling cannot be reconstructed from their value.

A secret is named by its value: a key in a JSON text is the same key in a shell, and restoration
escapes it as its position requires. That reproduces the original if it was escaped as JSON. It does
not for the escapes of shells, of C and of regular expressions (`pa\$word`): there the spelling is
treated as the secret, and the value as another. Nor does it for values broken up by invisible
characters, written in look-alike letters, or written as HTML character references. A password in a
URL may be percent-encoded, one in quotes may contain escaped quotes, and either may stand elsewhere
as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from secretgate_rules import Finding, Part, views
from secretgate_rules.disguises import KINDS

_ESCAPES = "json"
_QUOTED = re.compile(rb"%[2-9A-Fa-f][0-9A-Fa-f]")


def as_spelled(
    texts: Sequence[bytes],
    found: Mapping[int, Sequence[Finding]],
    exempt: Collection[bytes] = (),
) -> tuple[dict[int, list[Finding]], dict[bytes, str]]:
    """Return the findings, replaced by their spelling where needed, and the values so replaced.

    The values come with their rules. What is `exempt` is so in any spelling.
    """
    said: dict[bytes, str] = {}
    taken: dict[int, list[Finding]] = {}
    for index, findings in found.items():
        said.update(_undisguised(findings, exempt))
        said.update(_unescaped(findings, exempt))
        if not any(part.layers for finding in findings for part in finding.parts):
            taken[index] = list(findings)
            continue
        taken[index] = [_taken(texts[index], finding, said, exempt) for finding in findings]
    return taken, said


def copies(
    texts: Sequence[bytes], hits: Mapping[int, Sequence[Finding]]
) -> dict[int, list[Finding]]:
    """Return the copies of known values, replaced by their spelling where needed.

    A copy is thus called the same whether it is known by its value or found as it stands.
    """
    return {
        index: [_taken(texts[index], hit, {}, ()) if hit.view else hit for hit in own]
        for index, own in hits.items()
    }


def _undisguised(findings: Iterable[Finding], exempt: Collection[bytes]) -> dict[bytes, str]:
    """Return the values of findings whose parts already are such spellings, with their rules."""
    return {
        finding.value: finding.rule
        for finding in findings
        if finding.view and not KINDS.isdisjoint(finding.view) and finding.value not in exempt
    }


def _unescaped(findings: Iterable[Finding], exempt: Collection[bytes]) -> dict[bytes, str]:
    """Return what values with escapes in them stand for, with their rules."""
    return {
        value: finding.rule
        for finding in findings
        for part in finding.parts
        if part.value not in exempt
        for value in _meanings(part.value)
        if value != part.value and value not in exempt
    }


def _meanings(value: bytes) -> Iterable[bytes]:
    if _QUOTED.search(value):
        yield unquote_to_bytes(value)
    if b"\\" in value:
        yield views.decode(views.JSON, value).text


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
    r"""Yield a value JSON-escaped `times` times: with or without `\u`, with escaped slashes."""
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
