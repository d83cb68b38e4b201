"""A session between one client and one server program: messages in, messages out.

What the server sends is on its way to a model, so it is treated like a request to one: the mode
decides about its secrets. What the client sends goes to the server: placeholders that were issued
here are restored in tool calls, and nothing else is changed unless a rule says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from secretgate.audit.trail import Trail
from secretgate.bodies.base import Unreadable
from secretgate.coverage import coverage
from secretgate.engine import Engine
from secretgate.hosts import Route, Treatment
from secretgate.inbound.documents import document
from secretgate.inbound.leftovers import Fate
from secretgate.mcp import messages
from secretgate.mcp.hooks import MCP, Hooks
from secretgate.mcp.secrets import Given, SessionSecrets
from secretgate.outbound import refusals
from secretgate.outbound.handover import handed_over, of_models
from secretgate.outbound.requests import Decision as Outcome
from secretgate.outbound.requests import Request, Verdict
from secretgate.policy.engine import Policy
from secretgate.policy.model import Decision
from secretgate.vault import Scope
from secretgate.wording import counted

_SWEEP = 60.0
_FAILED = (
    "secretgate could not check this message, so it was not passed on. "
    "This is a defect of secretgate; what it wrote to its standard error says where."
)
_UNRECORDED = (
    "secretgate refused this message: the audit log cannot be written, and audit_on_error is block. "
    "What secretgate wrote to its standard error says why."
)


@dataclass(frozen=True, slots=True)
class Passed:
    """The result for one message: `forward` is sent on, `reply` goes back to its sender."""

    forward: bytes | None = field(default=None, repr=False)
    reply: bytes | None = field(default=None, repr=False)
    notes: Sequence[str] = ()
    """Log texts on what was done; they contain no values."""


class Session:
    """Handles the messages of one client and one server."""

    def __init__(
        self,
        engine: Engine,
        server: str,
        client: str = "127.0.0.1",
        policy: Policy | None = None,
        handed_over: bool = False,
        trail: Trail | None = None,
    ) -> None:
        """`handed_over`: whether placeholders issued to models elsewhere are restored too."""
        self._engine = engine
        self._trail = trail or Trail()
        self._scope = Scope(client, f"mcp:{server}", b"")
        self._handed_over = handed_over
        self._given = Given(engine.nothing_issued, engine.settings.remember)
        self._notes: list[str] = []
        self._rulings: list[Decision] = []
        self._tool = ""
        """The client's name for itself."""
        self._secrets = SessionSecrets(engine.redactor, self._scope)
        self._context = {"provider": self._scope.provider, "client": client, "user": ""}
        self._hooks = Hooks(policy, server, self._secrets, self._context, self._note)

    @property
    def period(self) -> float:
        """Seconds between two sweeps of expired state."""
        return min(_SWEEP, self._engine.settings.remember / 4)

    def from_client(self, raw: bytes) -> Passed:
        """Handle a message to the server; rules evaluate it with its values restored."""
        try:
            messages.parsed(raw)
        except ValueError:
            return Passed(raw)
        raw, restored = self._restored(raw)
        message = messages.parsed(raw)
        self._meet(message)
        calls = self._hooks.calls(raw, message)
        rulings = self._ruled()
        if any(messages.tool_calls(message)):
            fate = Fate(frozenset(restored), frozenset())
            mode = self._engine.settings.mode
            self._trail.answer("", self._request(raw), fate, mode, 0, False, rulings, "request")
        wanted = [told for told in calls.denied.values() if told["id"] is not None]
        reply = _joined(wanted, isinstance(message, list))
        forward = messages.without(calls.raw, calls.denied.keys()) if calls.denied else calls.raw
        return Passed(forward, reply, self._noted())

    def from_server(self, raw: bytes) -> Passed:
        """Handle a message to the client, and so to the model behind it."""
        self._rulings.clear()
        try:
            message = messages.parsed(raw)
        except ValueError:
            return self._unreadable(raw)
        if reason := self._trail.objection:
            self._notes.append(f"refused, as it cannot be recorded: {reason}")
            return self._refused(message, _UNRECORDED)
        raw = self._hooks.results(raw, message)
        try:
            return self._redacted(raw)
        except Unreadable as error:
            request = self._request(raw)
            refusing = self._engine.requests.refusing
            self._record(request, refusing.unreadable(request, error.reason, len(raw)))
            if self._passes_unread:
                return Passed(raw, None, [*self._noted(), f"passed unread: {error.reason}"])
            self._notes.append(f"refused, as it cannot be read: {error.reason}")
            return self._refused(
                message,
                f"secretgate cannot read this message, so it was not passed on: {error.reason}.",
            )

    def failed(self, raw: bytes, to_server: bool) -> Passed:
        """Return what is sent instead of a message whose handling raised an exception.

        Whoever waits for an answer gets an error: without one, it would wait for ever.
        """
        self._notes.clear()
        request = self._request(raw)
        self._trail.failure("", request.route, request, self._engine.settings.mode)
        try:
            message = messages.parsed(raw)
        except (ValueError, RecursionError):
            return Passed()
        if to_server:
            return Passed(None, messages.refused(raw, _FAILED))
        return self._refused(message, _FAILED)

    def forget(self) -> None:
        """Drop expired state."""
        self._given.sweep()
        self._engine.forget()

    def _meet(self, message: Any) -> None:
        """Remember who the client says it is, unless it is a secret."""
        for name in messages.introduced(message):
            if not self._secrets.find(name.encode("utf-8", "replace")):
                self._tool = name
                self._context["client"] = self._context["agent_id"] = refusals.client(name)

    def _note(self, operation: str, tool: str, decision: Decision) -> None:
        self._rulings.append(decision)
        if decision.rule:
            enforced = "" if decision.enforced else " (audit only)"
            said = f"{decision.action.value} by {decision.scope}/{decision.rule}{enforced}"
            self._notes.append(f"{tool}: {said}")

    def _noted(self) -> list[str]:
        notes, self._notes = self._notes, []
        return notes

    def _ruled(self) -> list[Decision]:
        rulings, self._rulings = self._rulings, []
        return rulings

    def _record(self, request: Request, decided: Outcome) -> None:
        """Record a server message; what rules did to a result counts as done to the message."""
        rulings = self._ruled()
        if any(each.denies for each in rulings):
            decided = replace(decided, verdict=Verdict.BLOCKED)
        elif decided.verdict is Verdict.CLEAN and any(each.redacts for each in rulings):
            decided = replace(decided, verdict=Verdict.REDACTED)
        decided = replace(decided, rulings=(*decided.rulings, *rulings))
        mode = self._engine.settings.mode
        self._trail.request("", request, decided, coverage(decided), mode, "response")

    def _restored(self, raw: bytes) -> tuple[bytes, set[bytes]]:
        """Return a client message with its values, and the placeholders that stood for them."""
        vault, empty = self._engine.vault, self._engine.nothing_issued
        issued = self._given.issued.joined(handed_over(vault, self._scope, raw, empty))
        if self._handed_over:
            models = of_models(self._scope.client)
            issued = issued.joined(handed_over(vault, models, raw, empty))
        restored = document(raw, MCP, issued)
        self._given.used(issued.restored_names)
        return restored, issued.restored_names

    def _redacted(self, raw: bytes) -> Passed:
        """Redact as the mode says, like content sent to a model. Raise Unreadable."""
        request = self._request(raw)
        body = self._engine.requests.read(request, raw, "application/json")
        decision = self._engine.requests.decide_body(request, body)
        self._record(request, decision)
        rules = sorted({spot.rule for spot in decision.spots})
        if rules:
            what = f"{counted(len(decision.spots), 'secret')} ({', '.join(rules)})"
            self._notes.append(f"{what}: {decision.verdict.value}")
        if decision.refused:
            return self._refused(messages.parsed(raw), decision.message)
        if decision.issued:
            self._given.add(decision.issued)
        content = decision.content
        return Passed(raw if content is None else content, None, self._noted())

    def _request(self, raw: bytes) -> Request:
        return Request(
            route=Route(self._scope.provider, MCP, Treatment.CONTENT),
            method="POST",
            path="/",
            headers={"content-type": "application/json", "user-agent": self._tool},
            content=raw,
            scope=self._scope,
            exempt=(),
        )

    def _refused(self, message: Any, reason: str) -> Passed:
        """Build the refusal of a server message.

        An answer becomes an error for the client, a request by the server is answered with an
        error, and a notification is dropped.
        """
        forward: list[Any] = []
        back: list[Any] = []
        for _, item in messages.items(message):
            number = item.get("id")
            if "method" in item and number is not None:
                back.append(messages.error(number, reason))
            elif isinstance(item.get("result"), dict) and "content" in item["result"]:
                forward.append(messages.denied_result(number, reason))
            elif "method" not in item and number is not None:
                forward.append(messages.error(number, reason))
        batch = isinstance(message, list)
        return Passed(_joined(forward, batch), _joined(back, batch), self._noted())

    def _unreadable(self, raw: bytes) -> Passed:
        told = "passed" if self._passes_unread else "dropped"
        forward = raw if self._passes_unread else None
        return Passed(forward, None, [f"a line that is not JSON was {told}"])

    @property
    def _passes_unread(self) -> bool:
        settings = self._engine.settings
        return settings.on_unreadable == "pass" or settings.mode == "audit"


def _joined(found: Sequence[Any], batch: bool) -> bytes | None:
    if not found:
        return None
    return messages.encoded(list(found) if batch else found[0])
