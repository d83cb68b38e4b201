"""Secrets outside of the body: in a request's target, headers and trailers.

A secret can be in a query, in a path, or in metadata that a client sends along (the URL of a git
remote, for example). Findings of high confidence and known values are replaced there as in a body.
Not inspected are the request's own credentials: headers and parameters whose names say so, and
headers that consist of a single word, unless that is a URL.

The heads of a client's requests are all alike. A head in which detection found nothing is
recognised by a keyed digest; after that it is searched for known values only.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from secretgate.bodies.base import Form, Label, PlainBody, Slot, text_slot
from secretgate.bodies.json_walk import Reading
from secretgate.engine import Engine
from secretgate.history.digests import Digests
from secretgate.hosts import Treatment
from secretgate.outbound.attempts import commit
from secretgate.outbound.inspection import Leak, Redaction
from secretgate.outbound.redaction import Redactor
from secretgate.outbound.requests import Decision, Request, Verdict
from secretgate.outbound.resuming import resumed
from secretgate.outbound.spots import Spot
from secretgate.outbound.texts import Counts, texts
from secretgate.placeholders import Issued
from secretgate.policy.handling import BLOCK, REDACT
from secretgate.policy.requests import RequestPolicy

_CREDENTIAL = re.compile(
    rb"(?i)auth|cookie|token|key|secret|signature|session|credential|passw|\Asig\Z|\Acode\Z"
    rb"|\Ax-(?:amz|goog|ms)-|\Asec-websocket-|\Ahost\Z"
)
"""Names of headers and parameters that hold credentials meant for the receiver."""
_ONE_WORD = re.compile(rb"(?:[A-Za-z]+ +)?(?!\w+://)[^\s,;{}\"'<>|]*")
_SAID = re.compile(rb"(?i)(?:user-agent|referer|origin|from|via|forwarded|x-forwarded-.*)")
"""Names of headers that are never credentials, whether they hold one word or several."""
_SPLIT = re.compile(rb"[^/?&=]+")
_LEAST = 8
_MOST_QUIET = 4096

Fields = tuple[tuple[bytes, bytes], ...]


class Head(NamedTuple):
    """What is sent of a request besides its body."""

    target: bytes
    headers: Fields
    trailers: Fields = ()
    method: bytes = b""


_NOT_SHOWN = Head(b"/(not shown)", ())


class Look(NamedTuple):
    """What was found in a head, and the head to send."""

    head: Head
    spots: tuple[Spot, ...]
    issued: Issued


class _Piece(NamedTuple):
    part: str
    """`target`, `headers` or `trailers`; or `names`, where a secret cannot be replaced."""
    number: int
    start: int
    """Its start in the target or in the field's value; `end` likewise."""
    end: int
    slot: Slot
    text: bytes


def folded(fields: Fields) -> dict[str, str]:
    """Return headers by lower-case name; repeated ones are joined."""
    headers: dict[str, str] = {}
    for name, value in fields:
        key = name.decode("utf-8", "surrogateescape").lower()
        text = value.decode("utf-8", "surrogateescape")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


class _Quiet:
    """Digests of heads in which detection has found nothing."""

    def __init__(self) -> None:
        self._digests = Digests()
        self._seen: OrderedDict[bytes, object] = OrderedDict()
        """For each digest, the version of known values last searched for without a hit."""
        self._lock = threading.Lock()

    def holds(self, redactor: Redactor, request: Request, pieces: Sequence[_Piece]) -> bool:
        """Whether neither detection nor a search for known values finds anything."""
        read = [(piece.part, piece.slot.key, piece.text) for piece in pieces]
        mark = self._digests.of(repr((redactor.detector.digest, read)).encode())
        known = redactor.known(request.scope)
        with self._lock:
            seen = mark in self._seen
            if seen:
                self._seen.move_to_end(mark)
                if self._seen[mark] == known.version:
                    return True
        body = _body(pieces)
        plain = [entry.text for entry in texts(body.raw, body.slots, Counts())]
        if not seen and redactor.detector.find_many(plain, [piece.slot.key for piece in pieces]):
            return False
        stands = bool(len(known) and known.find_many(plain))
        with self._lock:
            self._seen[mark] = None if stands else known.version
            while len(self._seen) > _MOST_QUIET:
                self._seen.popitem(last=False)
        return not stands


_quiet = _Quiet()


def look(
    redactor: Redactor,
    request: Request,
    head: Head,
    learn: bool = True,
    policy: RequestPolicy | None = None,
    pieces: Sequence[_Piece] | None = None,
) -> Look | None:
    """Return what was found in a head, or None. May raise `Leak`.

    `pieces`: those of the head, if already made.
    """
    pieces = list(_pieces(head)) if pieces is None else pieces
    if not pieces or _quiet.holds(redactor, request, pieces):
        return None
    if not _inspect(redactor, request, pieces, False, policy).spots:
        return None
    spots: list[Spot] = []
    issued = None
    written: dict[_Piece, bytes] = {}
    for piece in pieces:
        first = _inspect(redactor, request, [piece], False, policy)
        if not any(spot.confidence == "high" for spot in first.spots):
            continue
        rewritten = any(spot.action == REDACT for spot in first.spots)
        if learn and rewritten and (piece.part == "names" or piece.slot.key == b"content-type"):
            # A multipart boundary is in the body too, where it is not rewritten; a header name must
            # stay valid.
            raise Leak([spot.rule for spot in first.spots])
        found = _inspect(redactor, request, [piece], learn, policy)
        written[piece] = found.raw
        spots += found.spots
        issued = issued.joined(found.issued) if issued is not None else found.issued
    if issued is None:
        return None
    return Look(_rewritten(head, written), tuple(spots), issued)


