"""`secretgate system on|off|status`: the proxy for everything on this account."""

from __future__ import annotations

from typing import Annotated

import typer

from secretgate.cli.options import AsJson, Mode
from secretgate.launch.running import LAST_PORT, USUAL_PORT

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Use the proxy for everything on this account; can be undone completely.",
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the changes without making them.")]


@app.command()
def on(
    port: Annotated[
        int, typer.Option(min=1, max=LAST_PORT, help="The port of the proxy.")
    ] = USUAL_PORT,
    mode: Mode = "",
    dry_run: DryRun = False,
) -> None:
    """Start the proxy now and at every login, and point programs at it.

    Examples:
      secretgate system on --dry-run
      secretgate system on --mode audit

    Exit code: 0, 1 if a step failed, 2 if it could not start.
    """
    from secretgate.system.command import on

    raise typer.Exit(on(port, mode, dry_run))


@app.command()
def off(dry_run: DryRun = False) -> None:
    """Undo everything that `on` changed.

    Examples:
      secretgate system off

    Exit code: 0, 1 if a step could not be undone, 2 if it could not start.
    """
    from secretgate.system.command import off

    raise typer.Exit(off(dry_run))


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show whether it is on, and whether the proxy is running.

    Examples:
      secretgate system status --json

    Exit code: 0, or 1 if it is on and no proxy answers.
    """
    from secretgate.system.command import status

    raise typer.Exit(status(as_json))
