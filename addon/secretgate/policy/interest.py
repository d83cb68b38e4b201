"""What of an answer a policy wants to see, and what of it has to be held back for that."""

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
    """What of an answer the policy wants to see, and what it may have to change."""

    seen: frozenset[str]
    held: frozenset[str]


def interest(policy: Policy, context: Mapping[str, Any]) -> Interest:
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
                # A text that is denied takes the tool calls behind it along.
                held |= {TOOL} if TEXT in ours and (rule.action == "deny" or fails) else set()
    return Interest(frozenset(seen), frozenset(held))
