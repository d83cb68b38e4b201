"""Decides on requests to covered hosts: send unchanged, send redacted, or refuse.

Bytes and headers in, a decision out; the hooks turn it into HTTP. This module defines the order of
the steps; refusals and their messages are built in `refusal_reasons.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from secretgate.bodies import json_spans, readers
from secretgate.bodies.asides import asides
from secretgate.bodies.base import Body, PlainBody, Unreadable, text_slot
from secretgate.bodies.encodings import decode, encode
from secretgate.bodies.json_body import JsonBody
from secretgate.bodies.json_walk import Reading
from secretgate.history.verdicts import Seen
from secretgate.hosts import Treatment
from secretgate.mcp import messages
from secretgate.mcp.over_http import Remote
from secretgate.outbound import handover, models, references, signatures
from secretgate.outbound.inspection import Leak, Redaction
from secretgate.outbound.redaction import Redactor
from secretgate.outbound.refusal_reasons import Refusing
from secretgate.outbound.requests import Decision, Request, Verdict
from secretgate.placeholders import Issued
from secretgate.policy.handling import BLOCK, REDACT
from secretgate.policy.requests import Denied, Policies, RequestPolicy
from secretgate.settings import Settings
from secretgate.stores import Unreachable
from secretgate.stores.line import Wait, asked, waiting
from secretgate.vault import IssuedMeanwhile, Vault

_STREAM = re.compile(rb'"stream"\s*:\s*true')
_STORE = re.compile(rb'"store"\s*:\s*true')


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
        self.refusing = Refusing(settings, empty)
        self.mcp = Remote(redactor, self.policies, settings.mcp_restore)
        self._settings = settings
        self._redactor = redactor
        self._vault = vault
        self._empty = empty

    def decide(self, request: Request, reading: Reading | None = None) -> Decision:
        """Return the decision on a request. No body can make this raise, except in an `attempt`.

        `reading`: the reading of its body, if already begun.
        """
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
                decision = self._decide_mcp(request, plain, chain)
            else:
                kind = request.headers.get("content-type", "")
                body = reading.body if reading is not None else self.read(request, plain, kind)
                decision = self.decide_body(request, body, chain)
        except Unreadable as error:
            return self.refusing.unreadable(request, error.reason, len(request.content))
        return self._adjusted(request, self._without_asides(request, plain, chain, decision))

    def _decide_mcp(self, request: Request, plain: bytes, chain: tuple[str, ...]) -> Decision:
        """Decide on an MCP message: rules for tool calls first, MCP errors as refusals.

        Raises `Unreadable`.
        """
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

    def _without_asides(
        self, request: Request, plain: bytes, chain: tuple[str, ...], decision: Decision
    ) -> Decision:
        """Recompress the body if compression metadata, such as a file name, holds a secret."""
        if not chain or decision.refused or decision.content is not None:
            return decision
        text = asides(request.content, chain, self._settings.body_limit)
        if not text:
            return decision
        beside = PlainBody(text, [text_slot(text, "beside the compressed body")])
        found = self.decide_body(request, beside)
        if found.refused or not found.spots:
            return found if found.refused else decision
        decision = replace(decision, verdict=found.verdict, spots=(*decision.spots, *found.spots))
        if found.content is None:
            return decision
        issued = decision.issued.joined(found.issued)
        return replace(decision, content=encode(plain, chain), issued=issued)

    def read(self, request: Request, raw: bytes, content_type: str) -> Body:
        """Read a body, skipping what was seen before. Raises `Unreadable`.

        All of it is read if policy rules look at complete calls.
        """
        dialect = request.route.dialect
        if signatures.is_upload(request.headers):
            return readers.read_upload(raw, dialect)
        return readers.read(raw, content_type, dialect, self._seen(request, raw))

    def reading(self, request: Request) -> Reading | None:
        """Return the reading of a body, not begun yet; None if it is not plainly sent JSON."""
        raw, dialect = request.content, request.route.dialect
        if request.packed or dialect.name == "mcp" or request.route.treatment is Treatment.PASS:
            return None
        seen = self._seen(request, raw)
        if seen is None or signatures.is_upload(request.headers):
            return None
        return readers.reading(raw, request.headers.get("content-type", ""), dialect, seen)

    def _seen(self, request: Request, raw: bytes) -> Seen | None:
        """Return what was seen before; None if policy rules look at complete calls."""
        policy = self._policy(request, raw)
        if policy is not None and policy.needs_calls:
            return None
        context = (request.route.dialect.name, self._settings.mode)
        return self._redactor.seen(request.scope, _digest(policy), *context)

    def _policy(self, request: Request, raw: bytes) -> RequestPolicy | None:
        policy = self.policies.of(request, raw)
        if policy and request.route.dialect.name == "mcp":
            # Its messages are not part of a conversation with a model: `mcp.session` judges them.
            return policy.of_findings
        return policy

    def _adjusted(self, request: Request, decision: Decision) -> Decision:
        """Return the decision with the headers adjusted that vouch for the body."""
        if decision.content is None:
            return decision
        try:
            headers = signatures.adjusted(
                request.method, request.url, request.headers, request.content, decision.content
            )
        except signatures.Unsignable as error:
            return self.refusing.unsignable(request, decision, error)
        return replace(decision, headers=headers) if headers else decision

    def decide_body(self, request: Request, body: Body, chain: tuple[str, ...] = ()) -> Decision:
        """Return the decision on a body that was already read."""
        decision = self._decided(request, body, chain)
        named = any(spot.path == "model" for spot in decision.spots)
        asked_for = "" if named else _model(request, body)
        messages = body.messages if isinstance(body, JsonBody) else 0
        return replace(decision, size=len(body.raw), model=asked_for, messages=messages)

    def _decided(self, request: Request, body: Body, chain: tuple[str, ...]) -> Decision:
        outline = body.outline
        try:
            links = self._with_named(request, self._refreshed(request, outline), body.raw)
            policy = self._policy(request, outline)
            found = self._inspected(request, body, policy)
        except Unreachable as error:
            return self.refusing.unreachable(request, error)
        except Unreadable as error:
            return self.refusing.unreadable(request, error.reason)
        except Denied as denied:
            return self.refusing.denied(request, denied)
        except Leak as leak:
            return self.refusing.leak(request, leak)
        if self._forbids(policy, found):
            return self.refusing.found(request, found, policy)
        issued = self._issued(request, links, found.issued)
        for link in references.added_to(request, outline) if issued else ():
            self._vault.link(request.scope, link, issued)
        verdict, content, message = self._outcome(body, chain, found)
        return Decision(
            verdict,
            issued,
            content,
            message,
            spots=tuple(found.spots),
            counts=found.counts,
            streams=_STREAM.search(outline) is not None,
            stored=bool(issued) and _STORE.search(outline) is not None,
            dialect=request.route.dialect.answering(outline),
            rulings=found.ruling.decisions if found.ruling else (),
        )

    def _forbids(self, policy: RequestPolicy | None, found: Redaction) -> bool:
        """Whether findings must not leave even redacted: by the policy, else by the mode."""
        if self._settings.mode == "audit" or not found.spots:
            return False
        if policy is None and self._settings.mode == "block":
            return True
        return any(spot.action == BLOCK for spot in found.spots)

    def _issued(self, request: Request, links: Sequence[str], issued: Issued) -> Issued:
        """Return what the answer may restore."""
        if self._settings.mode == "audit":
            return self._empty
        if self._settings.mcp_restore:
            handover.hand_over(self._vault, handover.of_models(request.scope.client), issued)
        return self._chained(request, links, issued)

    def _outcome(
        self, body: Body, chain: tuple[str, ...], found: Redaction
    ) -> tuple[Verdict, bytes | None, str]:
        """Return the verdict, the body to send if changed, and why nothing could be done if so."""
        if self._settings.mode != "audit":
            if found.raw is not body.raw:
                return Verdict.REDACTED, encode(found.raw, chain), ""
            if any(spot.action == REDACT for spot in found.spots):
                return (
                    Verdict.UNREADABLE,
                    None,
                    "a document with a secret in it cannot be rewritten",
                )
        return (Verdict.AUDITED if found.spots else Verdict.CLEAN), None, ""

    def _inspected(self, request: Request, body: Body, policy: RequestPolicy | None) -> Redaction:
        """Inspect a body. Raises `Unreachable`, `Unreadable`, `Denied` and `Leak`."""
        mode = self._settings.mode
        if isinstance(body, JsonBody) and body.seen.policy != _digest(policy):
            # The policy has changed since the body was read.
            body = json_spans.read_strictly(body.raw, request.route.dialect.request_paths.root)
        return self._redactor.inspect(
            body,
            request.scope,
            request.exempt,
            learn=mode != "audit",
            strict=mode == "redact" and self.refusing.blocks(request),
            whole=self.refusing.blocks(request),
            leaves=mode != "audit",
            policy=policy,
        )

    def consulting(self, request: Request) -> AbstractContextManager[None]:
        """Return a context in which other workers' knowledge is queried.

        If the store does not answer, requests that would be blocked if unreadable are blocked too.
        """
        return waiting(Wait.NEEDED if self.refusing.blocks(request) else Wait.GLADLY)

    def begin(self, request: Request) -> Decision | None:
        """Prepare for the first of several messages; return a refusal if none may be sent."""
        try:
            self._refreshed(request, None)
        except Unreachable as error:
            return self.refusing.unreachable(request, error)
        return None

    def meanwhile(self, request: Request, links: Sequence[str], issued: Issued) -> IssuedMeanwhile:
        """Return what grows with what other requests add to what `links` name."""
        return IssuedMeanwhile(self._vault, request.scope, links, issued)

    def _refreshed(self, request: Request, raw: bytes | None) -> list[str]:
        """Fetch what other workers know about the request, and return its links."""
        links = references.links(request, raw)
        self._vault.refresh(request.scope, links)
        return links

    def _with_named(self, request: Request, links: Sequence[str], raw: bytes) -> Sequence[str]:
        """Return the links with those to files and to items that the body names."""
        named: list[str] = []
        for known, ids in (
            (references.ITEMS, references.items),
            (references.FILES, references.files),
        ):
            if known in links and self._vault.chain(request.scope, known) is not None:
                named += ids(request, raw)
        if named:
            self._vault.refresh(request.scope, named)
        return [*links, *named]

    def _chained(self, request: Request, links: Sequence[str], issued: Issued) -> Issued:
        """Add what was issued earlier, where the provider keeps the conversation."""
        for link in links:
            earlier = self._vault.chain(request.scope, link)
            if earlier is not None:
                issued = issued.joined(earlier.afresh())
        return issued


def _digest(policy: RequestPolicy | None) -> str:
    return policy.digest if policy is not None else ""


def _model(request: Request, body: Body) -> str:
    """Return the model asked for, usually named in the body beside the messages, or in the path."""
    return models.named(request.path, body.outline) or models.named("", body.raw)
