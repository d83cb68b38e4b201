"""One client and one server: messages in, messages out.

What the server says is on its way to a model and is treated like a request to one: the mode
decides about the secrets in it. What the client says goes to the server; placeholders in tool calls that
were issued here get their values back, and nothing else is changed unless a rule says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from secretgate.answers import document
from secretgate.bodies import forms
from secretgate.bodies.base import Edit, Slot, Unreadable, spell, splice
from secretgate.bodies.json_spans import read_json
from secretgate.engine import Engine
from secretgate.handover import handed_over
from secretgate.hosts import Route, Treatment
from secretgate.mcp import messages
from secretgate.mcp.secrets import SessionSecrets
from secretgate.placeholders import Issued
from secretgate.policy.engine import Policy
from secretgate.policy.model import Call, Decision
from secretgate.providers import DIALECTS
from secretgate.requests import Request
from secretgate.vault import Scope

_MCP = DIALECTS["mcp"]


@dataclass(frozen=True, slots=True)
class Passed:
    """What becomes of a message. `forward` goes on; `reply` goes back to who sent it."""

    forward: bytes | None = field(default=None, repr=False)
    reply: bytes | None = field(default=None, repr=False)
    notes: Sequence[str] = ()
    """What was done, in words for a log; no values."""


class Session:
    def __init__(
        self,
        engine: Engine,
        server: str,
        client: str = "127.0.0.1",
        policy: Policy | None = None,
        handed_over: bool = False,
    ) -> None:
        """`handed_over`: whether placeholders that a model was given elsewhere get their values back too."""
        self._engine = engine
        self._server = server
        self._policy = policy
        self._scope = Scope(client, f"mcp:{server}", b"")
        self._handed_over = handed_over
        self._secrets = SessionSecrets(engine, self._scope)
        self._issued = engine.nothing_issued
        self._pending = messages.Pending()

    def from_client(self, raw: bytes) -> Passed:
        """A message on its way to the server. Rules judge it with its values put back."""
        try:
            messages.parsed(raw)
        except ValueError:
            return Passed(raw)
        raw = self._restored(raw)
        message = messages.parsed(raw)
        denied: dict[tuple[str | int, ...], Any] = {}
        notes: list[str] = []
        for call in messages.tool_calls(message):
            decision = self._judge("mcp.tool_call", self._call_params(call), "request")
            notes += _notes(decision, call.tool)
            if decision is not None and decision.denies:
                denied[call.at] = messages.denied_result(call.id, _denial(decision.message))
                continue
            if decision is not None and decision.redacts:
                raw = _edited(raw, decision, {"input": (*call.at, "params", "arguments")})
            if call.id is not None:
                self._pending.asked(call)
        wanted = [told for told in denied.values() if told["id"] is not None]
        reply = _joined(wanted, isinstance(message, list))
        return Passed(messages.without(raw, denied.keys()) if denied else raw, reply, notes)

    def from_server(self, raw: bytes) -> Passed:
        """A message on its way to the client, and to the model behind it."""
        try:
            message = messages.parsed(raw)
        except ValueError:
            return self._unreadable(raw)
        notes: list[str] = []
        for result in messages.tool_results(message, self._pending):
            for steps, text in _texts(result.result):
                params = {"name": result.tool, "tool_name": result.tool, "server": self._server}
                decision = self._judge("mcp.tool_result", {**params, "content": text}, "response")
                notes += _notes(decision, result.tool)
                if decision is not None and decision.denies:
                    told = messages.denied_result(result.id, _denial(decision.message))
                    return Passed(_in_place(message, result.at, told), None, notes)
                if decision is not None and decision.redacts:
                    raw = _edited(raw, decision, {"content": (*result.at, "result", *steps)})
        return self._redacted(raw, messages.parsed(raw), notes)

    def _call_params(self, call: messages.ToolCall) -> Mapping[str, Any]:
        return {
            "name": call.tool,
            "tool_name": call.tool,
            "server": self._server,
            "input": call.input if call.input is not None else {},
        }

    def _judge(self, operation: str, params: Mapping[str, Any], direction: str) -> Decision | None:
        if self._policy is None:
            return None
        context = {
            "direction": direction,
            "server": self._server,
            "provider": f"mcp:{self._server}",
            "client": self._scope.client,
            "user": "",
        }
        # Plain rules about secrets hold for what goes to a model, and `_redacted` asks them.
        call = Call(operation, params, context)
        return self._policy.evaluate(call, self._secrets, skip_plain=True)

    def _restored(self, raw: bytes) -> bytes:
        issued = self._issued
        if self._secrets.given:
            issued = issued.joined(Issued(issued.template, self._secrets.given))
        if self._handed_over:
            empty = self._engine.nothing_issued
            client = self._scope.client
            issued = issued.joined(handed_over(self._engine.vault, client, raw, empty))
        return document(raw, _MCP, issued)

    def _redacted(self, raw: bytes, message: Any, notes: list[str]) -> Passed:
        """By the mode, as what goes to a model is."""
        try:
            body = read_json(raw, _MCP.request_paths.root)
        except Unreadable:
            return self._unreadable(raw)
        decision = self._engine.requests.decide_body(self._request(raw), body)
        rules = sorted({spot.rule for spot in decision.spots})
        if rules:
            notes = [
                *notes,
                f"{len(decision.spots)} secrets ({', '.join(rules)}): {decision.verdict.value}",
            ]
        if decision.refused:
            return self._refused(message, decision.message, notes)
        if decision.issued:
            self._issued = self._issued.joined(decision.issued)
        return Passed(decision.content if decision.content is not None else raw, None, notes)

    def _request(self, raw: bytes) -> Request:
        return Request(
            route=Route(self._scope.provider, _MCP, Treatment.CONTENT),
            method="POST",
            path="/",
            headers={"content-type": "application/json"},
            content=raw,
            scope=self._scope,
            exempt=(),
        )

    def _refused(self, message: Any, reason: str, notes: list[str]) -> Passed:
        """An answer becomes an error; a request of the server's is answered for the client; what
        wants no answer is dropped."""
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
        return Passed(_joined(forward, batch), _joined(back, batch), notes)

    def _unreadable(self, raw: bytes) -> Passed:
        settings = self._engine.settings
        passes = settings.on_unreadable == "pass" or settings.mode == "audit"
        told = "passed" if passes else "dropped"
        return Passed(raw if passes else None, None, [f"a line that is no JSON was {told}"])


def _joined(found: Sequence[Any], batch: bool) -> bytes | None:
    if not found:
        return None
    return messages.encoded(list(found) if batch else found[0])


def _denial(text: str) -> str:
    return text or "secretgate: a policy rule denies this."


def _notes(decision: Decision | None, tool: str) -> Iterator[str]:
    if decision is not None and decision.rule:
        enforced = "" if decision.enforced else " (audit only)"
        yield f"{tool}: {decision.action.value} by {decision.scope}/{decision.rule}{enforced}"


def _texts(
    result: Any, steps: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The texts of a result, with the way to each: bytes and identifiers aside."""
    if isinstance(result, str):
        if not steps or steps[-1] not in ("type", "data", "blob", "mimeType"):
            yield steps, result
    elif isinstance(result, dict):
        for name, member in result.items():
            yield from _texts(member, (*steps, name))
    elif isinstance(result, list):
        for at, item in enumerate(result):
            yield from _texts(item, (*steps, at))


