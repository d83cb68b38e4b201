"""The engine's values: a call and the decision on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from secretgate.bodies.base import Edit

KNOWN_OPERATIONS: Final = (
    *("llm.request", "llm.text", "llm.tool_result", "llm.tool_use", "llm.response"),
    *("mcp.tool_call", "mcp.tool_result"),
)


class Action(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    REDACT = "redact"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Call:
    """One operation to decide on: a text sent to the model, a tool called, ..."""

    operation: str
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    context: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change that a rule made to one string. The original is not kept."""

    path: str
    replaced: str = field(repr=False)
    rule: str = ""
    findings: tuple[str, ...] = ()
    """Ids of the detection rules whose findings were replaced."""


class Evaluated(NamedTuple):
    """The result of evaluating one rule."""

    rule: str
    outcome: str
    """`matched`, `skipped` or `error`."""
    action: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on a call."""

    action: Action
    rule: str = ""
    """The rule that decided: the one that denied, or the first that redacted."""
    message: str = ""
    mutations: tuple[Mutation, ...] = ()
    evaluated: tuple[Evaluated, ...] = ()
    enforced: bool = True
    """False if the policy only logs; `action` is then what would have been done."""
    lenient: bool = False
    """Whether rules of the scope that fail are ignored."""
    scope: str = ""
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The params after redaction."""
    edits: Mapping[tuple[str | int, ...], tuple[Edit, ...]] = field(
        default_factory=dict, repr=False
    )
    """Edits of each changed string (as UTF-8), by its path in the params."""

    @property
    def denies(self) -> bool:
        return self.action is Action.DENY and self.enforced

    @property
    def enforcement(self) -> str:
        if not self.enforced:
            return "audit"
        return "enforce_but_ignore_on_error" if self.lenient else "enforce"

    @property
    def redacts(self) -> bool:
        return self.action is Action.REDACT and self.enforced

    @property
    def logged(self) -> tuple[str, ...]:
        """The rules that matched, whatever their action."""
        return tuple(each.rule for each in self.evaluated if each.outcome == "matched")
