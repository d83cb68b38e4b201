"""The inspection of one request: what is found in its body, and what the body becomes.

Findings are taken from the texts, named and spliced in, until nothing changes any more; then the
bytes that would leave are checked for every value in every form (`egress.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from secretgate.bodies import documents
from secretgate.bodies.base import Body, Edit, Label, Unreadable, moved, splice
from secretgate.bodies.envelopes import EnvelopesBody
from secretgate.bodies.json_body import JsonBody
from secretgate.history.later import later
from secretgate.history.recall import Recall
from secretgate.history.units import Notes, Unit, cuts, remember, units
from secretgate.outbound.attempts import most_places
from secretgate.outbound.edits import Made, made, merged
from secretgate.outbound.hidden import apart, hidden
from secretgate.outbound.naming import Naming
from secretgate.outbound.spelled import as_spelled, copies
from secretgate.outbound.split_keys import split_keys
from secretgate.outbound.spots import Spot, Spots, sources
from secretgate.outbound.texts import Counts, Texts, count
from secretgate.placeholders import Issued
from secretgate.policy.decomposing import Leaf
from secretgate.policy.handling import Handling
from secretgate.policy.requests import RequestPolicy, Ruling
from secretgate.vault import Scope
from secretgate_rules import EVERY, Finding, Part

if TYPE_CHECKING:
    from secretgate.outbound.redaction import Redactor


@dataclass(frozen=True, slots=True)
class Redaction:
    """The result for a request. `raw` is the body itself, the same object, if nothing changed."""

    raw: bytes = field(repr=False)
    issued: Issued
    spots: Sequence[Spot]
    counts: Counts
    secrets: Collection[bytes] = field(repr=False)
    ruling: Ruling | None = field(default=None, repr=False)


class Leak(Exception):
    """A secret of this request is still contained in the bytes that would leave."""

    def __init__(self, rules: Sequence[str], places: Sequence[str] = ()) -> None:
        where = f" in {', '.join(places[:5])}, which is never changed" if places else ""
        super().__init__(
            f"a detected secret would leave unredacted ({', '.join(sorted(set(rules)))}){where}"
        )
        self.rules = rules
        self.places = places
        """The fields that hold it as it is, as far as these are known."""
        self.counts = Counts()
        """What had been read of the request by then."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    raw: bytes
    made: Made
    left: Sequence[bytes]
    """The placeholders whose values would still leave."""
    runs: Sequence[Sequence[Unit]] | None
    """The units that may be remembered; None if they were not needed yet."""


