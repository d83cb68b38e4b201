"""From the slots of a request to what leaves: find, name, splice, and check what leaves.

Detection looks at each slot by itself and at nothing else, so its verdict on a slot of the history is
the same on every turn. What it finds becomes known, for the request and for its scope; known
values are then replaced wherever they stand, in every encoding. Where both speak, the known value
wins: that is what makes a restored answer, resent as history, read exactly as the provider wrote it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from secretgate.bodies import documents, forms
from secretgate.bodies.base import Body, Edit, Label, Slot, Unreadable, spell, splice
from secretgate.bodies.envelopes import EnvelopesBody
from secretgate.egress import Egress
from secretgate.ledger import Ledger
from secretgate.placeholders import Issued, Namer
from secretgate.policy.decomposing import Leaf
from secretgate.policy.requests import RequestPolicy, Ruling
from secretgate.policy.treatments import REDACT, Treatment
from secretgate.vault import Scope, Vault
from secretgate_rules import Detector, Finding, Literals, Part, redact

SHORTEST = 6
"""No text shorter than this, in bytes, can hold a secret."""
SHORTEST_KNOWN = 8
"""A shorter secret is replaced where it was found, but not looked for elsewhere."""

_RUN = re.compile(rb"[A-Za-z0-9+/=_-]*+")
_RUN_BEFORE = re.compile(rb"[A-Za-z0-9+/=_-]*+\Z")
_HIDDEN = "encoded-secret"
_DATA_URL = re.compile(rb"data:[^,;]{0,200}(?:;[^,;]{0,200})*;base64,")


class Spot(NamedTuple):
    """Where something was found, for people and logs."""

    rule: str
    path: str
    confidence: str
    action: str = REDACT
    """What the policy says of it."""


@dataclass(slots=True)
class Counts:
    """Bytes of a request by what became of them."""

    scanned: int = 0
    opaque: int = 0
    credential: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Redaction:
    """What a request becomes. `raw` is the body itself, the same object, where nothing changed."""

    raw: bytes = field(repr=False)
    issued: Issued
    spots: Sequence[Spot]
    counts: Counts
    secrets: Collection[bytes] = field(repr=False)
    ruling: Ruling | None = field(default=None, repr=False)

    @property
    def by_rule(self) -> dict[str, int]:
        return dict(Counter(spot.rule for spot in self.spots))


class Leak(Exception):
    """A secret of this request is still in what would leave."""

    def __init__(self, rules: Sequence[str]) -> None:
        super().__init__(
            f"a detected secret would leave unredacted ({', '.join(sorted(set(rules)))})"
        )
        self.rules = rules


class _Text(NamedTuple):
    slot: Slot
    text: bytes
    wrapped: tuple[bytes, bytes] | None
    """For a base64 slot: what stands before the base64, and the base64."""
    sealed: bool = False
    """Text inside a file that cannot be rewritten."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    raw: bytes
    values: dict[bytes, bytes] = field(default_factory=dict)
    """Placeholder to value."""
    aliases: dict[bytes, bytes] = field(default_factory=dict)
    limits: dict[bytes, str] = field(default_factory=dict)
    """Of placeholders that may not be restored everywhere, where they may."""
    one_way: set[bytes] = field(default_factory=set)
    """The placeholders in whose place a fixed text stands."""
    left: Sequence[bytes] = ()
    """The placeholders whose values would still leave."""

    def limited(self, placeholder: bytes, treatment: Treatment) -> bytes:
        """What stands in a secret's place."""
        if treatment.restore != "always" or treatment.replace is not None:
            self.limits[placeholder] = treatment.restore
        if treatment.replace is None:
            return placeholder
        self.one_way.add(placeholder)
        return treatment.replace.encode()


