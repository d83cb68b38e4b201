"""The status as lines of text, for `secretgate status` and the mitmproxy command."""

from __future__ import annotations

from typing import Any

from secretgate.coverage import NAMES, Coverage, size
from secretgate.wording import counted, plural


def lines(report: dict[str, Any]) -> list[str]:
    """Format the JSON status of the local page for people."""
    numbers = report["counters"]
    redacted, found = numbers["redacted"], numbers["found"]
    shown = [
        f"running at {report['proxy']} for {_span(report['uptime'])}, mode {report['mode']}",
        (
            f"{_line(numbers['requests'], 'request')}, {numbers['refused']:,} refused, "
            f"{numbers['unreadable']:,} unreadable, {numbers['failed']:,} failed"
        ),
        f"{_line(sum(redacted.values()), 'secret')} redacted{_listed(redacted)}",
        f"{_line(sum(found.values()), 'find')}{_listed(found)}",
        (
            f"{_line(numbers['restored'], 'secret')} put back into "
            f"{counted(numbers['answers'], 'answer')}"
        ),
        f"{_line(numbers['not_restored'], 'placeholder')} not put back",
        f"{_line(numbers['unread'], 'answer')} passed on unread",
        "coverage of requests:",
    ]
    coverage = Coverage(**numbers["coverage"])
    for name, count in coverage.classes().items():
        share = count / coverage.total if coverage.total else 0.0
        shown.append(f"{size(count):>10} {share:6.1%}  {NAMES[name]}")
    audit = report["audit"]
    shown += [f"{name} cannot be written: {reason}" for name, reason in audit["failing"].items()]
    if audit["lost"]:
        shown.append(f"{counted(audit['lost'], 'audit record')} lost")
    return shown


def _line(number: int, noun: str) -> str:
    return f"{number:8,} {plural(number, noun)}"


def _listed(counts: dict[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return f" ({', '.join(f'{rule} {count}' for rule, count in ordered)})" if ordered else ""


def _span(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
