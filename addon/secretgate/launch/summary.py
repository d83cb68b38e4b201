"""The one-line summary of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secretgate.wording import counted


def summary(numbers: Mapping[str, Any] | None, mode: str, log: Path) -> str:
    """Return the summary. `numbers` is `Counters.numbers()`, or None if the proxy ended early."""
    if numbers is None:
        return (
            "secretgate: the proxy ended before the command did; from then on its connections to "
            f"AI providers failed. Log: {log}"
        )
    failed = ", ".join(numbers["unconnected"])
    if not numbers["requests"]:
        why = f": connections to {failed} failed. Log: {log}" if failed else ""
        return f"secretgate: no request went to an AI provider{why}"
    parts = [counted(numbers["requests"], "request")]
    if mode == "redact":
        parts.append(_by_rule(numbers["redacted"], "redacted"))
        if numbers["redacted"] or numbers["restored"]:
            parts.append(f"{numbers['restored']} restored")
    else:
        parts.append(_by_rule(numbers["found"], "found"))
    if numbers["not_restored"]:
        parts.append(f"{numbers['not_restored']} not restored")
    parts.append(f"{numbers['refused']} refused")
    if numbers["unreadable"]:
        parts.append(f"{numbers['unreadable']} unreadable")
    if failed:
        parts.append(f"connections to {failed} failed")
    notable = numbers["refused"] or numbers["not_restored"] or numbers["unreadable"] or failed
    return f"secretgate: {', '.join(parts)}" + (f". Log: {log}" if notable else "")


def _by_rule(counts: Mapping[str, int], verb: str) -> str:
    total = sum(counts.values())
    if not total:
        return f"no secrets {verb}"
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    rules = ", ".join(f"{rule} {count}" if count > 1 else rule for rule, count in ordered)
    return f"{counted(total, 'secret')} {verb} ({rules})"
