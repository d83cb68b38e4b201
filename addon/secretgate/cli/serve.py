"""`secretgate serve`: the proxy in the foreground, for all clients directed to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated

import typer

from secretgate.base_urls import ALL, BaseURL, BaseURLError, chosen
from secretgate.cli import addon_path
from secretgate.cli.options import Config, Hosts, Mode
from secretgate.gateway.workers import Plan, WorkersError, reserve, vacant
from secretgate.gateway.workers import serve as run_workers
from secretgate.hosts import ca_domains
from secretgate.launch import plan as plans
from secretgate.launch.plan import Wishes
from secretgate.launch.upstream import UpstreamError, upstream
from secretgate.proxy import access
from secretgate.settings import PREFIX, SettingsError
from secretgate.state import Places, StateError, private_folder
from secretgate_ca import CAError, ensure_ca, write_bundle

_DRAIN = 30.0
_LAST_PORT = 65535
_BASE_URLS, _TEAM = "Base URLs", "For a team"


def serve(
    port: Annotated[int, typer.Option(min=1, max=_LAST_PORT, help="The port to listen on.")] = 8080,
    listen: Annotated[
        str,
        typer.Option(
            help="The address to listen on; 0.0.0.0 serves the machines in `clients` too."
        ),
    ] = "127.0.0.1",
    mode: Mode = "",
    config: Config = "",
    host: Hosts = None,
    base_url: Annotated[
        bool,
        typer.Option(
            "--base-url",
            help="Serve providers as path prefixes too: /anthropic, /openai, ...",
            rich_help_panel=_BASE_URLS,
        ),
    ] = False,
    provider: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=URL",
            help="One more prefix: NAME=URL or NAME=DIALECT+URL. Repeatable.",
            rich_help_panel=_BASE_URLS,
        ),
    ] = None,
    proxyauth: Annotated[
        str,
        typer.Option(
            envvar="SECRETGATE_PROXYAUTH",
            help="Allowed users: @FILE for an htpasswd file, USER:PASSWORD, or ldaps:..., like mitmproxy's option.",
            rich_help_panel=_TEAM,
        ),
    ] = "",
    workers: Annotated[
        int,
        typer.Option(min=1, max=256, help="Processes that share the port.", rich_help_panel=_TEAM),
    ] = 1,
    own_ports: Annotated[
        bool,
        typer.Option(
            "--own-ports",
            help="Give each worker its own port, from --port on.",
            rich_help_panel=_TEAM,
        ),
    ] = False,
    health_port: Annotated[
        int,
        typer.Option(
            min=0,
            max=_LAST_PORT,
            help="Serve /readyz and /livez, from this port on, one port per worker.",
            show_default=False,
            rich_help_panel=_TEAM,
        ),
    ] = 0,
    drain: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=3600,
            help="Seconds allowed for streams to finish after SIGTERM (30 with --workers or --health-port).",
            rich_help_panel=_TEAM,
        ),
    ] = None,
    web: Annotated[
        bool, typer.Option("--web", help="Run mitmweb, with its web interface.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
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
    wishes = Wishes(mode, config, tuple(host or ()), verbose, base_urls=entries)
    try:
        places = Places.find()
        chosen_plan = plans.plan(wishes, places, os.environ)
        bases = chosen(chosen_plan.settings.base_urls)
        known = ensure_ca(places.ca, ca_domains())
        bundle = write_bundle(known, inherited=os.environ)
        roots = plans.upstream_roots(places, private_folder(places.state), os.environ)
        via = upstream(os.environ)
        if via and via.local and via.port == port:
            via = None
        if not (proxyauth or chosen_plan.settings.clients or access.local(listen)):
            raise WorkersError(access.open_to_all(listen))
        if web and workers > 1:
            raise WorkersError("--web shows one proxy: leave --workers out")
        gateway = _Gateway(workers, port, own_ports, health_port, drain, proxyauth, listen)

        def arguments(number: int) -> list[str]:
            own = plans.arguments(
                chosen_plan,
                wishes,
                addon_path(),
                None,
                roots,
                via,
                listen=listen,
                port=gateway.port(number),
            )
            return own + gateway.options(number)

        kept = gateway.kept()
    except (
        BaseURLError,
        CAError,
        SettingsError,
        StateError,
        UpstreamError,
        WorkersError,
        OSError,
    ) as error:
        print(f"secretgate: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    shown = f"http://{'127.0.0.1' if listen in ('0.0.0.0', '::') else listen}:{port}"
    print(_hints(shown, str(known.ca_cert), str(bundle), bases, chosen_plan.settings.mode, web))
    sys.stdout.flush()

    if workers > 1:
        with kept:
            raise typer.Exit(gateway.run(arguments))

    from mitmproxy.tools.main import mitmdump, mitmweb

    try:
        (mitmweb if web else mitmdump)(arguments(0))
    except SystemExit as ended:
        # mitmproxy ends with other codes only if it could not start.
        raise typer.Exit(2 if ended.code else 0) from None


@dataclass(frozen=True)
class _Gateway:
    """The settings of several workers, or of one behind a load balancer."""

    workers: int
    first_port: int
    own_ports: bool
    health_port: int
    drain: float | None
    proxyauth: str
    listen: str

    @property
    def shared(self) -> bool:
        return self.workers > 1 and not self.own_ports

    def port(self, number: int) -> int:
        return self.first_port + (number if self.own_ports else 0)

    def seconds(self) -> float:
        if self.drain is not None:
            return self.drain
        return _DRAIN if self.workers > 1 or self.health_port else 0.0

    def options(self, number: int) -> list[str]:
        chosen = {"proxyauth": self.proxyauth} if self.proxyauth else {}
        if self.seconds() or self.drain is not None:
            chosen[f"{PREFIX}drain"] = f"{self.seconds():g}"
        if self.health_port:
            host = f"[{self.listen}]" if ":" in self.listen else self.listen
            chosen[f"{PREFIX}health"] = f"{host}:{self.health_port + number}"
        return [part for name, value in chosen.items() for part in ("--set", f"{name}={value}")]

    def kept(self) -> AbstractContextManager[object]:
        """Reserve the port if workers share it; otherwise check that all ports are free.

        Raises WorkersError.
        """
        for option, first in (("--port", self.port(0)), ("--health-port", self.health_port)):
            own = self.own_ports or option == "--health-port"
            if first + own * (self.workers - 1) > _LAST_PORT:
                raise WorkersError(
                    f"{option} {first} leaves no port for each of {self.workers} workers: "
                    f"the last port is {_LAST_PORT}"
                )
        if not self.shared:
            for number in range(self.workers):
                vacant(self.listen, self.port(number))
            return nullcontext()
        if sys.platform != "linux":
            raise WorkersError("only Linux deals connections out to workers: add --own-ports")
        return reserve(self.listen, self.first_port)

    def run(self, arguments: Callable[[int], list[str]]) -> int:
        def say(line: str) -> None:
            print(f"secretgate: {line}", file=sys.stderr, flush=True)

        return run_workers(Plan(self.workers, arguments, self.shared, self.seconds()), say)


def _hints(url: str, ca: str, bundle: str, bases: dict[str, BaseURL], mode: str, web: bool) -> str:
    lines = [
        f"secretgate is starting on {url}, mode {mode}. To send a tool through it:",
        "",
        f"    export HTTPS_PROXY={url} HTTP_PROXY={url}",
        f"    export NODE_EXTRA_CA_CERTS='{ca}'",
        f"    export SSL_CERT_FILE='{bundle}'",
        "",
    ]
    named = [base for base in bases.values() if base.variable]
    if bases:
        lines += ["or as a base URL:", ""]
        for base in named:
            resource = "/RESOURCE" if base.per_resource else ""
            lines.append(f"    export {base.variable}={url}/{base.name}{resource}")
        lines += [f"    {url}/{name}" for name, base in bases.items() if base not in named]
        lines.append("")
    lines.append("Its page, through it: http://secretgate.internal/")
    if web:
        lines.append("mitmweb shows requests as they were sent, secrets and keys included.")
    return "\n".join(lines)
