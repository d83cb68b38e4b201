"""WebSockets of covered hosts: every message is treated as a request or an event.

mitmproxy has already decompressed and reassembled the messages. Later turns send only what is new,
so what was issued remains valid as long as the connection exists, and, if the provider keeps the
conversation, for a connection that resumes it.

A refused message is not sent. If the protocol has an error event (OpenAI's has), the client
receives one and the connection stays open, as the client would reopen a closed one again and again;
otherwise the connection is closed after the error, as the client would wait for its answer forever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from secretgate.bodies.base import Body, Unreadable
from secretgate.bodies.json_reader import begins_like_json
from secretgate.engine import Engine
from secretgate.hosts import Treatment
from secretgate.inbound.documents import text_or_document
from secretgate.inbound.events import Events
from secretgate.inbound.written import Recorder
from secretgate.outbound import references, refusals
from secretgate.outbound.requests import Decision, Request, Verdict
from secretgate.placeholders import Issued
from secretgate.policy.judged import Judging
from secretgate.streams.base import Frame

_KEEP_OPEN = frozenset(("openai-responses",))
"""Dialects with an error event that does not end the connection."""
_ASKS = re.compile(rb'"type"\s*:\s*"response\.create"')
"""What a message has in it that asks for an answer, and so may choose its format."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for a message; if `content` is None, it is passed on unchanged."""

    content: bytes | None = field(default=None, repr=False)
    drop: bool = False
    inject: tuple[tuple[bool, bytes], ...] = field(default=(), repr=False)
    """Messages to send after it: whether to the client, and the content."""
    decision: Decision | None = None
    close: bool = False
    """Whether to end the connection after the injected messages were sent."""


@dataclass(frozen=True, slots=True)
class Message:
    """A WebSocket message as a frame."""

    raw: bytes

    @property
    def payload(self) -> bytes | None:
        return self.raw if self.raw.lstrip()[:1] == b"{" else None

    @property
    def event(self) -> str:
        return ""

    def with_payload(self, payload: bytes) -> bytes:
        return payload


class Socket:
    """One WebSocket: processes the messages of both sides."""

    def __init__(self, engine: Engine, request: Request, judge: Judging | None = None) -> None:
        self._engine = engine
        self._request = request
        self._dialect = request.route.dialect
        self.recorder = Recorder(self._dialect, engine.redactor, engine.ledger, request.scope)
        self.recorder.watch(self._link)
        self._events = Events(self._dialect, engine.nothing_issued, self.recorder)
        self._judge = judge
        self._on_its_way = 0
        """Number of injected messages that the client has not received yet."""
        self._linked = False
        """Whether any id is known by which later requests can refer to what came."""

    def from_client(self, content: bytes, is_text: bool = True) -> Outcome:
        if self._request.route.treatment is Treatment.PASS:
            nothing = self._engine.nothing_issued
            left = Decision(Verdict.LEFT_ALONE, nothing, size=len(content))
            return Outcome(decision=left)
        try:
            body = self._read(content, is_text)
        except Unreadable as error:
            return self._unreadable(error.reason, len(content))
        decision = self._engine.requests.decide_body(self._request, body)
        if decision.refused:
            return self._refused(decision)
        if decision.dialect is not None and _ASKS.search(body.outline):
            self._events.dialect = decision.dialect
        self._events.issued = decision.issued.joined(self._events.issued)
        return Outcome(content=decision.content, decision=decision)

    def from_provider(self, content: bytes, is_text: bool = True) -> Outcome:
        treatment = self._request.route.treatment
        watching = self._engine.settings.mode == "audit" and self._judge is None
        if treatment is Treatment.PASS or watching:
            return Outcome()
        message = Message(content)
        if message.payload is not None:
            judged: Sequence[Frame] = self._judge.event(message) if self._judge else [message]
            out = [each for frame in judged for each in self._events.event(frame)]
            if not out:
                return Outcome(drop=True)
        elif is_text:
            out = [text_or_document(content, self._dialect, self._events.issued)]
        else:
            out = [content]
        if len(out) == 1 and not self._on_its_way:
            return Outcome(content=None if out[0] is content else out[0])
        # Injected messages arrive after this one and perhaps after the next: until the client has
        # received them all, whatever follows is injected after them.
        self._on_its_way += len(out)
        return Outcome(drop=True, inject=tuple((True, each) for each in out))

    def failed(self) -> Outcome:
        """Return the result for a client's message on which secretgate itself failed."""
        return self.refused(
            "secretgate failed on this message, so it was not sent. Its log says where."
        )

    def refused(self, message: str) -> Outcome:
        status = refusals.status(self._request.headers.get("user-agent", ""))
        nothing = self._engine.nothing_issued
        return self._refused(Decision(Verdict.BLOCKED, nothing, message=message, status=status))

    def arrived(self) -> None:
        """Record that an injected message was sent to the client."""
        self._on_its_way = max(0, self._on_its_way - 1)

    def close(self) -> None:
        """Record that the answers so far have ended."""
        self.recorder.flush()

    @property
    def issued(self) -> Issued:
        """The placeholders issued, and those restored, in all answers so far."""
        return self._events.issued

    def _read(self, content: bytes, is_text: bool) -> Body:
        if is_text:
            return self._engine.requests.read(self._request, content, "text/plain")
        if not begins_like_json(content):
            raise Unreadable("a binary message that is not JSON")
        return self._engine.requests.read(self._request, content, "application/json")

    def _link(self, event: object) -> None:
        policies = self._engine.requests.policies
        if policies.policy is not None:
            policies.called.see(self._request.scope, self._dialect.name, event)
        issued, vault = self._events.issued, self._engine.vault
        for link in self._dialect.links(event) if issued else ():
            if not self._linked and self._dialect.chain_items:
                vault.link(self._request.scope, references.ITEMS, self._engine.nothing_issued)
            self._linked = True
            vault.link(self._request.scope, link, issued)

    def _unreadable(self, reason: str, size: int) -> Outcome:
        nothing = self._engine.nothing_issued
        settings = self._engine.settings
        if (
            self._request.route.treatment is not Treatment.CONTENT
            or settings.on_unreadable == "pass"
            or settings.mode == "audit"
        ):
            passed = Decision(Verdict.UNREADABLE, nothing, message=reason, size=size)
            return Outcome(decision=passed)
        message = (
            f"secretgate cannot read this message, so it was not sent: {reason}. To let such "
            "messages pass unread: --set secretgate_on_unreadable=pass"
        )
        status = refusals.status(self._request.headers.get("user-agent", ""), settings.block_status)
        return self._refused(
            Decision(Verdict.UNREADABLE, nothing, message=message, status=status, size=size)
        )

    def _refused(self, decision: Decision) -> Outcome:
        payload = self._dialect.refusal_message(decision.status, decision.message)
        self._on_its_way += 1
        return Outcome(
            drop=True,
            inject=((True, json.dumps(payload).encode()),),
            decision=decision,
            close=self._dialect.name not in _KEEP_OPEN,
        )