def _edited(raw: bytes, decision: Decision, places: Mapping[str, tuple[str | int, ...]]) -> bytes:
    """The message with the edits of a decision made in its own literals."""
    slots = {spell(slot.path): slot for slot in _slots(raw)}
    edits: list[Edit] = []
    for (head, *rest), changes in decision.edits.items():
        way = places.get(str(head))
        if way is None:
            continue
        slot = slots[_spelled((*way, *rest))]
        span = forms.mapped(slot.form, raw[slot.start : slot.end])
        for start, end, text in changes:
            first, last = span(start, end)
            edits.append(Edit(slot.start + first, slot.start + last, forms.write(slot.form, text)))
    return splice(raw, sorted(edits))


def _slots(raw: bytes) -> Iterator[Slot]:
    return iter(read_json(raw, _MCP.request_paths.root).slots)


def _spelled(steps: Sequence[str | int]) -> str:
    """As `bodies.base.spell` has it."""
    parts = (f"[{step}]" if isinstance(step, int) else "." + ascii(step)[1:-1] for step in steps)
    return "".join(parts).removeprefix(".")


def _in_place(message: Any, at: tuple[str | int, ...], told: Any) -> bytes:
    if not at:
        return messages.encoded(told)
    return messages.encoded(
        [told if (number,) == at else item for number, item in enumerate(message)]
    )
