"""Translates simple settings and presets into scopes, for users who write no rule file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from secretgate.policy.choices import Guardrail, Secrets
from secretgate.policy.documents import Document
from secretgate.policy.engine import Scope
from secretgate.policy.loading import scope_of

_HOOKS: Final[Mapping[str, tuple[str, str]]] = {
    "llm_input": ("llm.*", "request"),
    "llm_output": ("llm.*", "response"),
    "mcp_pre_tool": ("mcp.tool_call", "request"),
    "mcp_post_tool": ("mcp.tool_result", "response"),
}


PRESETS: Final[Mapping[str, Secrets]] = {
    "default": Secrets(),
    "strict": Secrets(action="block", answers="redact"),
    "observe": Secrets(action="audit", answers="audit"),
    "team": Secrets(action="redact", answers="audit", restore="tools"),
}


def scopes(
    mode: str, preset: str, secrets: Secrets, guardrails: Sequence[Guardrail]
) -> list[Scope]:
    """Return the scopes of the settings: guardrails by priority, then the rules for all secrets."""
    return [
        scope_of(Document("settings", row, {})) for row in rows(mode, preset, secrets, guardrails)
    ]


def rows(
    mode: str, preset: str, secrets: Secrets, guardrails: Sequence[Guardrail]
) -> list[dict[str, Any]]:
    """Return the same as rule-file data."""
    ordered = sorted(guardrails, key=lambda each: each.priority)
    return [*map(_guardrail, ordered), _everything(mode, PRESETS[preset], secrets)]


def _everything(mode: str, preset: Secrets, secrets: Secrets) -> dict[str, Any]:
    """Return the scope for all secrets: `secrets` overrides a chosen mode, which overrides the preset."""
    action: str = secrets.action or (preset.action if mode == "redact" else None) or mode
    answers = secrets.answers if secrets.answers != "allow" else preset.answers
    restore = secrets.restore if secrets.restore != "always" else preset.restore
    rules = list(_by_place(action, secrets, restore))
    rules += _rule(
        "answers", answers, secrets.text, restore, {"direction": "response", "findings": "*"}
    )
    return {"scope": "secrets", "mode": "enforce", "rules": rules}


def _by_place(action: str, secrets: Secrets, restore: str) -> Iterator[dict[str, Any]]:
    """Yield one rule per case; no two of them can match the same finding."""
    request = {"direction": "request"}
    others: list[str] = []
    for number, (rule, act) in enumerate(secrets.rules.items(), 1):
        match = {**request, "findings": [rule, *others]}
        yield from _rule(f"rule-{number}", act, secrets.text, restore, match)
        others.append(f"!{rule}")
    elsewhere: list[str] = []
    for number, (host, act) in enumerate(secrets.hosts.items(), 1):
        match = {**request, "host": [host, *elsewhere], "findings": ["*", *others]}
        yield from _rule(f"host-{number}", act, secrets.text, restore, match)
        elsewhere.append(f"!{host}")
    match = {**request, "findings": ["*", *others]}
    if elsewhere:
        match["host"] = elsewhere
    yield from _rule("secrets", action, secrets.text, restore, match)


def _rule(
    name: str, act: str, text: str | None, restore: str, match: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    if act == "allow":
        return
    action = {"redact": "redact", "block": "deny", "audit": "log"}[act]
    row: dict[str, Any] = {"name": name, "action": action, "match": dict(match)}
    if act == "redact":
        row["redact"] = {"secrets": True, "restore": restore}
        if text is not None:
            row["redact"]["replace"] = text
    yield row


def _guardrail(guardrail: Guardrail) -> dict[str, Any]:
    match: dict[str, Any] = {"findings": guardrail.findings}
    for key, value in (
        ("confidence", guardrail.confidence),
        ("when", guardrail.when),
        ("host", guardrail.hosts),
        ("provider", guardrail.providers),
        ("client", guardrail.clients),
        ("model", guardrail.models),
        ("user", guardrail.users),
        ("server", guardrail.servers),
    ):
        if value:
            match[key] = list(value) if isinstance(value, tuple) else value
    if isinstance(match["findings"], tuple):
        match["findings"] = list(match["findings"])
    rules = []
    for hook in dict.fromkeys(guardrail.hooks):
        operation, direction = _HOOKS[hook]
        rule: dict[str, Any] = {
            "name": hook.replace("_", "-"),
            "match": {"operation": operation, "direction": direction, **match},
        }
        if guardrail.operation == "validate":
            rule |= {"action": "deny", "message": guardrail.message}
        else:
            rule |= {
                "action": "redact",
                "redact": {"secrets": True, "restore": "never", "replace": guardrail.text},
            }
        rules.append(rule)
    return {
        "scope": guardrail.name,
        "mode": "audit_only" if guardrail.enforcement == "audit" else "enforce",
        "on_error": "open" if "ignore" in guardrail.enforcement else "closed",
        "rules": rules,
    }
