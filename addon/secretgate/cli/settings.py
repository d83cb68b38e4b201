"""`secretgate settings`: every setting, its current value and where that comes from.

`docs/configuration.md` is the output of `--reference`; a test compares the two.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer

from secretgate.cli.options import AsJson, Config
from secretgate.settings import FIELDS, PREFIX, Settings, SettingsError, without_password
from secretgate.settings.sources import load, misspelt
from secretgate.state import Places

_HEAD = """\
# Settings

Made by `secretgate settings --reference` from the code; do not edit. `secretgate settings` shows the
values in force and where each comes from.

Every setting has one name and can be set in three places. The first that has it wins: the mitmproxy option
(`--set secretgate_mode=block`), the environment variable (`SECRETGATE_MODE=block`), the file (`mode: block`). The file is
`secretgate.yaml` in the platform's configuration folder, or the one that `--set secretgate_config=PATH` names. In options
and variables, commas separate the items of a list; in the file, it is a YAML list. A bad value stops the start, with an error that says where it is and why.
Options can also be set while mitmproxy runs (`:set secretgate_mode=block` in its console); a bad value then changes nothing.

If `SECRETGATE_HOME` names a folder, configuration, state and CA are all kept in it.

| Setting | Default | Meaning |
| --- | --- | --- |
"""
_DEFAULTS: Mapping[str, Any] = msgspec.to_builtins(Settings())


class InForce(NamedTuple):
    """A setting with its value and where that comes from."""

    name: str
    value: Any
    source: str


def settings(
    config: Config = "",
    as_json: AsJson = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="Print the reference of all settings as Markdown.")
    ] = False,
) -> None:
    """Show every setting, its current value and where that comes from.

    Examples:
      secretgate settings
      secretgate settings --config team.yaml --json

    Exit code: 0, or 2 if a value cannot be used.
    """
    if reference:
        print(document(), end="")
        return
    file = Path(config).expanduser() if config else Places.find().settings
    try:
        rows = list(in_force(file, bool(config), os.environ))
    except SettingsError as error:
        print(f"secretgate: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    for variable, meant in misspelt(os.environ):
        print(f"secretgate: {variable} is no setting; did you mean {meant}?", file=sys.stderr)
    if as_json:
        shown = {row.name: {"value": row.value, "source": row.source} for row in rows}
        print(json.dumps(shown, indent=2))
        return
    wide = max(len(row.name) for row in rows)
    for row in rows:
        print(f"{row.name:<{wide}}  {_spelled(row.value) or '-'}  ({row.source})")


def in_force(file: Path, explicit: bool, environment: Mapping[str, str]) -> Iterator[InForce]:
    """Yield every setting with its value and source; raise SettingsError."""
    values = msgspec.to_builtins(load({}, file, explicit, environment))
    alone = msgspec.to_builtins(load({}, file, explicit, {}))
    for name in FIELDS:
        variable = f"SECRETGATE_{name.upper()}"
        if environment.get(variable):
            source = variable
        else:
            source = "default" if alone[name] == _DEFAULTS[name] else str(file)
        value = values[name]
        if isinstance(value, str):
            value = without_password(value)
        yield InForce(name, value, source)


def document() -> str:
    """Return the reference as Markdown."""
    rows = (
        f"| `{name}` | {_default(name)} | {_meaning(text)} |\n" for name, text in FIELDS.items()
    )
    return _HEAD + "".join(rows) + f"\nAs mitmproxy options they begin with `{PREFIX}`.\n"


def _default(name: str) -> str:
    shown = _spelled(_DEFAULTS[name])
    return f"`{shown}`" if shown else ""


def _meaning(text: str) -> str:
    return text.partition(" Default: ")[0].replace("|", "\\|")


def _spelled(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_item(each) for each in value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _item(value: Any) -> str:
    """Return an item of a list as an option would give it, if it can."""
    if isinstance(value, dict) and "dialect" in value:
        provider = f":{value['provider']}" if value["provider"] else ""
        return f"{value['host']}={value['dialect']}{provider}"
    return str(value)
