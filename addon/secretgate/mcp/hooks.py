"""The two hooks of MCP: before a tool is called, and before its result is passed on.

Rules evaluate the messages; their edits are made within the string literals of the message itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from secretgate.bodies import forms
from secretgate.bodies.base import Edit, Unreadable, spell, splice
from secretgate.bodies.json_spans import read_strictly
from secretgate.bodies.steps import Steps
from secretgate.mcp import messages
from secretgate.mcp.secrets import SessionSecrets
from secretgate.policy.engine import Policy
from secretgate.policy.model import Call, Decision
from secretgate.providers import DIALECTS

MCP: Final = DIALECTS["mcp"]
CALL, RESULT = "mcp.tool_call", "mcp.tool_result"
Told = Callable[[str, str, Decision], None]
"""Called with the operation, the tool and the policy's decision."""


@dataclass(frozen=True, slots=True)
class Calls:
    """A client message whose tool calls have been evaluated."""

    raw: bytes = field(repr=False)
    denied: Mapping[Steps, Any] = field(default_factory=dict, repr=False)
    """Replies to denied calls, by the path of the call within what was sent."""


@dataclass(slots=True)
class Hooks:
    """Evaluates calls and results. `context` is what rules can ask besides the call itself."""

    policy: Policy | None
    server: str
    secrets: SessionSecrets
    context: Mapping[str, Any]
    told: Told = lambda operation, tool, decision: None
    pending: messages.Pending = field(default_factory=messages.Pending)

    def calls(self, raw: bytes, message: Any) -> Calls:
        """Evaluate the tool calls in a client message; `message` is `raw`, parsed."""
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
        """Return a server message to pass on; a denied result is replaced by an error saying so."""
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
        # Plain rules about secrets apply to what is sent to a model or provider, and are evaluated
        # there.
        call = Call(operation, params, context)
        decision = self.policy.evaluate(call, self.secrets, skip_plain=True)
        if decision.rule or any(each.outcome != "skipped" for each in decision.evaluated):
            self.told(operation, tool, decision)
        return decision


def _denial(decision: Decision) -> str:
    return decision.message or f"a policy rule denies this ({decision.rule})"


def _texts(result: Any, steps: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """Yield the texts of a result with their paths, leaving out binary data and identifiers."""
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
    """Apply a decision's edits within the message's own string literals."""
    try:
        slots = {
            spell(slot.path): slot for slot in read_strictly(raw, MCP.request_paths.root).slots
        }
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
    """Spell a path as `bodies.base.spell` does."""
    parts = (f"[{step}]" if isinstance(step, int) else "." + ascii(step)[1:-1] for step in steps)
    return "".join(parts).removeprefix(".")
