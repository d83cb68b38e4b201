"""What a request to a covered host becomes: itself, a redacted one, or a refusal.

Bytes and headers in, a decision out; the hooks turn it into HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from enum import Enum

import msgspec

from secretgate.bodies import json_spans, readers
from secretgate.bodies.base import Body, Unreadable
from secretgate.bodies.encodings import decode, encode
from secretgate.bodies.json_body import JsonBody
from secretgate.hosts import Route, Treatment
from secretgate.mcp import messages
from secretgate.mcp.over_http import Remote
from secretgate.outbound import handover, models, refusals, signatures
from secretgate.outbound.redaction import Leak, Redaction, Redactor
from secretgate.outbound.spots import Spot
from secretgate.outbound.texts import Counts
from secretgate.placeholders import Issued
from secretgate.policy.facts import told
from secretgate.policy.model import Decision as Ruled
from secretgate.policy.requests import Denied, Policies, RequestPolicy
from secretgate.policy.treatments import BLOCK, REDACT
from secretgate.providers import Dialect, value_at
from secretgate.settings import Settings
from secretgate.stores import Unreachable
from secretgate.stores.line import Wait, asked, waiting
from secretgate.vault import Scope, Vault

_STREAM = re.compile(rb'"stream"\s*:\s*true')


class Verdict(Enum):
    CLEAN = "clean"
    REDACTED = "redacted"
    AUDITED = "audited"
    BLOCKED = "blocked"
    UNREADABLE = "unreadable"
    LEFT_ALONE = "left alone"


@dataclass(frozen=True, slots=True)
class Decision:
    """`content` is the body to send, or None where the request's own goes as it came."""

    verdict: Verdict
    issued: Issued
    content: bytes | None = field(default=None, repr=False)
    message: str = ""
    """What the client is told where the request is refused."""
    status: int = 0
    reply: bytes | None = field(default=None, repr=False)
    """What is answered to a request that is refused, where that is no plain refusal: JSON."""
    spots: tuple[Spot, ...] = ()
    counts: Counts = field(default_factory=Counts)
    streams: bool = False
    """Whether the request asks for a streamed answer."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers to set where the body changed."""
    dialect: Dialect | None = None
    """Of the answer, where it depends on the request."""
    size: int = 0
    """Of the body, decompressed where it could be."""
    model: str = ""
    rulings: tuple[Ruled, ...] = ()
    """What rules of the policy said of parts of it."""

    @property
    def refused(self) -> bool:
        return bool(self.status)


@dataclass(frozen=True, slots=True)
class Request:
    """What the gate needs of a request."""

    route: Route
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    scope: Scope
    exempt: Collection[bytes] = field(repr=False)
    url: str = field(default="", repr=False)

    @property
    def signed(self) -> bool:
        """Whether a new signature may have to be made, for which credentials may have to be fetched."""
        return self.headers.get("authorization", "").startswith("AWS4-")


