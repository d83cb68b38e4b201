"""The `secretgate` command: one module a sub-command, imported when it is called."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

# Sub-commands that bring their own options: the module, and the function or the group in it.
_ELSEWHERE = {
    "scan": "secretgate.cli.scan:scan",
    "rules": "secretgate.cli.rules:app",
    "coverage": "secretgate.cli.coverage:coverage",
    "system": "secretgate.cli.system:app",
}


class _Commands(TyperGroup):
    """Imports a sub-command's module when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *_ELSEWHERE]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, _, name = _ELSEWHERE[cmd_name].partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command(cmd_name)(found)
            found = alone
        return typer.main.get_command(found)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Keeps secrets out of what AI coding tools send to LLM APIs, and puts them back into the answers.",
)


def addon_path() -> Path:
    """The file that `mitmdump -s` loads: beside the package, in a checkout as in an installation."""
    import secretgate

    return Path(secretgate.__file__).resolve().parent.parent / "secretgate_addon.py"


@app.command("addon-path")
def show_addon_path() -> None:
    """Print the file for `mitmdump -s "$(secretgate addon-path)"`."""
    typer.echo(addon_path())


@app.command()
def demo() -> None:
    """Show the whole job on this machine: no network, no account."""
    from secretgate.cli.demo import demo

    raise typer.Exit(demo())


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def proxy(context: typer.Context) -> None:
    """Run mitmdump with secretgate in it; arguments go to mitmdump."""
    from secretgate.cli.proxy import proxy

    proxy(context.args)


@app.command(
    context_settings={"allow_interspersed_args": False},
)
def run(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments, after --.")],
    mode: Annotated[str, typer.Option(help="redact, block or audit.")] = "",
    config: Annotated[str, typer.Option(help="The configuration file.")] = "",
    host: Annotated[
        list[str] | None,
        typer.Option(help="Cover this host too: HOST or HOST=DIALECT. Repeatable."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    isolate: Annotated[
        bool, typer.Option("--isolate", help="Let the command reach nothing but the proxy.")
    ] = False,
) -> None:
    """Run a command whose requests to AI providers go through the gate: secretgate run -- claude."""
    from secretgate.cli.run import run

    raise typer.Exit(run(command, mode, config, host or (), verbose, isolate))


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8080,
    listen: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 serves other machines too.")
    ] = "127.0.0.1",
    mode: Annotated[str, typer.Option(help="redact, block or audit.")] = "",
    config: Annotated[str, typer.Option(help="The configuration file.")] = "",
    host: Annotated[
        list[str] | None,
        typer.Option(help="Cover this host too: HOST or HOST=DIALECT. Repeatable."),
    ] = None,
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
    """Run the proxy in the foreground."""
    from secretgate.cli.serve import serve

    code = serve(port, listen, mode, config, host or (), base_url, provider or (), web, verbose)
    raise typer.Exit(code)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    port: Annotated[
        int, typer.Option(help="Where the proxy is, if HTTPS_PROXY does not say.")
    ] = 8080,
) -> None:
    """Find what would go past the proxy or not trust it, and how to put it right."""
    from secretgate.cli.doctor import doctor

    raise typer.Exit(doctor(as_json, port))


def main() -> None:
    app()