def decide(
    engine: Engine, request: Request, head: Head, reading: Reading | None = None
) -> tuple[Decision, Head | None]:
    """Return the decision on a whole request, and its head if that has to change.

    `reading`: the reading of its body, if already begun. A refused request is not sent; its head
    is then the one to display. No request can make this raise, except in an `attempt`.
    """
    decision, changed = _decide(engine, request, head, reading)
    if decision.refused:
        return decision, _to_show(engine.redactor, request, head)
    onward = resumed(engine.vault, request, (changed or head).target)
    if onward is not None:
        decision = replace(decision, inserted=onward.inserted)
        changed = (changed or head)._replace(target=onward.target)
    return decision, changed


def _to_show(redactor: Redactor, request: Request, head: Head) -> Head:
    try:
        found = look(redactor, request, head, learn=False)
    except Leak:
        return _NOT_SHOWN
    return found.head if found is not None else head


def _decide(
    engine: Engine, request: Request, head: Head, reading: Reading | None
) -> tuple[Decision, Head | None]:
    if request.route.treatment is Treatment.PASS:
        return engine.requests.decide(request), None
    learn = engine.settings.mode != "audit"
    policy = engine.requests.policies.of(request)
    policy = policy.of_findings if policy else None
    try:
        # Findings in the head become known before the body is read, and what becomes known from
        # the body, or meanwhile from other requests, makes the head be read again.
        pieces = list(_pieces(head))
        known = engine.redactor.vault.known(request.scope)
        found = look(engine.redactor, request, head, learn, policy, pieces)
        decision = engine.requests.decide(request, reading)
        commit()  # Rules may have counted it.
        if decision.spots and learn and engine.redactor.vault.known(request.scope) is not known:
            found = look(engine.redactor, request, head, policy=policy, pieces=pieces)
    except Leak as leak:
        return engine.requests.refusing.head(request, (), f"{leak}"), None
    if found is None:
        return decision, None
    return _settled(engine, request, decision, found, policy), found.head


def _settled(
    engine: Engine,
    request: Request,
    decision: Decision,
    found: Look,
    policy: RequestPolicy | None,
) -> Decision:
    spots = (*decision.spots, *found.spots)
    if decision.refused:
        return replace(decision, spots=spots)
    clean = decision.verdict is Verdict.CLEAN
    if engine.settings.mode == "audit":
        return replace(
            decision, verdict=Verdict.AUDITED if clean else decision.verdict, spots=spots
        )
    actions = {spot.action for spot in found.spots}
    if not actions & {BLOCK, REDACT}:
        return replace(decision, spots=spots)
    redacts = BLOCK not in actions if policy else engine.settings.mode == "redact"
    if redacts and not request.signed:
        issued = decision.issued.joined(found.issued)
        verdict = Verdict.REDACTED if clean else decision.verdict
        return replace(decision, verdict=verdict, spots=spots, issued=issued)
    places = ", ".join(sorted({f"{spot.path}: {spot.rule}" for spot in found.spots}))
    why = ", and the request is signed" if redacts else ""
    return engine.requests.refusing.head(
        request, spots, f"secret detected outside of its body ({places}){why}"
    )


def _pieces(head: Head) -> Iterator[_Piece]:
    yield from _of_target(head.target)
    names = b"\n".join([head.method, *(name for name, _ in head.headers + head.trailers)])
    slot = text_slot(names, "the names of headers")
    yield _Piece("names", 0, 0, len(names), slot, names)
    for part, fields in (("headers", head.headers), ("trailers", head.trailers)):
        for index, (name, value) in enumerate(fields):
            if len(value) < _LEAST:
                continue
            word = _ONE_WORD.fullmatch(value) and not _SAID.fullmatch(name)
            if part == "trailers" or not (word or _CREDENTIAL.search(name)):
                path = f"{part}.{name.decode('ascii', 'backslashreplace').lower()}"
                slot = text_slot(value, path, name.lower())
                yield _Piece(part, index, 0, len(value), slot, value)


def _of_target(target: bytes) -> Iterator[_Piece]:
    question = target.find(b"?")
    name = b""
    for match in _SPLIT.finditer(target):
        start, end = match.span()
        queried = -1 < question < start
        if queried and target[start - 1 : start] != b"=":
            name = match[0]
        value = queried and target[start - 1 : start] == b"="
        if end - start < _LEAST or (value and _CREDENTIAL.search(name)):
            continue
        slot = Slot(
            0,
            end - start,
            Form.PERCENT,
            Label.TEXT,
            name if value else b"",
            "the query" if queried else "the path",
        )
        yield _Piece("target", 0, start, end, slot, match[0])


def _inspect(
    redactor: Redactor,
    request: Request,
    pieces: Sequence[_Piece],
    learn: bool,
    policy: RequestPolicy | None,
) -> Redaction:
    body = _body(pieces)
    return redactor.inspect(body, request.scope, request.exempt, learn, strict=False, policy=policy)


def _body(pieces: Sequence[_Piece]) -> PlainBody:
    slots, at = [], 0
    for piece in pieces:
        slots.append(piece.slot._replace(start=at, end=at + len(piece.text)))
        at += len(piece.text) + 1
    return PlainBody(b"\n".join(piece.text for piece in pieces), slots)


def _rewritten(head: Head, written: dict[_Piece, bytes]) -> Head:
    target, fields = head.target, {"headers": [*head.headers], "trailers": [*head.trailers]}
    for piece in sorted(written, key=lambda each: each.start, reverse=True):
        if piece.part == "names":
            continue
        if piece.part == "target":
            target = target[: piece.start] + written[piece] + target[piece.end :]
        else:
            name, _ = fields[piece.part][piece.number]
            fields[piece.part][piece.number] = (name, written[piece])
    return Head(target, tuple(fields["headers"]), tuple(fields["trailers"]))