class Redactor:
    """Redacts requests; holds no request's data."""

    def __init__(
        self,
        detector: Detector,
        vault: Vault,
        ledger: Ledger,
        namer: Namer,
        named: Callable[[], Mapping[bytes, str]] = dict,
    ) -> None:
        """`named`: the values that are secret from the start, as they are now, with their rule."""
        self._detector = detector
        self._vault = vault
        self._ledger = ledger
        self._namer = namer
        self._named = named
        self._egress = Egress()

    def inspect(
        self,
        body: Body,
        scope: Scope,
        exempt: Collection[bytes] = (),
        learn: bool = True,
        strict: bool = True,
        leaves: bool = True,
        policy: RequestPolicy | None = None,
    ) -> Redaction:
        """What `body` becomes; raises Leak if that could not be made safe, and, if `strict`, Unreadable
        where a secret stands in a file that cannot be rewritten.

        `exempt` are the request's own credentials: sent to their issuer they are no leak.
        Without `learn` nothing found is remembered or named beyond this call. What is only asked for its spots,
        and never `leaves`, raises no Leak for what may stand where nothing may be edited. Without a `policy`
        everything that is found is redacted; with one it may also raise Denied.
        """
        counts = Counts()
        texts = list(self._texts(body, counts, policy is not None and policy.needs_calls))
        plain = [entry.text for entry in texts]
        found = self._detector.find_many(plain, [entry.slot.key for entry in texts])
        ruling = self._ruling(policy, body, texts, found, scope) if policy else None
        told = self._noticed(ruling.told(found), scope, exempt) if ruling else {}
        found = ruling.taken(found) if ruling else found
        known, fresh = self._secrets(plain, found, scope, exempt, learn)
        hits = known.find_many(plain) if len(known) else {}
        hits = ruling.taken(hits) if ruling else hits
        changes = {
            index: parts
            for index in sorted({*found, *hits})
            if (parts := list(_merged(hits.get(index, ()), found.get(index, ()), fresh, exempt)))
        }
        sealed = {index: changes.pop(index) for index in [*changes] if texts[index].sealed}
        if sealed and strict:
            path = spell(texts[min(sealed)].slot.path)
            raise Unreadable(f"{path} is a document with a secret in it, and cannot be rewritten")
        attempt = self._spliced(body, texts, changes, fresh, ruling)
        if attempt.left:
            hidden = self._hidden(texts, attempt.values)
            for index, runs in hidden.items():
                changes[index] = list(_merged(runs, changes.get(index, ()), fresh, ()))
            attempt = self._spliced(body, texts, changes, fresh, ruling)
        if attempt.left and leaves:
            raise Leak([name.decode(errors="replace") for name in attempt.left])
        spots = [
            Spot(
                fresh.get(finding.value) or finding.rule,
                spell(texts[index].slot.path),
                finding.confidence,
                ruling.of(finding).action if ruling else REDACT,
            )
            for index, findings in [*sorted((changes | sealed).items()), *sorted(told.items())]
            for finding in findings
        ]
        issued = Issued(
            self._namer.template,
            {n: v for n, v in attempt.values.items() if n not in attempt.one_way},
            attempt.aliases,
            attempt.limits,
        )
        return Redaction(attempt.raw, issued, spots, counts, set(attempt.values.values()), ruling)

    def _ruling(
        self,
        policy: RequestPolicy,
        body: Body,
        texts: Sequence[_Text],
        found: Mapping[int, Sequence[Finding]],
        scope: Scope,
    ) -> Ruling:
        """What the policy says; where it looks at calls, it sees known values as findings too."""
        leaves: list[Leaf] = []
        if policy.needs_calls:
            known = self._vault.learn(scope, self._named(), share=False)
            hits = known.find_many([entry.text for entry in texts]) if len(known) else {}
            found = {
                index: _apart([*found.get(index, ()), *hits.get(index, ())])
                for index in {*found, *hits}
            }
            leaves = [
                Leaf(entry.slot, entry.text, index)
                for index, entry in enumerate(texts)
                if entry.wrapped is None and not entry.sealed
            ]
        return policy.rule(
            body,
            leaves,
            found,
            self._detector.find,
            lambda finding, part: self._namer.name(
                self._ledger.name(part.value, finding.rule), part.value
            ),
        )

    def _noticed(
        self, told: Mapping[int, Sequence[Finding]], scope: Scope, exempt: Collection[bytes]
    ) -> dict[int, list[Finding]]:
        """Those findings that are secrets: not what the request shows to its receiver, nor what the
        provider wrote."""
        values = {p.value for fs in told.values() for f in fs for p in f.parts}
        if values:
            self._ledger.look_up(scope, {}, values)
        secret = {v for v in values if v not in exempt and not self._ledger.was_written(scope, v)}
        return {
            index: kept
            for index, findings in told.items()
            if (kept := [f for f in findings if any(p.value in secret for p in f.parts)])
        }

    def written(self, text: bytes, scope: Scope, key: bytes = b"") -> set[bytes]:
        """The values in a provider's text that detection would take for secrets and the scope does
        not know: what the provider wrote itself."""
        known = self._vault.known(scope)
        return {
            part.value
            for finding in self._detector.find(text, key)
            for part in finding.parts
            if part.value not in known
        }

    def detected(self, text: bytes) -> Sequence[Finding]:
        """What detection says of a text by itself."""
        return self._detector.find(text)

    @property
    def detector(self) -> Detector:
        return self._detector

    def known(self, scope: Scope) -> Literals:
        """The values that are secret in a scope."""
        return self._vault.known(scope)

    def _texts(self, body: Body, counts: Counts, short: bool) -> Iterator[_Text]:
        """What can be read; `short`: those too that are too short for a secret."""
        shortest = 1 if short else SHORTEST
        raw = body.raw
        for slot in body.slots:
            start, end, form, label = slot[:4]
            size = end - start
            if label is Label.TEXT:
                counts.scanned += size
                if size >= shortest:
                    yield _Text(slot, forms.read(form, raw[start:end]), None)
            elif label is Label.OPAQUE:
                counts.opaque += size
            elif label is Label.CREDENTIAL:
                counts.credential += size
            else:
                entry = _unwrapped(slot, forms.read(form, raw[start:end]))
                if entry is None:
                    counts.bytes += size
                else:
                    counts.scanned += size
                    yield entry

    def _secrets(
        self,
        texts: Sequence[bytes],
        found: dict[int, list[Finding]],
        scope: Scope,
        exempt: Collection[bytes],
        learn: bool,
    ) -> tuple[Literals, dict[bytes, str]]:
        """What is known from here on, and the name's rule of every value found now."""
        known = self._vault.learn(scope, self._named(), share=False)
        indexes = sorted(found)
        rules = {
            part.value: finding.rule
            for index in indexes
            for finding in found[index]
            for part in finding.parts
            if part.value not in exempt
        }
        self._ledger.look_up(scope, rules if learn else {}, (v for v in rules if v not in known))
        before = known.find_many([texts[index] for index in indexes]) if len(known) else {}
        named: dict[bytes, str] = {}
        for at, index in enumerate(indexes):
            hits = before.get(at, ())
            for finding in found[index]:
                for part in finding.parts:
                    value = part.value
                    if value in named or value in exempt:
                        continue
                    if value not in known and (
                        any(_overlap(part, hit) for hit in hits)
                        or self._ledger.was_written(scope, value)
                    ):
                        continue
                    named[value] = self._ledger.name(value, finding.rule) if learn else finding.rule
        lasting = {value: rule for value, rule in named.items() if len(value) >= SHORTEST_KNOWN}
        if learn:
            return self._vault.learn(scope, lasting), named
        return known.with_values({v: r for v, r in lasting.items() if v not in known}), named

    def _edits(
        self,
        body: Body,
        entry: _Text,
        findings: Sequence[Finding],
        made: _Attempt,
        named: Mapping[bytes, str],
        ruling: Ruling | None,
        more: Sequence[Edit],
    ) -> list[Edit]:
        """The edits of one text; `more` are the policy's own, which go before the others."""

        lasting = True

        def name(finding: Finding, part: Part) -> bytes:
            nonlocal lasting
            value = part.value
            placeholder = self._namer.name(named.get(value) or finding.rule, value)
            if made.values.setdefault(placeholder, value) != value:
                raise Leak([finding.rule])
            text = made.limited(placeholder, ruling.of(finding)) if ruling else placeholder
            lasting = lasting and placeholder not in made.limits
            return text

        slot, text, wrapped, _ = entry
        aliases: dict[bytes, bytes] = {}
        changes = list(_changes(text, findings, name, aliases))
        changes = sorted([*more, *(each for each in changes if not _touches(each, more))])
        if wrapped is not None:
            head, run = wrapped
            changed = _wrapped_like(run, splice(text, changes))
            if lasting:
                made.aliases[changed] = run
            return [Edit(slot.start, slot.end, forms.write(slot.form, head + changed))]
        span = forms.mapped(slot.form, body.raw[slot.start : slot.end])
        edits = []
        for start, end, replacement in changes:
            first, last = span(start, end)
            written = forms.write(slot.form, replacement)
            edits.append(Edit(slot.start + first, slot.start + last, written))
        if lasting:
            made.aliases.update(aliases)
        return edits

    def _spliced(
        self,
        body: Body,
        texts: Sequence[_Text],
        changes: Mapping[int, Sequence[Finding]],
        named: Mapping[bytes, str],
        ruling: Ruling | None,
    ) -> _Attempt:
        """The body with the changes made, and what the check of the outgoing bytes says of it: no
        copy of a secret of this request may be in them, in any form we know."""
        made = _Attempt(body.raw)
        more = ruling.edits if ruling else {}
        edits: list[Edit] = []
        for index in sorted({*changes, *more}):
            edits += self._edits(
                body,
                texts[index],
                changes.get(index, ()),
                made,
                named,
                ruling,
                more.get(index, ()),
            )
        if not edits:
            return made
        raw = checked = body.splice(edits)
        if isinstance(body, EnvelopesBody):
            # Messages may be compressed again in what leaves.
            checked = raw + splice(body.raw, edits)
        credentials = [slot for slot in body.slots if slot.label is Label.CREDENTIAL]
        if credentials:
            blanks = [Edit(slot.start, slot.end, b"") for slot in credentials]
            checked = splice(body.raw, sorted([*edits, *blanks]))
        return replace(made, raw=raw, left=self._egress.leaks(checked, made.values))

    def _hidden(
        self, texts: Sequence[_Text], values: Mapping[bytes, bytes]
    ) -> dict[int, list[Finding]]:
        """Secrets in an encoding that no view could read, such as base64 that begins in the middle of
        a word: the whole run that holds one is taken for a secret of its own."""
        hidden: dict[int, list[Finding]] = {}
        for index, entry in enumerate(texts):
            if entry.sealed:
                continue
            for value in set(values.values()):
                for form in self._egress.found(entry.text, value):
                    at = entry.text.find(form)
                    while at >= 0:
                        start, end = _run(entry.text, at, at + len(form))
                        run = entry.text[start:end]
                        if form != value:
                            part = Part(start, end, run)
                            finding = Finding(
                                _HIDDEN, _HIDDEN, start, end, run, (), "high", (part,)
                            )
                            hidden.setdefault(index, []).append(finding)
                        at = entry.text.find(form, end)
        return {index: _apart(runs) for index, runs in hidden.items()}


