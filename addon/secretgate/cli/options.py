"""Options shared by several sub-commands, and the placeholders shown for option values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

_MODES = ("redact", "block", "audit")


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """Return a callback that refuses a value that is none of the names; an empty one is left out."""

    def check(given: str) -> str:
        if given and given not in names:
            raise typer.BadParameter(f"{given!r} is none of: {', '.join(names)}")
        return given

    return check


Mode = Annotated[
    str,
    typer.Option(
        help="redact, block or audit.",
        callback=one_of(_MODES),
        autocompletion=lambda: list(_MODES),
    ),
]
Config = Annotated[str, typer.Option(help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="Cover this host too: HOST or HOST=DIALECT. Repeatable."),
]


STANDS_FOR = {
    "anchor": "NUMBER:HASH",
    "baseline": "FILE",
    "client": "NAME",
    "config": "FILE",
    "direction": "request|response",
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
    "model": "NAME",
    "name": "NAME",
    "operation": "NAME",
    "packs": "FOLDER",
    "policy": "PATH",
    "port": "PORT",
    "profiles": "FOLDER",
    "provider": "NAME",
    "proxyauth": "WHO",
    "role": "NAME",
    "rules": "FILE",
    "since": "WHEN",
    "workers": "N",
}
"""What `--help` shows as the value of an option, by its name; TEXT for all others."""
