"""`secretgate status`: what the running proxy has done since it started."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated

import typer

from secretgate.cli.options import AsJson
from secretgate.launch import running
from secretgate.launch.running import LAST_PORT, USUAL_PORT
from secretgate.launch.upstream import UpstreamError, upstream
from secretgate.web.lines import lines


def status(
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=LAST_PORT,
            help=f"The proxy's port (default: from HTTPS_PROXY, or {USUAL_PORT}).",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the running proxy has found, restored, refused and been unable to inspect.

    Examples:
      secretgate status
      secretgate status --port 8082 --json

    Exit code: 0, or 1 if no proxy answers.
    """
    host, at = _address(port)
    report = running.status(host, at)
    if report is None:
        print(
            f"secretgate: no proxy answers on {host}:{at}. Start one with secretgate serve, or name its "
            "port with --port. secretgate audit report shows what was recorded before.",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    print(json.dumps(report, indent=2) if as_json else "\n".join(lines(report)))


def _address(port: int | None) -> tuple[str, int]:
    if port:
        return "127.0.0.1", port
    try:
        named = upstream(os.environ)
    except UpstreamError:
        named = None
    return (named.host, named.port) if named and named.local else ("127.0.0.1", USUAL_PORT)
