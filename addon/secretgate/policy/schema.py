"""The schema of rule files, packs, profiles and fixtures, as strict structs.

This is Keep's public schema with additions of our own: matching by host, client, model and finding
in `Match`, and `restore` and `replace` in `Redact`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
DefName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Expression = Annotated[str, Meta(min_length=1, max_length=2048)]
Globs = str | tuple[str, ...]
"""One glob or several; a glob that begins with `!` excludes."""
ActionName = Literal["deny", "log", "redact"]
Restore = Literal["never", "text", "tools", "always"]
Mode = Literal["enforce", "audit_only"]

MOST_RULES = 500
RESERVED = frozenset(
    (
        *("params", "context", "now", "true", "false", "null"),
        *("size", "has", "matches", "startsWith", "endsWith", "contains"),
        *("exists", "all", "filter", "exists_one", "map"),
        *("containsAny", "estimateTokens", "inTimeWindow", "rateCount", "lower", "upper"),
        *("matchesDomain", "dayOfWeek", "hasSecrets", "secretTypes"),
        *("int", "uint", "double", "bool", "string", "bytes", "list", "type", "null_type"),
    )
)
"""Names that defs and aliases may not use."""


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a rule applies: all given conditions must hold."""

    operation: str | None = None
    when: Expression | None = None
    direction: Literal["request", "response"] | None = None
    host: Globs = ()
    provider: Globs = ()
    client: Globs = ()
    model: Globs = ()
    user: Globs = ()
    server: Globs = ()
    findings: Globs = ()
    """Ids of detection rules; the call must contain a finding of one of them."""
    confidence: Literal["high", "medium", "low"] | None = None
    """The minimum confidence of findings that count."""


class Pattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    match: Annotated[str, Meta(min_length=1)]
    replace: str


class Redact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    target: str | None = None
    """A dotted path that starts with `params.`; by default, every string of the call."""
    secrets: bool = False
    patterns: Annotated[tuple[Pattern, ...], Meta(max_length=50)] = ()
    restore: Restore = "always"
    """Where in the answer the values may be restored."""
    replace: str | None = None
    """A fixed text used instead of a placeholder, which is never restored; may contain `{rule}`."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    action: ActionName
    description: str = ""
    match: Match = msgspec.field(default_factory=Match)
    message: str = ""
    redact: Redact | None = None


class PackRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    overrides: dict[str, Any] = {}


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a pack's rule that a rule file may override."""

    when: Expression | None = None
    message: str | None = None
    action: ActionName | None = None


class RuleFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule file, which is one scope."""

    scope: Name
    rules: tuple[Any, ...]
    profile: str | None = None
    mode: Mode = "audit_only"
    on_error: Literal["closed", "open"] = "closed"
    defs: dict[DefName, Expression | int | float | bool] = {}
    packs: tuple[Any, ...] = ()
    case_sensitive: bool = False


class Pack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    rules: tuple[Any, ...]
    description: str = ""
    version: str = ""
    profile: str | None = None
    defs: dict[DefName, Expression | int | float | bool] = {}
    packs: tuple[Any, ...] = ()


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    aliases: dict[DefName, str]
    description: str = ""


class FixtureCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operation: Annotated[str, Meta(min_length=1)]
    params: dict[str, Any] = {}
    context: dict[str, Any] = {}


class FixtureMutation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str
    replaced: str


class Expect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    decision: Literal["allow", "deny", "redact"]
    rule: str | None = None
    message: str | None = None
    mutations: tuple[FixtureMutation, ...] | None = None


class Fixture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    call: FixtureCall
    expect: Expect


class FixtureFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    scope: Name
    tests: tuple[Any, ...]
