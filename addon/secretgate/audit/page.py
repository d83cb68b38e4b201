"""Renders the report as one HTML file, without external resources, scripts or values.

Charts are inline SVG with widths in percent; the text beside them is HTML, so it keeps its size on
a phone. Colours are classes, which the style sheet defines for light and dark mode.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files

from secretgate.audit.terminal import TITLES, figures
from secretgate.audit.totals import FOUND, Course, Tally, Totals, course, ranked
from secretgate.coverage import NAMES, size

MOST_ROWS = 12
_HEIGHT = 150
_DECISIONS = {
    "redacted": "redacted",
    "blocked": "blocked",
    "audited": "let through (audit)",
    "unreadable": "unreadable",
}
_FATES = {"restored": "put back", "not_restored": "not put back"}


def page(totals: Totals) -> str:
    """Return the report as HTML."""
    style = files(__package__).joinpath("report.css").read_text("utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>secretgate: audit report</title>
<style>
{style}</style>
</head>
<body>
<main>
<header>
<h1>Audit report</h1>
<p>{escape(_span(totals))}</p>
{_lost(totals.lost)}
</header>
{_body(totals) if totals.records else "<section><p>There are no records.</p></section>"}
<footer>Made by <code>secretgate audit report</code> from {totals.records:,} records. It holds no values. Requests
send the history again every turn, so one secret is found many times.</footer>
</main>
</body>
</html>
"""


def _span(totals: Totals) -> str:
    return f"{_day(totals.first)} to {_day(totals.last)} UTC" if totals.records else ""


def _day(time: str) -> str:
    return time[:16].replace("T", " ")


def _lost(count: int) -> str:
    return f'<p class="lost">{count:,} records could not be written.</p>' if count else ""


def _body(totals: Totals) -> str:
    groups = [
        _group(TITLES[name], getattr(totals, name))
        for name in ("rules", "clients", "hosts", "models")
        if getattr(totals, name)
    ]
    if len(totals.users) > 1:
        groups.append(_group(TITLES["users"], totals.users))
    return "\n".join(
        [
            _figures(totals),
            _course(course(totals)),
            f'<div class="pair">{_fates(totals)}{_coverage(totals)}</div>',
            f'<div class="groups">{"".join(groups)}</div>',
        ]
    )


def _figures(totals: Totals) -> str:
    shown = "\n".join(
        f"<div{' class=notable' if bad and number else ''}><dt>{escape(name)}</dt><dd>{number:,}</dd></div>"
        for number, name, bad in figures(totals)
    )
    return f'<dl class="figures">\n{shown}\n</dl>'


def _course(steps: Course) -> str:
    most = steps.most
    if not most:
        chart = '<p class="soft">Nothing was found.</p>'
    else:
        begin, end = (_when(steps, at) for at in (0, len(steps.counts) - 1))
        chart = f"""<div class="course">
<div class="most"><span>{most:,}</span><span>0</span></div>
<svg height="{_HEIGHT}" role="img" aria-label="Requests with secrets over time, at most {most}">
<line class="grid" x1="0" x2="100%" y1="0" y2="0"/><line class="grid" x1="0" x2="100%" y1="{_HEIGHT}" y2="{_HEIGHT}"/>
{"".join(_columns(steps, most))}</svg>
<div class="when"><span>{begin}</span><span>{end}</span></div>
</div>"""
    present = [name for at, name in enumerate(FOUND) if any(each[at] for each in steps.counts)]
    key = _key({name: _DECISIONS[name] for name in present})
    return f"<section><h2>Requests with secrets or unreadable <span>{_step(steps.step)}</span></h2>{chart}{key}</section>"