class Inspection:
    """The processing of one request."""

    def __init__(
        self,
        redactor: Redactor,
        body: Body,
        naming: Naming,
        scope: Scope,
        policy: RequestPolicy | None,
    ) -> None:
        self._redactor = redactor
        self._body = body
        self._naming = naming
        self._scope = scope
        self._policy = policy
        self._ruling: Ruling | None = None
        self._now = redactor.history.clock()
        self._texts = Texts(body)
        self._found: dict[int, list[Finding]] = {}
        self._told: dict[int, list[Finding]] = {}
        """Findings that may leave, but are reported."""
        self._changed: dict[int, list[Finding]] = {}
        """What is replaced."""
        self._notes = Notes()
        self._spots = Spots(body, self._texts, naming, redactor.namer)
        self._recall: Recall | None = None
        if isinstance(body, JsonBody):
            self._recall = Recall(body, naming, redactor.names, self._now)

    def result(self, strict: bool, whole: bool, leaves: bool) -> Redaction:
        while True:
            self._read()
            if whole and self._texts.counts.cut:
                limit = documents.LIMIT >> 20
                raise Unreadable(f"a file in it unpacks to more than {limit} MiB")
            changes = self._changed = self._changes()
            sealed = {index for index in changes if self._texts[index].sealed}
            if sealed and strict:
                path = self._spots.where(min(sealed))
                raise Unreadable(
                    f"{path} is a document with a secret in it, and cannot be rewritten"
                )
            attempt = self._attempt(changes, sealed)
            if not attempt.left or self._recall is None or not self._recall.reread():
                break
        if attempt.left:
            for index, runs in hidden(self._texts, attempt.made.values.values()).items():
                changes[index] = list(merged(runs, changes.get(index, ()), self._naming.named, ()))
            self._notes.undo()
            attempt = self._attempt(changes, sealed)
        if attempt.left and leaves:
            left = [attempt.made.values[name] for name in attempt.left]
            places = self._spots.of_values(left, attempt.raw)
            raise Leak([name.decode(errors="replace") for name in attempt.left], places)
        if not attempt.left:
            self._remember(attempt.runs)
        values, made = attempt.made.values, attempt.made
        return Redaction(
            attempt.raw,
            Issued(
                self._redactor.namer.template,
                {name: value for name, value in values.items() if name not in made.one_way},
                made.aliases,
                made.limits,
            ),
            self._spots.of(changes, self._told, self._ruling),
            self.tally(),
            set(values.values()),
            self._ruling,
        )

    def let_go(self) -> None:
        """Free what was found piece by piece: freed at once, all other threads would wait."""
        for found in (self._found, self._told, self._changed):
            for findings in found.values():
                while findings:
                    findings.pop()

    def _read(self) -> None:
        """Read what is new, and previously seen units that have to be read again because of it."""
        detector, texts = self._redactor.detector, self._texts
        while True:
            first = len(texts)
            texts.read(self._policy is not None and self._policy.needs_calls)
            plain = texts.plain[first:]
            # A ruling is reached once, as its rules may count requests.
            most = most_places() if self._ruling is None else EVERY
            found = detector.find_many(plain, texts.keys[first:], most=most)
            if self._policy is not None:
                ruling = self._ruling = self._ruling or self._ruled(self._policy, found)
                told = self._noticed(ruling.told(found))
                self._told.update((first + index, findings) for index, findings in told.items())
                found = ruling.taken(found)
            found, said = as_spelled(plain, found, self._naming.exempt)
            if texts.name_keys:
                said |= split_keys(plain, detector.find)
            self._naming.add(plain, found, said)
            self._found.update((first + index, findings) for index, findings in found.items())
            if self._recall is None or not self._recall.settle():
                return

    def _ruled(self, policy: RequestPolicy, found: Mapping[int, Sequence[Finding]]) -> Ruling:
        """Return the policy's ruling; rules that look at calls see known values as findings too."""
        leaves: list[Leaf] = []
        redactor, known = self._redactor, self._naming.known
        if policy.needs_calls:
            hits = known.find_many(self._texts.plain) if len(known) else {}
            found = {
                index: apart([*found.get(index, ()), *hits.get(index, ())])
                for index in {*found, *hits}
            }
            leaves = [
                Leaf(entry.slot, entry.text, index)
                for index, entry in enumerate(self._texts)
                if entry.wrapped is None and not entry.sealed
            ]
        return policy.rule(
            self._body,
            leaves,
            found,
            redactor.detector.find,
            lambda finding, part: redactor.namer.name(
                redactor.ledger.name(part.value, finding.rule), part.value
            ),
            self._scope,
        )

    def _noticed(self, told: Mapping[int, Sequence[Finding]]) -> dict[int, list[Finding]]:
        """Return the findings that are secret: not credentials, nor written by the provider."""
        values = {p.value for fs in told.values() for f in fs for p in f.parts}
        ledger, scope, exempt = self._redactor.ledger, self._scope, self._naming.exempt
        if values:
            ledger.look_up(scope, {}, values)
        secret = values - exempt - ledger.written(scope, values)
        return {
            index: kept
            for index, findings in told.items()
            if (kept := [f for f in findings if any(p.value in secret for p in f.parts)])
        }

    def _changes(self) -> dict[int, list[Finding]]:
        """Return what is to be replaced, by the index of the text."""
        naming, ruling = self._naming, self._ruling
        self._spots.forget()
        self._notes = Notes(self._body, self._texts.from_bytes, self._spots.within)
        hits: Mapping[int, list[Finding]] = {}
        if len(naming.known):
            hits = naming.known.find_many(self._texts.plain)
        if ruling is not None:
            hits = ruling.taken(hits)
        naming.refresh(hit.value for own in hits.values() for hit in own)
        hits = copies(self._texts.plain, hits)
        changes: dict[int, list[Finding]] = {}
        for index in sorted({*self._found, *hits}):
            own, found = hits.get(index, []), self._found.get(index, [])
            parts = list(merged(own, found, naming.named, naming.exempt))
            if parts:
                changes[index] = parts
            values = [part.value for finding in (*own, *found) for part in finding.parts]
            self._notes.values(self._texts[index].slot, values, naming)
        for index in self._told:
            # Whether it is reported depends on what the provider has written since.
            self._notes.bar(self._texts[index].slot)
        return changes

    def _attempt(self, changes: Mapping[int, Sequence[Finding]], sealed: set[int]) -> _Attempt:
        """Apply the changes and check the outgoing bytes for secrets of the request in any form."""
        body, naming = self._body, self._naming
        whole = Made()
        if self._recall is not None:
            whole.values.update(self._recall.values)
        more = self._ruling.edits if self._ruling is not None else {}
        for index in sorted({*changes, *more} - sealed):
            entry, findings = self._texts[index], changes.get(index, ())
            own = made(body.raw, entry, findings, self._named, more.get(index, ()))
            for name, value in own.values.items():
                if whole.values.setdefault(name, value) != value:
                    raise Leak([name.decode(errors="replace")])
            whole.add(own)
            self._notes.made(entry, own, sources(findings, naming, self._ruling), naming)
        edits, runs = whole.edits, list[list[Unit]]()
        if isinstance(body, JsonBody):
            for start, _, _, _, verdict in body.passed:
                edits += (Edit(start + low, start + high, new) for low, high, new in verdict.edits)
        if not edits:
            return _Attempt(body.raw, whole, (), None)
        if isinstance(body, JsonBody) and body.seen is not None:
            runs = units(body, self._notes.by_item, naming.known.version, self._now)
        edits.sort()
        raw = checked = body.splice(edits)
        edges = moved(cuts(runs), edits)
        if isinstance(body, EnvelopesBody):
            # Messages may be compressed again in what leaves.
            checked = raw + splice(body.raw, edits)
        slots = body.others if isinstance(body, JsonBody) else body.slots
        credentials = [slot for slot in slots if slot.label is Label.CREDENTIAL]
        if credentials:
            blanks = [Edit(slot.start, slot.end, b"") for slot in credentials]
            edits = sorted([*edits, *blanks])
            checked, edges = splice(body.raw, edits), moved(cuts(runs), edits)
        left = self._redactor.egress.leaks(checked, whole.values, edges)
        return _Attempt(raw, whole, left, runs)

    def _remember(self, runs: Sequence[Sequence[Unit]] | None) -> None:
        """Remember the units of this request, after it was sent."""
        body = self._body
        if not isinstance(body, JsonBody) or body.seen is None:
            return
        seen, notes, now = body.seen, self._notes.by_item, self._now
        version = self._naming.known.version

        def kept() -> None:
            remember(seen, body.raw, units(body, notes, version, now) if runs is None else runs)
            while notes:
                # One by one, as in `let_go`.
                notes.popitem()

        later(kept)

    def _named(self, finding: Finding, part: Part) -> tuple[bytes, Handling | None]:
        """Return the placeholder of a secret, and how the policy treats it."""
        rule = self._naming.named.get(part.value) or finding.rule
        handling = self._ruling.of(finding) if self._ruling is not None else None
        return self._redactor.namer.name(rule, part.value), handling

    def tally(self) -> Counts:
        counts, body = self._texts.counts, self._body
        if not isinstance(body, JsonBody):
            count(body.slots, counts)
            return counts
        counts.add(body.scanned, body.opaque, 0)
        for passed in body.passed:
            verdict = passed.verdict
            counts.add(verdict.scanned, verdict.opaque, verdict.counted)
        return counts
