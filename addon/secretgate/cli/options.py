"""Options that several sub-commands have, declared once, and how their help is laid out."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

Mode = Annotated[str, typer.Option(help="redact, block or audit.")]
Config = Annotated[str, typer.Option(help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="Cover this host too: HOST or HOST=DIALECT. Repeatable."),
]


def lay_out(command: Any) -> None:
    """Makes a paragraph of a docstring one line, which the terminal breaks; lists of examples stay lists."""
    if command.help:
        paragraphs = inspect.cleandoc(command.help).split("\n\n")
        command.help = "\n\n".join(
            paragraph if "\n  " in paragraph else " ".join(paragraph.split())
            for paragraph in paragraphs
        )
    for inner in getattr(command, "commands", {}).values():
        lay_out(inner)