class Requests:
    """Decides on requests, under one set of settings."""

    def __init__(
        self,
        settings: Settings,
        redactor: Redactor,
        vault: Vault,
        empty: Issued,
        policies: Policies | None = None,
    ) -> None:
        self.policies = policies or Policies(None)
        self.mcp = Remote(redactor, self.policies, settings.mcp_restore)
        self._settings = settings
        self._redactor = redactor
        self._vault = vault
        self._empty = empty

    def decide(self, request: Request) -> Decision:
        """Raises nothing that a body can cause."""
        if request.route.treatment is Treatment.PASS:
            return Decision(Verdict.LEFT_ALONE, self._empty, size=len(request.content))
        if not request.content:
            with waiting(Wait.GLADLY if asked() else Wait.NEVER):
                links = self._refreshed(request, None)
            return Decision(Verdict.CLEAN, self._chained(request, links, self._empty))
        try:
            plain, chain = decode(
                request.content,
                request.headers.get("content-encoding", ""),
                self._settings.body_limit,
            )
            if request.route.dialect.name == "mcp":
                return self._adjusted(request, self._decide_mcp(request, plain, chain))
            body = self.read(request, plain, request.headers.get("content-type", ""))
        except Unreadable as error:
            return self.unreadable(request, error.reason, len(request.content))
        return self._adjusted(request, self.decide_body(request, body, chain))

    def _decide_mcp(self, request: Request, plain: bytes, chain: tuple[str, ...]) -> Decision:
        """With its hook before everything else, and refused in its own way. Raises Unreadable."""
        out = self.mcp.outgoing(request, plain)
        if out.reply is not None:
            return Decision(
                Verdict.BLOCKED,
                self._empty,
                message="a policy rule denies this tool call",
                status=200,
                reply=out.reply,
                rulings=tuple(out.rulings),
                size=len(plain),
            )
        allowed = replace(request, exempt=(*request.exempt, *out.allowed))
        body = self.read(allowed, out.raw, request.headers.get("content-type", ""))
        decision = self.decide_body(allowed, body, chain)
        decision = replace(decision, rulings=(*out.rulings, *decision.rulings))
        if decision.refused:
            reply = messages.refused(out.raw, decision.message)
            return decision if reply is None else replace(decision, status=200, reply=reply)
        if decision.content is None and out.raw != plain and self._settings.mode != "audit":
            return replace(decision, content=encode(out.raw, chain), verdict=Verdict.REDACTED)
        return decision

    def read(self, request: Request, raw: bytes, content_type: str) -> Body:
        """A body, what was seen before passed over; raises Unreadable.

        Where rules of the policy look at whole calls, all of it is read.
        """
        dialect = request.route.dialect
        policy = self._policy(request, raw)
        seen = None
        if policy is None or not policy.needs_calls:
            context = (dialect.name, self._settings.mode)
            seen = self._redactor.seen(request.scope, _digest(policy), *context)
        return readers.read(raw, content_type, dialect, seen)

    def _policy(self, request: Request, raw: bytes) -> RequestPolicy | None:
        policy = self.policies.of(request, raw)
        if policy and request.route.dialect.name == "mcp":
            # Its messages are no part of a conversation with a model: mcp.session judges them.
            return policy.of_findings
        return policy

    def _adjusted(self, request: Request, decision: Decision) -> Decision:
        """With what the request says about its body made true again."""
        if decision.content is None:
            return decision
        try:
            headers = signatures.adjusted(
                request.method, request.url, request.headers, request.content, decision.content
            )
        except signatures.Unsignable as error:
            message = (
                f"secretgate blocked this request: a secret was detected in it ({_places(decision.spots)}), and "
                f"{error}. Nothing was sent."
            )
            return replace(
                self._refused(request, Verdict.BLOCKED, message),
                spots=decision.spots,
                counts=decision.counts,
                size=decision.size,
                model=decision.model,
            )
        return replace(decision, headers=headers) if headers else decision

    def decide_body(self, request: Request, body: Body, chain: tuple[str, ...] = ()) -> Decision:
        """The same for a body that has been read."""
        decision = self._decided(request, body, chain)
        named = any(spot.path == "model" for spot in decision.spots)
        asked_for = "" if named else _model(request, body)
        return replace(decision, size=len(body.raw), model=asked_for)

    def _decided(self, request: Request, body: Body, chain: tuple[str, ...]) -> Decision:
        mode = self._settings.mode
        outline = body.outline
        streams = _STREAM.search(outline) is not None
        dialect = request.route.dialect.answering(outline)
        strict = mode == "redact" and self._blocks(request)
        try:
            links = self._refreshed(request, outline)
            policy = self._policy(request, outline)
            if isinstance(body, JsonBody) and body.seen.policy != _digest(policy):
                # The policy has changed since it was read.
                body = json_spans.read_json(body.raw, request.route.dialect.request_paths.root)
            found = self._redactor.inspect(
                body,
                request.scope,
                request.exempt,
                learn=mode != "audit",
                strict=strict,
                leaves=mode != "audit",
                policy=policy,
            )
        except Unreachable as error:
            return self._unreachable(request, error)
        except Unreadable as error:
            return self.unreadable(request, error.reason)
        except Denied as denied:
            refused = self._refused(request, Verdict.BLOCKED, told(denied.decision))
            return replace(refused, rulings=(denied.decision,), counts=denied.counts)
        except Leak as leak:
            refused = self._refused(
                request,
                Verdict.BLOCKED,
                f"secretgate blocked this request: {leak}. Nothing was sent. Remove the secret, or "
                "report this as a defect of secretgate.",
            )
            return replace(refused, counts=leak.counts)
        spots = tuple(found.spots)
        rulings = found.ruling.decisions if found.ruling else ()
        blocked = [spot for spot in spots if spot.action == BLOCK]
        if mode == "audit":
            verdict = Verdict.AUDITED if spots else Verdict.CLEAN
            return Decision(
                verdict,
                self._empty,
                spots=spots,
                counts=found.counts,
                streams=streams,
                dialect=dialect,
                rulings=rulings,
            )
        if blocked or (mode == "block" and spots and policy is None):
            message = policy.message(blocked[0]) if policy else ""
            refused = self._refused(request, Verdict.BLOCKED, message or _refusal(spots), found)
            return replace(refused, rulings=rulings)
        if self._settings.mcp_restore:
            scope = handover.of_models(request.scope.client)
            handover.hand_over(self._vault, scope, found.issued)
        issued = self._chained(request, links, found.issued)
        if found.raw is body.raw and any(spot.action == REDACT for spot in spots):
            message = "a document with a secret in it cannot be rewritten"
            return Decision(
                Verdict.UNREADABLE,
                issued,
                message=message,
                spots=spots,
                counts=found.counts,
                streams=streams,
                dialect=dialect,
                rulings=rulings,
            )
        if found.raw is body.raw:
            return Decision(
                Verdict.AUDITED if spots else Verdict.CLEAN,
                issued,
                spots=spots,
                counts=found.counts,
                streams=streams,
                dialect=dialect,
                rulings=rulings,
            )
        content = encode(found.raw, chain)
        return Decision(
            Verdict.REDACTED,
            issued,
            content,
            spots=spots,
            counts=found.counts,
            streams=streams,
            dialect=dialect,
            rulings=rulings,
        )

    def consulting(self, request: Request) -> AbstractContextManager[None]:
        """Within it, what other workers know is asked for; where nobody answers, a request that would be
        blocked if it could not be read is blocked too."""
        return waiting(Wait.NEEDED if self._blocks(request) else Wait.GLADLY)

    def begin(self, request: Request) -> Decision | None:
        """What is to be done before the first of several messages; a refusal, where there can be none."""
        try:
            self._refreshed(request, None)
        except Unreachable as error:
            return self._unreachable(request, error)
        return None

    def _refreshed(self, request: Request, raw: bytes | None) -> list[str]:
        """The links of the request, once what other workers know is here."""
        links = _links(request, raw)
        self._vault.refresh(request.scope, links)
        return links

    def _blocks(self, request: Request) -> bool:
        """Whether what cannot be read is blocked."""
        content = request.route.treatment is Treatment.CONTENT
        return (
            content and self._settings.on_unreadable == "block" and self._settings.mode != "audit"
        )

    def _unreachable(self, request: Request, error: Unreachable) -> Decision:
        message = (
            f"secretgate cannot reach the vault that its workers share: {error}. Without it, secrets "
            "that other workers found could leave, so this request was not sent. Try again later."
        )
        refused = self._refused(request, Verdict.UNREADABLE, message)
        return replace(refused, status=self._settings.block_status or 503)

    def _chained(self, request: Request, links: Sequence[str], issued: Issued) -> Issued:
        """With what was issued before, where the provider keeps the conversation."""
        for link in links:
            earlier = self._vault.chain(request.scope, link)
            if earlier is not None:
                issued = issued.joined(earlier.afresh())
        return issued

    def unreadable(self, request: Request, reason: str, size: int = 0) -> Decision:
        """What becomes of content of a size that cannot be read."""
        if not self._blocks(request):
            return Decision(Verdict.UNREADABLE, self._empty, message=reason, size=size)
        refused = self._refused(
            request,
            Verdict.UNREADABLE,
            f"secretgate cannot read this request, so it was not sent: {reason}. "
            "To let such requests pass unread: --set secretgate_on_unreadable=pass",
        )
        return replace(refused, size=size)

    def _refused(
        self, request: Request, verdict: Verdict, message: str, found: Redaction | None = None
    ) -> Decision:
        return Decision(
            verdict,
            self._empty,
            message=message,
            status=refusals.status(
                request.headers.get("user-agent", ""), self._settings.block_status
            ),
            spots=tuple(found.spots) if found else (),
            counts=found.counts if found else Counts(),
        )


