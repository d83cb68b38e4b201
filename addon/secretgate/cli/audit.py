"""`secretgate audit`: verifies the audit log and reports on its contents."""

from __future__ import annotations

import datetime
import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from secretgate.audit import chain
from secretgate.audit.totals import add_up
from secretgate.audit.trail import folder
from secretgate.audit.verify import AnchorError, Verification, anchor, records, verify
from secretgate.cli.options import AsJson, Config
from secretgate.placeholders import Namer, Template
from secretgate.settings import SettingsError
from secretgate.settings.sources import load
from secretgate.state import Places, StateError, load_key
from secretgate.wording import counted

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Verify the audit log, or report on it."
)

_AGO = re.compile(r"([0-9]+)([mhdw])\Z")
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_Folder = Annotated[
    str, typer.Option("--folder", help="The log's folder (default: the installation's).")
]


def _fail(reason: object) -> typer.Exit:
    print(f"secretgate: {reason}", file=sys.stderr)
    return typer.Exit(2)


def _place(chosen: str, config: str) -> Path:
    places = Places.find()
    if chosen:
        place = Path(chosen).expanduser()
    else:
        file = Path(config).expanduser() if config else places.settings
        try:
            place = folder(load({}, file, bool(config)), places)
        except SettingsError as error:
            raise _fail(error) from None
    if not place.is_dir():
        raise _fail(
            f"there is no audit log in {place}: it is created with the first request; use --folder for another"
        )
    return place


@app.command("verify")
def verify_log(
    chosen: _Folder = "",
    config: Config = "",
    key: Annotated[str, typer.Option(help="The key file of the installation that wrote it.")] = "",
    known: Annotated[
        str,
        typer.Option(
            "--anchor",
            help="NUMBER:HASH of a record that the log must contain, as printed earlier.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Find records that were edited, deleted, inserted, moved or cut off.

    Examples:
      secretgate audit verify
      secretgate audit verify --folder backup/audit --key backup/placeholder.key

    Exit code: 0 if the log is intact, 1 if it is not, 2 if it could not be read.
    """
    place = _place(chosen, config)
    file = Path(key).expanduser() if key else Places.find().key
    if not file.is_file():
        raise _fail(f"there is no key in {file}: name it with --key")
    try:
        expected = anchor(known) if known else None
        result = verify(place, chain.derived(Namer(Template(), load_key(file)).digest), expected)
    except (AnchorError, OSError, StateError) as error:
        raise _fail(error) from None
    print(_as_json(result) if as_json else _in_words(result))
    raise typer.Exit(1 if result.problems else 0)


def _as_json(result: Verification) -> str:
    facts = {
        "sound": not result.problems,
        "records": result.records,
        "files": result.files,
        "lost": result.lost,
        "anchor": _anchor(result),
        "problems": [_told(each) for each in result.problems],
        "notes": [_told(each) for each in result.notes],
    }
    return json.dumps(facts, indent=2)


def _in_words(result: Verification) -> str:
    found = counted(len(result.problems), "problem") if result.problems else "sound"
    records, files = counted(result.records, "record"), counted(result.files, "file")
    lines = [
        *map(str, result.problems),
        *(f"note: {note}" for note in result.notes),
        f"{records} in {files}: {found}",
        f"anchor {_anchor(result)}",
    ]
    return "\n".join(lines)


def _anchor(result: Verification) -> str:
    """Return what `--anchor` takes: the number and the hash of the last record."""
    return f"{result.last[0]}:{result.last[1]}"


def _told(place: tuple[Path, int, str]) -> dict[str, object]:
    return {"file": str(place[0]), "line": place[1], "what": place[2]}


@app.command()
def report(
    html: Annotated[
        str, typer.Option("--html", help="Write an HTML page with charts to this file.")
    ] = "",
    since: Annotated[
        str, typer.Option(help="Start: 2030-01-31, 2030-01-31T12:00, or 90m, 24h, 7d, 4w ago.")
    ] = "",
    as_json: AsJson = False,
    chosen: _Folder = "",
    config: Config = "",
) -> None:
    """Report what was found, by rule, tool and host, what was restored, and how much was scanned.

    Examples:
      secretgate audit report
      secretgate audit report --since 7d --html report.html

    Exit code: 0, or 2 if the log could not be read.
    """
    place = _place(chosen, config)
    try:
        totals = add_up(records(place), _since(since))
    except (OSError, ValueError) as error:
        raise _fail(error) from None
    if html:
        from secretgate.audit.page import page

        target = Path(html)
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(page(totals).encode())
        except OSError as error:
            raise _fail(f"{target} cannot be written: {error.strerror}") from None
    if as_json:
        print(json.dumps(totals.json(), indent=2))
    elif html:
        print(f"{target}: {counted(totals.records, 'record')}")
    else:
        from rich.console import Console

        from secretgate.audit.terminal import show

        show(totals, Console(highlight=False))


def _since(text: str) -> str:
    """Return a time as spelled in records; raise ValueError."""
    if not text:
        return ""
    now = datetime.datetime.now(datetime.UTC)
    try:
        if ago := _AGO.match(text):
            when = now - datetime.timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        else:
            when = datetime.datetime.fromisoformat(text)
        utc = when.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"--since {text}: neither a time such as 2030-01-31T12:00 nor one ago such as 24h"
        ) from None
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
