"""The page: a status rendered as HTML, without scripts."""

from __future__ import annotations

from html import escape
from importlib.resources import files

from secretgate.counters import Sighting
from secretgate.coverage import NAMES, Coverage, size
from secretgate.hosts import Row
from secretgate.web.status import CA, Status

STYLE = files(__package__).joinpath("style.css").read_text("utf-8")
MODES = {
    "redact": "Secrets are replaced by placeholders before they leave, and put back into the answers.",
    "block": "A request with a secret in it is refused. Nothing of it is sent.",
    "audit": "Secrets are only counted. They are sent as they are.",
}


def page(status: Status) -> str:
    """Return the page as HTML."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>secretgate: {escape(status.mode)}</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
<header>
<h1>secretgate</h1>
<span class="mode {escape(status.mode)}">{escape(status.mode)}</span>
<p>at {escape(status.proxy)} for {_span(status.now - status.started)}</p>
</header>
<p>{escape(MODES.get(status.mode, ""))}</p>
<dl class="figures">
{_figures(status)}
</dl>
{_failing(status)}
{_recent(status.recent, status.now)}
{_bytes(status.numbers["coverage"])}
{_base_urls(status)}
{_trust(status.ca)}
{_coverage(status.rows)}
<footer>{escape(f"Version {status.version}. " if status.version else "")}This page shows no values and changes nothing.
Only those who go through the proxy can open it. <a href="/">Reload</a></footer>
</main>
</body>
</html>
"""


def _figures(status: Status) -> str:
    numbers = status.numbers
    audit = status.mode != "redact"
    shown = [
        ("requests", numbers["requests"], False),
        (
            "secrets found" if audit else "secrets redacted",
            sum(numbers["found" if audit else "redacted"].values()),
            False,
        ),
        ("put back", numbers["restored"], False),
        ("not put back", numbers["not_restored"], numbers["not_restored"] > 0),
        ("refused", numbers["refused"], numbers["refused"] > 0),
        ("unreadable", numbers["unreadable"], numbers["unreadable"] > 0),
        ("answers passed on unread", numbers["unread"], numbers["unread"] > 0),
        ("audit records lost", status.audit_lost, status.audit_lost > 0),
    ]
    return "\n".join(
        f"<div{' class=notable' if notable else ''}><dt>{name}</dt><dd>{value}</dd></div>"
        for name, value, notable in shown
    )


def _failing(status: Status) -> str:
    said = "".join(
        f"<p>{escape(name)} cannot be written: {escape(reason)}</p>"
        for name, reason in status.audit_failing.items()
    )
    return f'<section class="notable"><h2>Audit</h2>{said}</section>' if said else ""


def _bytes(numbers: dict[str, int]) -> str:
    coverage = Coverage(**numbers)
    rows = "\n".join(
        f"<tr><th scope=row>{escape(NAMES[name])}</th><td class=number>{size(count)}</td>"
        f"<td class=number>{count / coverage.total if coverage.total else 0:.1%}</td></tr>"
        for name, count in coverage.classes().items()
    )
    return (
        f"<section><h2>Coverage of {size(coverage.total)} in requests</h2>"
        f"<table><tbody>{rows}</tbody></table></section>"
    )


def _recent(recent: tuple[Sighting, ...], now: float) -> str:
    if not recent:
        body = '<p class="soft">None since the proxy started.</p>'
    else:
        rows = "\n".join(
            f"<tr><th scope=row><code>{escape(each.rule)}</code></th>"
            f"<td class=number>{each.requests}</td><td>{escape(each.provider)}</td>"
            f"<td>{escape(each.verdict)}</td><td class=when>{_ago(now - each.time)}</td></tr>"
            for each in recent
        )
        body = (
            "<table class=recent><thead><tr><th scope=col>Rule</th><th scope=col class=number>Requests</th>"
            "<th scope=col>To</th><th scope=col>Decision</th><th scope=col>When</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )
    return f"<section><h2>Latest findings</h2>{body}</section>"


def _coverage(rows: tuple[Row, ...]) -> str:
    listed = "\n".join(
        f"<tr><th scope=row>{escape(row.title)}</th>"
        f"<td>{', '.join(f'<code>{escape(host)}</code>' for host in row.hosts)}</td></tr>"
        for row in rows
    )
    return (
        "<section><h2>Covered</h2><p class=soft>Connections to these hosts are read. All others are "
        f"passed on unread.</p><table><tbody>{listed}</tbody></table></section>"
    )


def _base_urls(status: Status) -> str:
    if not status.base_urls:
        return ""
    from secretgate.base_urls import BaseURLError, chosen

    try:
        served = chosen(status.base_urls)
    except BaseURLError:
        return ""
    rows = "\n".join(
        f"<tr><th scope=row>{escape(name)}</th>"
        f"<td><code>{escape(f'http://{status.proxy}/{name}' + ('/RESOURCE' if base.per_resource else ''))}</code></td>"
        f"<td><code>{escape(base.variable)}</code></td></tr>"
        for name, base in served.items()
    )
    return (
        f"<section><h2>Base URLs</h2><table class=addresses><tbody>{rows}</tbody></table></section>"
    )


def _trust(ca: CA | None) -> str:
    if ca is None:
        return ""
    octets = ":".join(ca.fingerprint[at : at + 2] for at in range(0, len(ca.fingerprint), 2))
    limits = (
        "It can sign for the covered hosts and for nothing else."
        if ca.constrained
        else "It was not made by secretgate and can sign for every host."
    )
    return (
        f"<section><h2>Certificate authority</h2><p>{limits} Valid until {ca.expires:%Y-%m-%d}.</p>"
        f"<p class=soft>SHA-256 <code>{octets}</code></p>"
        '<p class=links><a href="/ca.crt">Download the certificate</a> '
        '<a href="/proxy.pac">Proxy configuration (PAC)</a> '
        '<a href="/status.json">Status as JSON</a></p></section>'
    )


def _span(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return "less than a minute"


def _ago(seconds: float) -> str:
    return "just now" if seconds < 60 else f"{_span(seconds)} ago"