def _digest(policy: RequestPolicy | None) -> str:
    return policy.digest if policy is not None else ""


def _model(request: Request, body: Body) -> str:
    """Which model is asked for: as a rule the body says so beside its messages, or the path does."""
    return models.named(request.path, body.outline) or models.named("", body.raw)


def _refusal(spots: tuple[Spot, ...]) -> str:
    return (
        f"request blocked: secret detected in prompt ({_places(spots)}). secretgate sent "
        "nothing. Remove it, or run secretgate in redact mode."
    )


def _places(spots: tuple[Spot, ...]) -> str:
    places: dict[str, list[str]] = {}
    for spot in spots:
        places.setdefault(spot.path or "the body", []).append(spot.rule)
    shown = [f"{path}: {', '.join(sorted(set(rules)))}" for path, rules in places.items()]
    more = f" and {len(shown) - 5} more places" if len(shown) > 5 else ""
    return "; ".join(shown[:5]) + more


def _links(request: Request, raw: bytes | None) -> list[str]:
    """The ids of earlier answers that a request goes on with, or asks for in its path."""
    dialect = request.route.dialect
    if not dialect.chain_in:
        return []
    links = [part for part in request.path.partition("?")[0].split("/") if len(part) >= 8]
    if raw and any(f'"{name.partition(".")[0]}"'.encode() in raw for name in dialect.chain_in):
        try:
            event = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return links
        links += [
            value for name in dialect.chain_in if isinstance(value := value_at(event, name), str)
        ]
    return links
