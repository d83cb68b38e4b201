"""Turns the replacements in a text into edits of the body."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from secretgate.bodies import forms
from secretgate.bodies.base import Edit, splice
from secretgate.outbound.spans import Spans
from secretgate.outbound.texts import Text, wrapped_like
from secretgate.policy.handling import Handling
from secretgate_rules import Finding, Part, rewritten, runs

Named = Callable[[Finding, Part], tuple[bytes, Handling | None]]
"""Returns the placeholder of a secret, and how the policy treats it."""
_Name = Callable[[Finding, Part], bytes]


@dataclass(slots=True)
class Made:
    """The edits of one or several texts, and what they insert."""

    edits: list[Edit] = field(default_factory=list)
    values: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    """The inserted placeholders, each with the value it stands for."""
    aliases: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    """Rewritten runs of encoded text, in which no placeholder can be read, with the originals."""
    limits: dict[bytes, str] = field(default_factory=dict)
    """For placeholders that may not be restored everywhere: where they may."""
    one_way: set[bytes] = field(default_factory=set)
    """Placeholders that are themselves replaced by a fixed text."""

    def add(self, other: Made) -> None:
        self.edits += other.edits
        self.aliases.update(other.aliases)
        self.limits.update(other.limits)
        self.one_way |= other.one_way

    def limited(self, placeholder: bytes, handling: Handling | None) -> bytes:
        """Return the text to insert for a secret."""
        if handling is None or (handling.restore == "always" and handling.replace is None):
            return placeholder
        self.limits[placeholder] = handling.restore
        if handling.replace is None:
            return placeholder
        self.one_way.add(placeholder)
        return handling.replace.encode()


def made(
    raw: bytes, entry: Text, findings: Sequence[Finding], named: Named, more: Sequence[Edit] = ()
) -> Made:
    """Return the edits that replace `findings` in a text of the body `raw`.

    `more` are edits made by the policy, which take precedence over overlapping ones.
    """
    result = Made()
    lasting = True

    def name(finding: Finding, part: Part) -> bytes:
        nonlocal lasting
        placeholder, handling = named(finding, part)
        result.values[placeholder] = part.value
        text = result.limited(placeholder, handling)
        lasting = lasting and placeholder not in result.limits
        return text

    slot, text, wrapped, _ = entry
    aliases: dict[bytes, bytes] = {}
    changes = list(_changes(text, findings, name, aliases))
    if more:
        changes = sorted([*more, *(each for each in changes if not _touches(each, more))])
    if wrapped is not None:
        head, run = wrapped
        changed = wrapped_like(run, splice(text, changes))
        aliases = {changed: run}
        result.edits.append(Edit(slot.start, slot.end, forms.write(slot.form, head + changed)))
    else:
        span = forms.mapped(slot.form, raw[slot.start : slot.end])
        for start, end, replacement in changes:
            first, last = span(start, end)
            written = forms.write(slot.form, replacement)
            result.edits.append(Edit(slot.start + first, slot.start + last, written))
    if lasting:
        result.aliases.update(aliases)
    return result


def _touches(edit: Edit, others: Sequence[Edit]) -> bool:
    return any(edit.start < other.end and other.start < edit.end for other in others)


def merged(
    hits: Sequence[Finding],
    found: Sequence[Finding],
    named: Mapping[bytes, str],
    exempt: Collection[bytes],
) -> Iterator[Finding]:
    """Yield the known values, then the findings that do not touch them, with parts in order."""
    taken = [hit for hit in hits if hit.value not in exempt]
    yield from taken
    places = Spans(taken)
    for finding in found:
        parts = tuple(
            part
            for part in finding.parts
            if part.value in named and next(places.touching(part.start, part.end), None) is None
        )
        if parts:
            yield replace(finding, parts=parts)


def _changes(
    text: bytes, findings: Sequence[Finding], name: _Name, aliases: dict[bytes, bytes]
) -> Iterator[Edit]:
    """Yield the sorted edits of a text: one per plain part, one per run of encoded parts."""
    for start, end, group in runs(findings):
        if len(group) == 1 and not group[0][1].layers:
            yield Edit(start, end, name(*group[0]))
            continue
        replacement = rewritten(text, start, end, group, name)
        if any(layer.kind in ("base64", "hex") for _, part in group for layer in part.layers):
            aliases[replacement] = text[start:end]
        yield Edit(start, end, replacement)
