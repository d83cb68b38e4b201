"""`secretgate serve`: the proxy in the foreground, for everything that is pointed at it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from secretgate.base_urls import ALL, BaseURL, BaseURLError, chosen
from secretgate.cli import addon_path
from secretgate.cli.options import Config, Hosts, Mode
from secretgate.hosts import ca_domains
from secretgate.launch import plan as plans
from secretgate.launch.plan import Wishes
from secretgate.launch.upstream import UpstreamError, upstream
from secretgate.settings import SettingsError
from secretgate.state import Places, StateError, private_folder
from secretgate_ca import CAError, ensure_ca, write_bundle


def serve(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8080,
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
            "--base-url", help="Serve providers as path prefixes too: /anthropic, /openai, ..."
        ),
    ] = False,
    provider: Annotated[
        list[str] | None,
        typer.Option(help="One more prefix: NAME=URL or NAME=DIALECT+URL. Repeatable."),
    ] = None,
    web: Annotated[bool, typer.Option("--web", help="With mitmweb's interface.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Run the proxy in the foreground, and say what to set.

    Example: [bold]secretgate serve --base-url --port 8082[/]
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
        arguments = plans.arguments(
            chosen_plan, wishes, addon_path(), None, roots, via, listen=listen, port=port
        )
    except (BaseURLError, CAError, SettingsError, StateError, UpstreamError, OSError) as error:
        print(f"secretgate: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    shown = f"http://{'127.0.0.1' if listen in ('0.0.0.0', '::') else listen}:{port}"
    print(_hints(shown, str(known.ca_cert), str(bundle), bases, chosen_plan.settings.mode, web))
    sys.stdout.flush()

    from mitmproxy.tools.main import mitmdump, mitmweb

    (mitmweb if web else mitmdump)(arguments)


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
