"""Options that several sub-commands have, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

Mode = Annotated[str, typer.Option(help="redact, block or audit.")]
Config = Annotated[str, typer.Option(help="The configuration file.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="Cover this host too: HOST or HOST=DIALECT. Repeatable."),
]
