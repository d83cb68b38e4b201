"""The `secretgate` command: one module per sub-command, imported when it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from secretgate.cli.options import STANDS_FOR
from secretgate.wording import spoken
from secretgate_ca.helptext import lay_out, name_values


class _Command(NamedTuple):
    panel: str
    """The heading under which `secretgate --help` lists it."""
    where: str
    """MODULE:NAME of its function, or of the Typer app with its own sub-commands."""
    more: Mapping[str, bool] = MappingProxyType({})
    """click settings, for commands whose arguments belong to another program."""
    usage: str = "[OPTIONS]"
    """The start of its usage line, before the arguments."""


_RUN, _SEE, _RULES = "Run the proxy", "See what it does", "Rules and secrets"
_OTHERS = {"allow_extra_args": True, "ignore_unknown_options": True}
_BEHIND = {"allow_interspersed_args": False}
_COMMANDS = {
    "run": _Command(_RUN, "secretgate.cli.run:run", _BEHIND, "[OPTIONS] --"),
    "serve": _Command(_RUN, "secretgate.cli.serve:serve"),
    "system": _Command(_RUN, "secretgate.cli.system:app"),
    "proxy": _Command(
        _RUN, "secretgate.cli.proxy:proxy", _OTHERS, "[OPTIONS] [-- MITMDUMP OPTIONS]"
    ),
    "mcp": _Command(_RUN, "secretgate.cli.mcp:mcp", _BEHIND, "[OPTIONS] --"),
    "addon-path": _Command(_RUN, "secretgate.cli:show_addon_path"),
    "demo": _Command(_SEE, "secretgate.cli.demo:command"),
    "status": _Command(_SEE, "secretgate.cli.status:status"),
    "audit": _Command(_SEE, "secretgate.cli.audit:app"),
    "doctor": _Command(_SEE, "secretgate.cli.doctor:doctor"),
    "coverage": _Command(_SEE, "secretgate.cli.coverage:coverage"),
    "settings": _Command(_SEE, "secretgate.cli.settings:settings"),
    "scan": _Command(_RULES, "secretgate.cli.scan:scan"),
    "rules": _Command(_RULES, "secretgate.cli.rules:app"),
    "policy": _Command(_RULES, "secretgate.cli.policy:app"),
}


class _Commands(TyperGroup):
    """Imports a sub-command's module when the sub-command is requested."""

    def get_params(self, ctx: Any) -> list[Any]:
        params = super().get_params(ctx)
        name_values(params, STANDS_FOR)
        return params

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in _COMMANDS and (near := get_close_matches(args[0], _COMMANDS)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        panel, where, more, usage = _COMMANDS[cmd_name]
        module, _, name = where.partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
            alone.command(cmd_name, context_settings=dict(more), options_metavar=usage)(found)
            found = alone
        command = typer.main.get_command(found)
        command.name = cmd_name
        lay_out(command, STANDS_FOR)
        command.rich_help_panel = panel  # type: ignore[attr-defined]
        return command


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog="Begin with [bold]secretgate demo[/], then [bold]secretgate run -- claude[/]. "
    "Exit codes: 0 success, 1 something was found or a check failed, 2 it could not start.",
)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Keep secrets out of what AI coding tools send to LLM APIs, and put them back into the answers."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"secretgate {installed('secretgate-mitmproxy')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def addon_path() -> Path:
    """Return the file for `mitmdump -s`, next to the package in a checkout and when installed."""
    import secretgate

    return Path(secretgate.__file__).resolve().parent.parent / "secretgate_addon.py"


def show_addon_path() -> None:
    """Print the path of the script for mitmproxy.

    Examples:
      mitmdump -s "$(secretgate addon-path)"

    Exit code: 0.
    """
    typer.echo(addon_path())


def main() -> None:
    """Run the console script; an error of the system is printed as one line, without a traceback."""
    _replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # Not every locale has a character for what we print.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:
        # What is still buffered cannot be written when the process ends either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error, BrokenPipeError):
            raise SystemExit(1) from None
        print(f"secretgate: {spoken(error)}", file=sys.stderr)
        raise SystemExit(2) from None


def _replace_closed_streams() -> None:
    """Open what was closed (`>&-`), or the next file that is opened would take its place.

    The stand-ins stay open until the process ends.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open("w" if number else "r", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, nothing)
