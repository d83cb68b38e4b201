"""Redaction: detect, name, splice, and check the bytes that leave.

Detection considers each slot on its own, so its verdict on a slot of the history is the same on
every turn. Findings become known, for the request and for its scope; known values are then replaced
wherever they occur, in every encoding. Where both overlap, the known value takes precedence: that
is why a restored answer, sent back as history, reads exactly as the provider wrote it.

What was seen before is not read again (`history/`). Its verdict holds unless a value that has
become known since may occur in it; in that case it is read again. The outcome is always the same as
without a history.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from secretgate.bodies import documents
from secretgate.bodies.base import Body, Edit, Label, Unreadable, moved, splice
from secretgate.bodies.envelopes import EnvelopesBody
from secretgate.bodies.json_body import JsonBody
from secretgate.history.later import later
from secretgate.history.recall import Names, Recall
from secretgate.history.units import Notes, Unit, cuts, remember, units
from secretgate.history.verdicts import History, Seen
from secretgate.ledger import Ledger
from secretgate.outbound.attempts import most_places
from secretgate.outbound.edits import Made, made, merged
from secretgate.outbound.egress import Egress
from secretgate.outbound.hidden import apart, hidden
from secretgate.outbound.naming import Naming
from secretgate.outbound.spelled import as_spelled
from secretgate.outbound.spots import Spot, Spots, sources
from secretgate.outbound.texts import Counts, Texts, count
from secretgate.placeholders import Issued, Namer
from secretgate.policy.decomposing import Leaf
from secretgate.policy.handling import Handling
from secretgate.policy.requests import Denied, RequestPolicy, Ruling
from secretgate.vault import Scope, Vault
from secretgate_rules import EVERY, Detector, Finding, Literals, Part


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


class Redactor:
    """Redacts requests. It retains no request data except what `history/` describes."""

    def __init__(
        self,
        detector: Detector,
        vault: Vault,
        ledger: Ledger,
        namer: Namer,
        named: Callable[[], Literals] | None = None,
        history: History | None = None,
    ) -> None:
        """`named` returns the values that are currently secret from the start."""
        self.detector = detector
        self.vault = vault
        self.ledger = ledger
        self.namer = namer
        self.history = history or History()
        self.egress = Egress()
        self.names = Names(namer)
        nothing = Literals({})
        self._named = named or (lambda: nothing)
        self._always = nothing, nothing

    def prepare(self, learn: bool) -> None:
        """Compute the names of the initial secrets, so that no request has to wait for them."""
        self.names.prepare(self._from_the_start(learn))

    def seen(self, scope: Scope, policy: str = "", *context: str) -> Seen:
        """Return what was seen in a scope, for the reader of a body.

        `policy` is the digest of the policy in force, `context` whatever else a verdict depends on
        besides the rules, such as the dialect.
        """
        client, provider, account = scope
        parts = (self.detector.digest, self.namer.template.text, client, provider, *context)
        return self.history.seen(policy, account, *(part.encode() for part in parts))

    def inspect(
        self,
        body: Body,
        scope: Scope,
        exempt: Collection[bytes] = (),
        learn: bool = True,
        strict: bool = True,
        whole: bool = False,
        leaves: bool = True,
        policy: RequestPolicy | None = None,
    ) -> Redaction:
        """Return what `body` becomes.

        - `exempt`: the request's own credentials; sending them to their issuer is not a leak
        - `learn`: whether findings are remembered and named beyond this call
        - `strict`: whether a secret in a file that cannot be rewritten raises `Unreadable`
        - `whole`: whether a file of which only the beginning can be read does
        - `leaves`: False if only the spots are wanted and nothing is sent
        - `policy`: without one, everything found is redacted

        Raises `Leak` if the body `leaves` and could not be made safe, `Denied` if the policy
        denies it, and `TooMany` to give up an attempt.
        """
        naming = Naming(self.vault, self.ledger, scope, exempt, learn, self._from_the_start(learn))
        inspection = _Inspection(self, body, naming, scope, policy)
        try:
            return inspection.result(strict, whole, leaves)
        except (Denied, Leak) as refusal:
            refusal.counts = inspection.tally()
            raise
        finally:
            inspection.let_go()

    def written(
        self, texts: Sequence[bytes], scope: Scope, keys: Sequence[bytes] | None = None
    ) -> set[bytes]:
        """Return the values written by a provider itself.

        These are values in its texts that detection takes for secrets and the scope does not know.
        """
        found = self.detector.find_many(texts, keys)
        if not found:
            return set()
        spelled, said = as_spelled(texts, found)
        values = {part.value for fs in spelled.values() for f in fs for part in f.parts}
        known = self.known(scope)
        return {value for value in (*values, *said) if value not in known}

    def detected(self, text: bytes) -> Sequence[Finding]:
        """Return what detection finds in a text on its own."""
        return self.detector.find(text)

    def known(self, scope: Scope) -> Literals:
        """Return the values that are secret in a scope."""
        return self.vault.known(scope).beside(self._named())

    def _from_the_start(self, learn: bool) -> Literals:
        """Return the values that are secret from the start, under the names first given to them."""
        values = self._named()
        if not learn:
            return values
        if values is not self._always[0]:
            names = self.ledger.names(dict(values.items()))
            self._always = values, values.called(names)
        return self._always[1]


@dataclass(frozen=True, slots=True)
class _Attempt:
    raw: bytes
    made: Made
    left: Sequence[bytes]
    """The placeholders whose values would still leave."""
    runs: Sequence[Sequence[Unit]] | None
    """The units that may be remembered; None if they were not needed yet."""


class _Inspection:
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
            places = self._spots.of_values(attempt.made.values[name] for name in attempt.left)
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
