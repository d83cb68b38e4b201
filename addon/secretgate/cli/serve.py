"""`secretgate serve`: the proxy in the foreground, for all clients directed to it."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from io import TextIOWrapper
from typing import Annotated

import typer

from secretgate.base_urls import ALL, BaseURLError
from secretgate.cli import addon_path
from secretgate.cli.options import Config, Hosts, Mode
from secretgate.gateway.workers import WorkersError
from secretgate.launch.plan import Wishes
from secretgate.launch.running import LAST_PORT, USUAL_PORT
from secretgate.launch.serving import Gateway, Serving, prepare
from secretgate.launch.upstream import UpstreamError
from secretgate.settings import SettingsError
from secretgate.state import StateError
from secretgate.wording import spoken
from secretgate_ca import CAError

_BASE_URLS, _TEAM = "Base URLs", "For a team"


_Port = Annotated[int, typer.Option(min=1, max=LAST_PORT, help="The port to listen on.")]
_Listen = Annotated[
    str,
    typer.Option(help="The address to listen on; 0.0.0.0 serves the machines in `clients` too."),
]
_BaseURL = Annotated[
    bool,
    typer.Option(
        "--base-url",
        help="Serve providers as path prefixes too: /anthropic, /openai, ...",
        rich_help_panel=_BASE_URLS,
    ),
]
_Provider = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=URL",
        help="One more prefix: NAME=URL or NAME=DIALECT+URL. Repeatable.",
        rich_help_panel=_BASE_URLS,
    ),
]
_ProxyAuth = Annotated[
    str,
    typer.Option(
        envvar="SECRETGATE_PROXYAUTH",
        help="Allowed users: @FILE for an htpasswd file, USER:PASSWORD, or ldaps:..., like mitmproxy's option.",
        rich_help_panel=_TEAM,
    ),
]
_Workers = Annotated[
    int,
    typer.Option(min=1, max=256, help="Processes that share the port.", rich_help_panel=_TEAM),
]
_OwnPorts = Annotated[
    bool,
    typer.Option(
        "--own-ports", help="Give each worker its own port, from --port on.", rich_help_panel=_TEAM
    ),
]
_HealthPort = Annotated[
    int,
    typer.Option(
        min=0,
        max=LAST_PORT,
        help="Serve /readyz and /livez, from this port on, one port per worker.",
        show_default=False,
        rich_help_panel=_TEAM,
    ),
]
_Drain = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=3600,
        help="Seconds allowed for streams to finish after SIGTERM (30 with --workers or --health-port).",
        rich_help_panel=_TEAM,
    ),
]
_Web = Annotated[bool, typer.Option("--web", help="Run mitmweb, with its web interface.")]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]


def serve(
    port: _Port = USUAL_PORT,
    listen: _Listen = "127.0.0.1",
    mode: Mode = "",
    config: Config = "",
    host: Hosts = None,
    base_url: _BaseURL = False,
    provider: _Provider = None,
    proxyauth: _ProxyAuth = "",
    workers: _Workers = 1,
    own_ports: _OwnPorts = False,
    health_port: _HealthPort = 0,
    drain: _Drain = None,
    web: _Web = False,
    verbose: _Verbose = False,
) -> None:
    """Run the proxy in the foreground, and print what to set.

    With --workers it runs several: one that dies is started again, SIGTERM lets streams come to their end,
    SIGHUP renews one worker after the other.

    Examples:
      secretgate serve
      secretgate serve --base-url --port 8082
      secretgate serve --workers 4 --proxyauth @users --listen 0.0.0.0

    Exit code: 0 when stopped, 2 if it could not start.
    """
    entries = (*((ALL,) if base_url else ()), *(provider or ()))
    # mitmweb logs its address, and the token that opens it, as information.
    wishes = Wishes(mode, config, tuple(host or ()), verbose or web, base_urls=entries)
    gateway = Gateway(workers, port, own_ports, health_port, drain, proxyauth, listen)
    ready, kept = _prepared(wishes, gateway, web)
    print(ready.hints(web), flush=True)
    if workers > 1:
        with kept:
            raise typer.Exit(gateway.run(ready.arguments))
    _run_here(ready, web)


def _prepared(
    wishes: Wishes, gateway: Gateway, web: bool
) -> tuple[Serving, AbstractContextManager[object]]:
    """Return what is to be started, and what keeps its port until then; exit if it cannot start."""
    try:
        if web and gateway.workers > 1:
            raise WorkersError("--web shows one proxy: leave --workers out")
        return prepare(wishes, gateway, addon_path(), os.environ), gateway.kept()
    except (
        BaseURLError,
        CAError,
        SettingsError,
        StateError,
        UpstreamError,
        WorkersError,
        OSError,
    ) as error:
        print(f"secretgate: {spoken(error)}", file=sys.stderr)
        raise typer.Exit(2) from None


def _run_here(ready: Serving, web: bool) -> None:
    """Run mitmproxy in this process, until a signal ends it."""
    from mitmproxy.tools.main import mitmdump, mitmweb

    # What mitmproxy cannot use, it tells under this name.
    sys.argv[0] = "secretgate"
    if isinstance(sys.stdout, TextIOWrapper):
        # It does not flush what it logs, which may go to a file or a pipe.
        sys.stdout.reconfigure(line_buffering=True)
    try:
        (mitmweb if web else mitmdump)(ready.arguments(0))
    except SystemExit as ended:
        # It ends with other codes only if it could not start.
        raise typer.Exit(2 if ended.code else 0) from None
