"""A WebSocket of a covered host: every message is a request or an event.

mitmproxy has inflated and put together the messages. Later turns send only what is new, so what
was issued counts for as long as the connection lives.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from secretgate.answers import Events
from secretgate.bodies import readers
from secretgate.bodies.base import Unreadable
from secretgate.engine import Engine
from secretgate.hosts import Treatment
from secretgate.placeholders import Issued
from secretgate.requests import Decision, Request, Verdict
from secretgate.written import Recorder


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a message; `content` None leaves it as it came."""

    content: bytes | None = field(default=None, repr=False)
    drop: bool = False
    inject: tuple[tuple[bool, bytes], ...] = field(default=(), repr=False)
    """Messages to send after it: whether to the client, and the content."""
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a frame."""

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
    def __init__(self, engine: Engine, request: Request) -> None:
        self._engine = engine
        self._request = request
        self._dialect = request.route.dialect
        self._recorder = Recorder(self._dialect, engine.redactor, engine.ledger, request.scope)
        self._events = Events(self._dialect, engine.nothing_issued, self._recorder)

    def from_client(self, content: bytes) -> Outcome:
        requests = self._engine.requests
        try:
            body = readers.read(content, "application/json", self._dialect)
        except Unreadable as error:
            if (
                self._request.route.treatment is not Treatment.CONTENT
                or self._engine.settings.on_unreadable == "pass"
            ):
                return Outcome(
                    decision=Decision(
                        Verdict.UNREADABLE, self._engine.nothing_issued, message=error.reason
                    )
                )
            message = f"secretgate cannot read this message, so it was not sent: {error.reason}"
            decision = Decision(
                Verdict.UNREADABLE, self._engine.nothing_issued, message=message, status=400
            )
            return self._refused(decision)
        decision = requests.decide_body(self._request, body)
        if decision.refused:
            return self._refused(decision)
        self._events.issued = decision.issued.joined(self._events.issued)
        return Outcome(content=decision.content, decision=decision)

    def from_provider(self, content: bytes) -> Outcome:
        if self._engine.settings.mode == "audit":
            return Outcome()
        out = self._events.event(Message(content))
        if len(out) == 1:
            return Outcome(content=None if out[0] is content else out[0])
        # Messages that are injected come after this one, so that this one has to go last among them.
        return Outcome(drop=True, inject=tuple((True, each) for each in out))

    def close(self) -> Issued:
        """Ends it; gives what was issued and restored in all its answers."""
        self._recorder.flush()
        return self._events.issued

    def _refused(self, decision: Decision) -> Outcome:
        _, payload = self._dialect.refusal_event(decision.status, decision.message)
        return Outcome(drop=True, inject=((True, json.dumps(payload).encode()),), decision=decision)
