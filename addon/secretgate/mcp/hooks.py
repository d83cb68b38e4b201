"""The two hooks of MCP: a tool call before it is made, and a tool's result before it is passed on.

Rules judge, and what they change is changed in the literals of the message itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from secretgate.bodies import forms
from secretgate.bodies.base import Edit, Unreadable, spell, splice
from secretgate.bodies.json_spans import read_json
from secretgate.mcp import messages
from secretgate.mcp.secrets import SessionSecrets
from secretgate.policy.engine import Policy
from secretgate.policy.model import Call, Decision
from secretgate.providers import DIALECTS

MCP: Final = DIALECTS["mcp"]
CALL, RESULT = "mcp.tool_call", "mcp.tool_result"
Told = Callable[[str, str, Decision], None]
"""Hears of the operation, the tool and what the policy says."""
Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Calls:
    """What was sent, with its tool calls judged."""

    raw: bytes = field(repr=False)
    denied: Mapping[Steps, Any] = field(default_factory=dict, repr=False)
    """By the way to the message, what is answered in place of a call that is not made."""


@dataclass(slots=True)
class Hooks:
    """`context` is what rules may ask beside the call itself."""

    policy: Policy | None
    server: str
    secrets: SessionSecrets
    context: Mapping[str, Any]
    told: Told = lambda operation, tool, decision: None
    pending: messages.Pending = field(default_factory=messages.Pending)

    def calls(self, raw: bytes, message: Any) -> Calls:
        """`message` is `raw`, parsed."""
        denied: dict[Steps, Any] = {}
        for call in messages.tool_calls(message):
            given = call.input if call.input is not None else {}
            decision = self._judged(CALL, call.tool, "request", arguments=given)
            if decision is not None and decision.denies:
                denied[call.at] = messages.denied_result(call.id, _denial(decision))
                continue
            if decision is not None and decision.redacts:
                raw = _edited(raw, decision, {"arguments": (*call.at, "params", "arguments")})
            if call.id is not None:
                self.pending.asked(call)
        return Calls(raw, denied)

    def results(self, raw: bytes, message: Any) -> bytes:
        """What is passed on of an answer: a result that is denied says so in its place."""
        for result in list(messages.tool_results(message, self.pending)):
            for steps, text in _texts(result.result):
                decision = self._judged(RESULT, result.tool, "response", content=text)
                if decision is not None and decision.denies:
                    told = messages.denied_result(result.id, _denial(decision))
                    raw = messages.put(raw, result.at, told)
                    break
                if decision is not None and decision.redacts:
                    raw = _edited(raw, decision, {"content": (*result.at, "result", *steps)})
        return raw

    def _judged(self, operation: str, tool: str, direction: str, **more: Any) -> Decision | None:
        if self.policy is None:
            return None
        params = {"name": tool, "server": self.server, **more}
        context = {**self.context, "direction": direction, "server": self.server}
        # Plain rules about secrets hold for what goes to a model or a provider, and are asked there.
        call = Call(operation, params, context)
        decision = self.policy.evaluate(call, self.secrets, skip_plain=True)
        if decision.rule or any(each.outcome != "skipped" for each in decision.evaluated):
            self.told(operation, tool, decision)
        return decision


def _denial(decision: Decision) -> str:
    return decision.message or f"a policy rule denies this ({decision.rule})"


def _texts(result: Any, steps: Steps = ()) -> Iterator[tuple[Steps, str]]:
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


def _edited(raw: bytes, decision: Decision, places: Mapping[str, Steps]) -> bytes:
    """The message with the edits of a decision made in its own literals."""
    try:
        slots = {spell(slot.path): slot for slot in read_json(raw, MCP.request_paths.root).slots}
    except Unreadable:
        raise ValueError("a message that was parsed cannot be read") from None
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


def _spelled(steps: Sequence[str | int]) -> str:
    """As `bodies.base.spell` has it."""
    parts = (f"[{step}]" if isinstance(step, int) else "." + ascii(step)[1:-1] for step in steps)
    return "".join(parts).removeprefix(".")
