"""Options that several sub-commands have, declared once, and how their help is laid out."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Annotated, Any

import typer

Mode = Annotated[str, typer.Option(help="redact, block or audit.")]
Config = Annotated[str, typer.Option(help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="Cover this host too: HOST or HOST=DIALECT. Repeatable."),
]


_STANDS_FOR = {
    "anchor": "NUMBER:HASH",
    "baseline": "FILE",
    "config": "FILE",
    "drain": "SECONDS",
    "fixtures": "PATH",
    "folder": "FOLDER",
    "format": "text|json|sarif",
    "health-port": "PORT",
    "host": "HOST",
    "html": "FILE",
    "key": "FILE",
    "listen": "ADDRESS",
    "mode": "MODE",
    "packs": "FOLDER",
    "policy": "PATH",
    "port": "PORT",
    "profiles": "FOLDER",
    "proxyauth": "WHO",
    "rules": "FILE",
    "since": "WHEN",
    "workers": "N",
}
"""What an option is given, by its name; the others say TEXT."""


def name_values(params: Iterable[Any]) -> None:
    """Says of an option's value what it stands for, and nothing where it takes none."""
    for param in params:
        if param.param_type_name == "option" and param.metavar is None:
            name = max(param.opts, key=len).lstrip("-")
            param.metavar = "" if param.is_flag else _STANDS_FOR.get(name, "TEXT")


def lay_out(command: Any) -> None:
    """Makes a paragraph of a docstring one line, which the terminal breaks; lists of examples stay lists."""
    if command.help:
        paragraphs = inspect.cleandoc(command.help).split("\n\n")
        command.help = "\n\n".join(
            paragraph if "\n  " in paragraph else " ".join(paragraph.split())
            for paragraph in paragraphs
        )
    name_values(command.get_params(typer.Context(command)))
    for inner in getattr(command, "commands", {}).values():
        lay_out(inner)
