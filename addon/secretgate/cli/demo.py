"""`secretgate demo`: a complete run on this machine, shown side by side.

It needs no network and no account: a provider on loopback with a certificate for
`api.anthropic.com`, a real mitmdump with the addon, and a real HTTPS request that contains a
`.env`. The exit code says whether all checks passed.
"""

from __future__ import annotations

import signal
import sys
import time

import typer
from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from secretgate.demo.process import Failed
from secretgate.demo.provider import HOST
from secretgate.demo.scene import Outcome, Row, play
from secretgate.wording import spoken

_WIDTH = 100
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_VALUE = 13
"""Width of the columns that show a secret."""


def _short(value: str, utf8: bool) -> str:
    """Shorten a value that is wider than its column in the middle."""
    dots = "…" if utf8 else ".."
    left = _VALUE - 5 - len(dots)
    return value if len(value) <= _VALUE else f"{value[:left]}{dots}{value[-5:]}"


def _row(row: Row, utf8: bool) -> tuple[Text, ...]:
    if not row.secret:
        shown = (row.name, row.sent, row.received, row.restored)
        return tuple(Text(each, style="dim") for each in shown)
    wrong = "bold white on red"
    return (
        Text(row.name),
        Text(_short(row.sent, utf8), style="red"),
        Text(row.received, style=wrong if row.sent in row.received else "cyan"),
        Text(_short(row.restored, utf8), style="green" if row.whole else wrong),
    )


def _table(outcome: Outcome, utf8: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, width=_WIDTH, pad_edge=False, show_edge=False)
    table.add_column("in the .env", width=21, no_wrap=True)
    table.add_column("the tool sent", width=_VALUE, no_wrap=True)
    table.add_column("the provider received", overflow="fold", ratio=1)
    table.add_column("tool got back", width=_VALUE, no_wrap=True)
    for row in outcome.rows:
        table.add_row(*_row(row, utf8))
    return table


def _checks(outcome: Outcome, utf8: bool) -> Table:
    table = Table.grid(padding=(0, 2))
    marks = ("✓", "✗") if utf8 else ("ok", "NO")
    for check in outcome.checks:
        style = "green" if check.passed else "bold red"
        mark = marks[0] if check.passed else marks[1]
        table.add_row(Text(mark, style=style), Text(check.claim, style="bold"), Text(check.detail))
    return table


def demo() -> int:
    """Run and show the demonstration; return the exit code of `command`."""
    started = time.perf_counter()
    console = Console(highlight=False)
    console.width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    console.print(
        f"A tool has read a project's [bold].env[/] and asks [bold]{HOST}[/] to turn it into a script.\n"
        "mitmdump with secretgate is in between. Every value below was made up for this run.\n"
    )
    try:
        with console.status("Starting mitmdump ..."):
            outcome = play()
    except (Failed, OSError, ValueError, KeyError) as problem:
        reason = f"The demonstration could not be run: {spoken(problem)}"
        console.print(reason, style="red", markup=False)
        return 2
    utf8 = console.encoding.lower().startswith("utf")
    console.print(Group(_table(outcome, utf8), Text(), _checks(outcome, utf8)))
    seconds = time.perf_counter() - started
    verdict = "It held." if outcome.passed else "It did NOT hold: please report this."
    style = "bold green" if outcome.passed else "bold red"
    console.print(Text(f"\n{verdict}", style=style), Text(f"({seconds:.1f} s)", style="dim"))
    return 0 if outcome.passed else 1


def command() -> None:
    """Show a complete example on this machine, without network or account.

    Examples:
      secretgate demo

    Exit code: 0 if no secret leaked and all were restored, 1 if not, 2 if it could not be run.
    """
    for number in _ENDING:
        # The folder and the proxy of the demonstration are removed on the way out.
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    raise typer.Exit(demo())
