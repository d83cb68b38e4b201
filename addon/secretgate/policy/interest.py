"""Which parts of an answer a policy inspects, and which of them must be held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from secretgate.policy.engine import Policy
from secretgate.policy.grammars.base import TEXT, TOOL

RESPONSE: Final = "response"
OPERATIONS: Final = {TEXT: "llm.text", TOOL: "llm.tool_use", RESPONSE: "llm.response"}


@dataclass(frozen=True)
class Interest:
    """The parts of an answer that the policy inspects, and those that it may change."""

    seen: frozenset[str]
    held: frozenset[str]


def interest(policy: Policy, context: Mapping[str, Any]) -> Interest:
    """Return what a policy's rules concern in the answers of an exchange."""
    around = {**context, "direction": "response"}
    model = str(context.get("model") or "")
    seen: set[str] = set()
    held: set[str] = set()
    for scope in policy.scopes:
        for rule in scope.rules:
            if not rule.concerns(around, model):
                continue
            ours = {what for what, name in OPERATIONS.items() if rule.covers(name)}
            seen |= ours
            fails = scope.closed and rule.when is not None
            if scope.enforces and (rule.action != "log" or fails):
                held |= ours
                # If a text is denied, the tool calls after it are denied as well.
                held |= {TOOL} if TEXT in ours and (rule.action == "deny" or fails) else set()
    return Interest(frozenset(seen), frozenset(held))
