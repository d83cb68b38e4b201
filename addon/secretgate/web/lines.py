"""The status as lines of text, for `secretgate status` and the mitmproxy command."""

from __future__ import annotations

from typing import Any

from secretgate.coverage import NAMES, Coverage, size


def lines(told: dict[str, Any]) -> list[str]:
    """Format the JSON status of the local page for people."""
    numbers = told["counters"]
    shown = [
        f"running at {told['proxy']} for {_span(told['uptime'])}, mode {told['mode']}",
        (
            f"{numbers['requests']:8,} requests, {numbers['refused']:,} refused, "
            f"{numbers['unreadable']:,} unreadable, {numbers['failed']:,} failed"
        ),
        f"{sum(numbers['redacted'].values()):8,} secrets redacted{_listed(numbers['redacted'])}",
        f"{sum(numbers['found'].values()):8,} finds{_listed(numbers['found'])}",
        f"{numbers['restored']:8,} secrets put back into {numbers['answers']:,} answers",
        f"{numbers['not_restored']:8,} placeholders not put back",
        f"{numbers['unread']:8,} answers unread",
        "coverage of requests:",
    ]
    coverage = Coverage(**numbers["coverage"])
    for name, count in coverage.classes().items():
        share = count / coverage.total if coverage.total else 0.0
        shown.append(f"{size(count):>10} {share:6.1%}  {NAMES[name]}")
    audit = told["audit"]
    shown += [f"{name} cannot be written: {reason}" for name, reason in audit["failing"].items()]
    if audit["lost"]:
        shown.append(f"{audit['lost']:,} audit records lost")
    return shown


def _listed(counts: dict[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return f" ({', '.join(f'{rule} {count}' for rule, count in ordered)})" if ordered else ""


def _span(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
