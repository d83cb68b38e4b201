"""`secretgate run`: one command behind its own proxy."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from secretgate.cli import addon_path
from secretgate.cli.options import Config, Hosts, Mode
from secretgate.launch.command import run as launch
from secretgate.launch.command import say_on_stderr
from secretgate.launch.plan import Wishes


def run(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments, after --.")],
    mode: Mode = "",
    config: Config = "",
    host: Hosts = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print more details.")] = False,
    isolate: Annotated[
        bool, typer.Option("--isolate", help="Allow the command to connect only to the proxy.")
    ] = False,
) -> None:
    """Run a command and send its requests to AI providers through the gate.

    Examples:
      secretgate run -- claude
      secretgate run --mode block -- codex exec "fix the tests"
      secretgate run --isolate -- aider

    Exit code: the command's; 2 if it could not start, 126 and 127 as in a shell.
    """
    wishes = Wishes(mode, config, tuple(host or ()), verbose, isolate)
    raise typer.Exit(launch(command, wishes, addon_path(), say_on_stderr, os.environ))
