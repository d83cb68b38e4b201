"""`secretgate status`: what the proxy that runs has done since it started."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer

from secretgate.coverage import NAMES, Coverage, size
from secretgate.launch import running
from secretgate.launch.upstream import UpstreamError, upstream

PORT = 8080


def status(
    port: Annotated[
        int, typer.Option(help=f"Where the proxy is (default: what HTTPS_PROXY says, or {PORT}).")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what the running proxy has found, put back, refused and not been able to see."""
    host, at = _address(port)
    told = running.status(host, at)
    if told is None:
        print(
            f"secretgate: no proxy answers on {host}:{at}. What was on record before: "
            "secretgate audit report",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    print(json.dumps(told, indent=2) if as_json else "\n".join(lines(told)))


def _address(port: int) -> tuple[str, int]:
    if port:
        return "127.0.0.1", port
    try:
        named = upstream(os.environ)
    except UpstreamError:
        named = None
    return (named.host, named.port) if named and named.local else ("127.0.0.1", PORT)


def lines(told: dict[str, Any]) -> list[str]:
    """The status as the local page has it, for people."""
    numbers = told["counters"]
    shown = [
        f"running at {told['proxy']} for {_span(told['uptime'])}, mode {told['mode']}",
        f"{numbers['requests']:8,} requests, {numbers['refused']:,} refused, "
        f"{numbers['unreadable']:,} unreadable, {numbers['failed']:,} failed",
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
