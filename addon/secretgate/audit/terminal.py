"""Renders the report for a terminal."""

from __future__ import annotations

from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from secretgate.audit.totals import GROUPS, Tally, Totals, ranked
from secretgate.coverage import NAMES, size

MOST_ROWS = 10
TITLES = {
    "rules": "By rule",
    "clients": "By tool",
    "hosts": "By host",
    "users": "By user",
    "models": "By model",
}


def show(totals: Totals, console: Console) -> None:
    """Print the report."""
    console.print(_render(totals))


def _render(totals: Totals) -> RenderableType:
    if not totals.records:
        return Text("There are no records.")
    parts: list[RenderableType] = [
        Text(f"{totals.first} to {totals.last}", style="dim"),
        Text(),
        _figures(totals),
        Text(),
        _coverage(totals),
    ]
    for group in GROUPS:
        tallies = getattr(totals, group)
        if tallies and (group != "users" or len(tallies) > 1):
            parts += [Text(), _group(TITLES[group], tallies)]
    if totals.lost:
        parts += [Text(), Text(f"{totals.lost} records could not be written.", style="bold red")]
    return Group(*parts)


def _figures(totals: Totals) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="bold")
    table.add_column()
    for number, name, bad in figures(totals):
        table.add_row(Text(f"{number:,}", style="yellow" if bad and number else ""), name)
    return table


def figures(totals: Totals) -> list[tuple[int, str, bool]]:
    """Return rows of number, label, and whether a number above zero needs attention."""
    return [
        (totals.requests, "requests", False),
        (len(totals.secrets), "secrets redacted", False),
        (totals.decisions["audited"], "requests with secrets let through (audit)", True),
        (totals.refused, "requests refused", True),
        (totals.decisions["unreadable"], "requests unreadable", True),
        (totals.restored, "secrets put back into answers", False),
        (totals.not_restored, "placeholders not put back", True),
        (totals.unread, "answers passed on unread", True),
    ]


def _coverage(totals: Totals) -> Table:
    table = Table(box=None, title="Coverage", title_justify="left", padding=(0, 2, 0, 0))
    table.add_column("Bytes", justify="right")
    table.add_column("Share", justify="right")
    table.add_column("")
    table.add_column("What", overflow="fold")
    total = totals.coverage.total
    for name, count in totals.coverage.classes().items():
        share = count / total if total else 0.0
        bar = Bar(1.0, 0, share, width=24)
        table.add_row(size(count), f"{share:.1%}", bar, NAMES[name])
    return table


def _group(title: str, tallies: dict[str, Tally]) -> Table:
    table = Table(box=None, title=title, title_justify="left", padding=(0, 2, 0, 0))
    table.add_column("Requests", justify="right")
    table.add_column("Finds", justify="right")
    table.add_column("")
    table.add_column("", overflow="fold")
    most = max(tally.requests for tally in tallies.values())
    for name, tally in ranked(tallies, MOST_ROWS):
        bar = Bar(most, 0, tally.requests, width=24)
        table.add_row(f"{tally.requests:,}", f"{tally.finds:,}", bar, Text(name))
    if len(tallies) > MOST_ROWS:
        table.add_row("", "", "", Text(f"and {len(tallies) - MOST_ROWS} more", style="dim"))
    return table
