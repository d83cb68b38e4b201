"""The values that the engine speaks in: a call, and the decision on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Action(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    REDACT = "redact"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Call:
    """One thing that is about to happen: a text goes to the model, a tool is called, ..."""

    operation: str
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    context: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Edit(NamedTuple):
    """A stretch of a text, in bytes, and what stands in its place."""

    start: int
    end: int
    replacement: bytes


@dataclass(frozen=True, slots=True)
class Mutation:
    """What a rule made of one string. The original is not kept."""

    path: str
    replaced: str = field(repr=False)
    rule: str = ""
    findings: tuple[str, ...] = ()
    """Detection rules of the secrets that were replaced."""


class Evaluated(NamedTuple):
    """What became of one rule."""

    rule: str
    outcome: str
    """`matched`, `skipped` or `error`."""
    action: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of a call."""

    action: Action
    rule: str = ""
    """The rule that decided: the deny, or the first redaction."""
    message: str = ""
    mutations: tuple[Mutation, ...] = ()
    evaluated: tuple[Evaluated, ...] = ()
    enforced: bool = True
    """False where the policy only watches: then `action` is what it would have been."""
    lenient: bool = False
    """Whether its scope leaves out a rule that fails."""
    scope: str = ""
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The params with the redactions made."""
    edits: Mapping[tuple[str | int, ...], tuple[Edit, ...]] = field(
        default_factory=dict, repr=False
    )
    """By the way to it in the params, how to get from a string (as UTF-8) to what stands for it."""

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
        """The rules that matched, whatever they said."""
        return tuple(each.rule for each in self.evaluated if each.outcome == "matched")