def _run(text: bytes, start: int, end: int) -> tuple[int, int]:
    """The whole run of base64 or hex around a stretch of one."""
    if not _RUN.fullmatch(text, start, end):
        return start, end
    before = _RUN_BEFORE.search(text, max(0, start - 4096), start)
    behind = _RUN.match(text, end)
    return before.start() if before else start, behind.end() if behind else end


def _apart(findings: list[Finding]) -> list[Finding]:
    """Those that do not overlap, the longest of each overlap."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda each: (each.start - each.end, each.start)):
        if all(finding.end <= each.start or each.end <= finding.start for each in kept):
            kept.append(finding)
    return sorted(kept, key=lambda each: each.start)


def _unwrapped(slot: Slot, text: bytes) -> _Text | None:
    """A base64 slot as the text it encodes, a plain one as it is, and None for binary data."""
    if documents.sealed(text):
        return _document(slot, text)
    url = _DATA_URL.match(text)
    head = url[0] if url else b""
    run = text[len(head) :]
    try:
        plain = base64.b64decode(run.translate(None, b"\r\n"), validate=True)
    except (binascii.Error, ValueError):
        return _document(slot, text) if url or not _is_text(text) else _Text(slot, text, None)
    if not url and len(run) < 24:
        return _Text(slot, text, None)
    if documents.sealed(plain) or not _is_text(plain):
        return _document(slot, plain)
    return _Text(slot, plain, (head, run)) if len(plain) >= SHORTEST else None


def _document(slot: Slot, raw: bytes) -> _Text | None:
    """A file as the text inside of it, and None where it has none."""
    text = documents.extracted(raw)
    return _Text(slot, text, None, sealed=True) if len(text.strip()) >= SHORTEST else None


def _wrapped_like(run: bytes, text: bytes) -> bytes:
    """Base64 of a text, in lines where `run` has lines."""
    encoded = base64.b64encode(text)
    first, end, _ = run.partition(b"\r\n") if b"\r" in run else run.partition(b"\n")
    if not end:
        return encoded
    lines = [encoded[at : at + len(first)] for at in range(0, len(encoded), len(first))]
    return end.join(lines) + (end if run.endswith(end) else b"")


def _is_text(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _touches(edit: Edit, others: Sequence[Edit]) -> bool:
    return any(edit.start < other.end and other.start < edit.end for other in others)


def _overlap(part: Part, hit: Finding) -> bool:
    return (
        part.start < hit.end
        and hit.start < part.end
        and (part.start, part.end) != (hit.start, hit.end)
    )


def _merged(
    hits: Sequence[Finding],
    found: Sequence[Finding],
    named: dict[bytes, str],
    exempt: Collection[bytes],
) -> Iterator[Finding]:
    """Known values first, then what was found and does not touch them; parts stay in order."""
    taken = [hit for hit in hits if hit.value not in exempt]
    yield from taken
    for finding in found:
        parts = tuple(
            part
            for part in finding.parts
            if part.value in named
            and not any(part.start < hit.end and hit.start < part.end for hit in taken)
        )
        if parts:
            yield replace(finding, parts=parts)


def _changes(
    text: bytes,
    findings: Sequence[Finding],
    name: Callable[[Finding, Part], bytes],
    aliases: dict[bytes, bytes],
) -> Iterator[Edit]:
    """Sorted edits of the text: what stands plain one by one, what is encoded together a run at a
    time."""
    entries = sorted(
        ((part.start, part.end, finding, part) for finding in findings for part in finding.parts),
        key=lambda entry: entry[:2],
    )
    at = 0
    while at < len(entries):
        start, end, finding, part = entries[at]
        group = [(finding, part)]
        at += 1
        while at < len(entries) and entries[at][0] < end:
            end = max(end, entries[at][1])
            group.append((entries[at][2], entries[at][3]))
            at += 1
        alone = [replace(finding, parts=(part,)) for finding, part in group]
        changed = redact(text, alone, name)
        replacement = changed[start : len(changed) - (len(text) - end)]
        if any(layer.kind in ("base64", "hex") for _, part in group for layer in part.layers):
            aliases[replacement] = text[start:end]
        yield Edit(start, end, replacement)