def _columns(steps: Course, most: int) -> Iterable[str]:
    width = 100 / len(steps.counts)
    for at, counts in enumerate(steps.counts):
        top = float(_HEIGHT)
        for name, count in zip(FOUND, counts, strict=True):
            if not count:
                continue
            height = count / most * _HEIGHT
            top -= height
            yield (
                f'<rect class="{name}" x="{at * width + width * 0.1:.3f}%" y="{top:.2f}" '
                f'width="{width * 0.8:.3f}%" height="{height:.2f}">'
                f"<title>{_when(steps, at)}: {count:,} {_DECISIONS[name]}</title></rect>\n"
            )


def _when(steps: Course, at: int) -> str:
    when = datetime.datetime.fromtimestamp(steps.start + at * steps.step, datetime.UTC)
    return f"{when:%Y-%m-%d}" if steps.step >= 86400 else f"{when:%Y-%m-%d %H:%M}"


def _step(step: int) -> str:
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if step >= seconds:
            number = step // seconds
            return f"by {unit}" if number == 1 else f"in steps of {number} {unit}s"
    return f"in steps of {step} seconds"


def _key(names: Mapping[str, str]) -> str:
    items = "".join(f"<li>{_swatch(name)}{escape(text)}</li>" for name, text in names.items())
    return f'<ul class="key">{items}</ul>' if items else ""


def _swatch(name: str) -> str:
    return f'<svg aria-hidden="true"><rect class="{name}" width="100%" height="100%" rx="2"/></svg>'


def _stacked(parts: Mapping[str, int], names: Mapping[str, str], label: str) -> str:
    total = sum(parts.values())
    at, rects = 0.0, []
    for name, count in parts.items():
        share = count / total * 100 if total else 0.0
        if share:
            rects.append(
                f'<rect class="{name}" x="{at:.3f}%" width="{share:.3f}%" height="22">'
                f"<title>{escape(names[name])}: {share:.1f} %</title></rect>"
            )
        at += share
    return (
        f'<svg height="22" role="img" aria-label="{escape(label)}">'
        f'<rect class="track" width="100%" height="22"/>{"".join(rects)}</svg>'
    )


def _table(parts: Mapping[str, int], names: Mapping[str, str], bytes_: bool) -> str:
    total = sum(parts.values())
    rows = "".join(
        f'<tr><th scope="row">{_swatch(name)}{escape(names[name])}</th>'
        f'<td class="number">{size(count) if bytes_ else f"{count:,}"}</td>'
        f'<td class="number">{count / total if total else 0:.1%}</td></tr>'
        for name, count in parts.items()
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _fates(totals: Totals) -> str:
    parts = {"restored": totals.restored, "not_restored": totals.not_restored}
    chart = _stacked(parts, _FATES, "Placeholders put back and not put back")
    return (
        f"<section><h2>Placeholders in answers</h2>{chart}{_table(parts, _FATES, False)}"
        '<p class="soft">Not put back are placeholders of other conversations, those that a rule keeps back, and '
        "those that the model misspelt.</p></section>"
    )


def _coverage(totals: Totals) -> str:
    parts = totals.coverage.classes()
    chart = _stacked(parts, NAMES, "Bytes of requests by what became of them")
    total = size(totals.coverage.total)
    return f"<section><h2>Coverage of {total} in requests</h2>{chart}{_table(parts, NAMES, True)}</section>"


def _group(title: str, tallies: dict[str, Tally]) -> str:
    most = max(tally.requests for tally in tallies.values())
    rows = "".join(
        f'<dt>{escape(name)}</dt><dd title="{tally.finds:,} finds">{tally.requests:,}</dd>'
        f'<dd class="bar"><svg height="6" aria-hidden="true"><rect class="track" width="100%" height="6" rx="3"/>'
        f'<rect class="fill" width="{tally.requests / most * 100:.2f}%" height="6" rx="3"/></svg></dd>'
        for name, tally in ranked(tallies, MOST_ROWS)
    )
    more = len(tallies) - MOST_ROWS
    rest = f'<p class="soft">and {more} more</p>' if more > 0 else ""
    return f'<section><h2>{title} <span>requests</span></h2><dl class="rows">{rows}</dl>{rest}</section>'
