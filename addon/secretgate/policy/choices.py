"""Policy settings for people who write no rule file. Cheap to import, because settings are read often."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from secretgate.policy import schema

Act = Literal["redact", "block", "audit", "allow"]
Hook = Literal["llm_input", "llm_output", "mcp_pre_tool", "mcp_post_tool"]
Preset = Literal["default", "strict", "observe", "team"]
MASK: Final = "***REDACTED***"


class Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to secrets, by host and by detection rule."""

    action: Act | None = None
    hosts: dict[str, Act] = {}
    rules: dict[str, Act] = {}
    answers: Act = "allow"
    """The action for secrets that the model itself writes."""
    restore: schema.Restore = "always"
    text: str | None = None
    """A fixed text used instead of placeholders; it is never restored."""


class Guardrail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One guardrail: where it applies, what it does, and which findings count."""

    name: schema.Name
    operation: Literal["validate", "mutate"]
    hooks: tuple[Hook, ...] = ("llm_input",)
    priority: int = 100
    """Lower values are applied first. If several mutate the same secret, the first sets the text."""
    enforcement: Literal["enforce", "enforce_but_ignore_on_error", "audit"] = "enforce"
    text: str = MASK
    message: str = ""
    when: schema.Expression | None = None
    findings: schema.Globs = "*"
    confidence: Literal["high", "medium", "low"] | None = None
    hosts: schema.Globs = ()
    providers: schema.Globs = ()
    clients: schema.Globs = ()
    models: schema.Globs = ()
    users: schema.Globs = ()
    servers: schema.Globs = ()
