"""MCP servers reached through the proxy: Streamable HTTP, and the older HTTP with SSE.

Requests and answers are handled like all others; this module adds what is specific to MCP: the two
hooks, values for servers that the user has allowed to receive them, and refusals that clients
understand. A refused message gets status 200 and an MCP error, because any other status ends the
client's session. (In the older transport, answers come on another connection, so a refusal there is
an HTTP error.)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol
from urllib.parse import urlsplit

from secretgate.inbound.documents import document
from secretgate.mcp import messages
from secretgate.mcp.hooks import MCP, Hooks, Told
from secretgate.mcp.secrets import SessionSecrets
from secretgate.outbound.handover import handed_over, of_models
from secretgate.outbound.redaction import Redactor
from secretgate.placeholders import Issued
from secretgate.policy.interest import Interest
from secretgate.policy.judged import Changed
from secretgate.policy.model import Decision
from secretgate.policy.requests import Policies, RequestPolicy
from secretgate.providers import Dialect
from secretgate.streams.base import Frame
from secretgate.vault import Scope

_MOST_SESSIONS = 1000
_OTHERS = "another call of the same batch was denied, so nothing of it was sent"


class _Route(Protocol):
    @property
    def provider(self) -> str: ...
    @property
    def dialect(self) -> Dialect: ...


class Asked(Protocol):
    """The parts of a request that are needed here."""

    @property
    def route(self) -> _Route: ...
    @property
    def path(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def scope(self) -> Scope: ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request after the MCP hook, before anything else is done with it."""

    raw: bytes = field(repr=False)
    allowed: Collection[bytes] = field(default=(), repr=False)
    """Values restored for a server that may receive them."""
    reply: bytes | None = field(default=None, repr=False)
    """The reply, if a tool call was denied and nothing is sent."""
    rulings: Sequence[Decision] = ()


class Remote:
    """Handles MCP over the proxy.

    `may_have`: globs of the servers that receive the values of placeholders issued to models.
    """

    def __init__(self, redactor: Redactor, policies: Policies, may_have: Sequence[str]) -> None:
        self._redactor = redactor
        self._policies = policies
        self._may_have = may_have
        self._pending: OrderedDict[tuple[Scope, str], messages.Pending] = OrderedDict()

    def outgoing(self, request: Asked, raw: bytes) -> Outgoing:
        """Apply the hook before a tool call to a request body."""
        try:
            messages.parsed(raw)
        except ValueError:
            return Outgoing(raw)
        raw, allowed = self._restored(request, raw)
        message = messages.parsed(raw)
        rulings: list[Decision] = []
        hooks = self._hooks(request, lambda operation, tool, ruled: rulings.append(ruled))
        if hooks is None:
            return Outgoing(raw, allowed)
        calls = hooks.calls(raw, message)
        if not calls.denied:
            return Outgoing(calls.raw, allowed, None, rulings)
        answers = [
            calls.denied.get(at) or messages.denied_result(item.get("id"), _OTHERS)
            for at, item in messages.items(message)
            if item.get("id") is not None
        ]
        reply = messages.encoded(answers if isinstance(message, list) else answers[0])
        return Outgoing(raw, (), reply, rulings)

    def judge(self, request: Asked, told: Told) -> ResultJudge | None:
        """Return the judge for tool results, or None if there is no policy."""
        hooks = self._hooks(request, told)
        return ResultJudge(hooks) if hooks is not None else None

    def _hooks(self, request: Asked, told: Told) -> Hooks | None:
        own: RequestPolicy | None = self._policies.of(request)
        if own is None:
            return None
        secrets = SessionSecrets(self._redactor, request.scope)
        return Hooks(own.policy, _server(request), secrets, own.context, told, self._asked(request))

    def _asked(self, request: Asked) -> messages.Pending:
        """Return a session's unanswered calls; their answers may come on another connection."""
        key = request.scope, request.headers.get("mcp-session-id", "")
        pending = self._pending.setdefault(key, messages.Pending())
        self._pending.move_to_end(key)
        while len(self._pending) > _MOST_SESSIONS:
            self._pending.popitem(last=False)
        return pending

    def _restored(self, request: Asked, raw: bytes) -> tuple[bytes, Collection[bytes]]:
        vault, empty = self._redactor.vault, Issued(self._redactor.namer.template, {})
        issued = handed_over(vault, request.scope, raw, empty)
        if any(fnmatchcase(_server(request), glob) for glob in self._may_have):
            models = of_models(request.scope.client)
            issued = issued.joined(handed_over(vault, models, raw, empty))
        return document(raw, MCP, issued), tuple(issued.values.values())


class ResultJudge:
    """Judges tool results message by message; nothing in MCP is split into pieces."""

    wanted = Interest(frozenset(), frozenset(("mcp.tool_result",)))

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def event(self, frame: Frame) -> list[Frame]:
        payload = frame.payload
        if payload is None:
            return [frame]
        judged = self.document(payload)
        return [frame] if judged == payload else [Changed(frame, judged)]

    def finish(self) -> list[Frame]:
        return []

    def of_texts(self) -> ResultJudge:
        return self

    def document(self, payload: bytes) -> bytes:
        try:
            message: Any = messages.parsed(payload)
        except ValueError:
            return payload
        return self._hooks.results(payload, message)


def _server(request: Asked) -> str:
    return urlsplit(request.url).hostname or request.route.provider
