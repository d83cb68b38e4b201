"""`secretgate coverage`: what is covered, refused and not seen, generated from the tables.

`docs/coverage.md` is this output; a test compares the two.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markdown import Markdown

from secretgate.cli.options import AsJson
from secretgate.hosts import Section, limits, sections
from secretgate.providers import DIALECTS

_HEAD = """\
# What is covered

Made by `secretgate coverage` from the tables that the gate itself runs on; do not edit.

For a covered endpoint, TLS is terminated and requests are read. Secrets in them are redacted, or the
request is blocked, and answers are restored. This holds for every transport in the row. The tests try
each format with a provider on loopback that speaks it (`tests/addon/test_wire_*.py`, `tests/e2e/`). Nothing here
was run against a live API.

- **covered**: it carries what the user wrote. What cannot be read is refused (`on_unreadable`).
- **scanned**: it may carry what the user wrote. It is read if possible; if not, it passes, and the log says so.
- **left alone**: credentials, tokens, sign-in. Never read.

A host that is in no table is tunnelled untouched. On a covered host, a path that is in no row is scanned.
"""
_STATES = {"content": "covered", "other": "scanned", "pass": "left alone"}


def coverage(
    word: Annotated[
        str, typer.Argument(help="A host, a tool or a path: show only what contains it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show which hosts and endpoints are covered, as tables, or as Markdown if redirected.

    Examples:
      secretgate coverage
      secretgate coverage codex
      secretgate coverage --json

    Exit code: 0, or 1 if nothing contains the word.
    """
    page = document(word)
    if as_json:
        print(json.dumps(table(word), indent=2))
    elif sys.stdout.isatty():
        Console().print(Markdown(page))
    else:
        print(page, end="")
    if not page:
        print(f"secretgate: nothing covered contains {word!r}", file=sys.stderr)
        raise typer.Exit(1)


def document(word: str = "") -> str:
    """Return the tables as Markdown, reduced to the parts that contain `word`."""
    sets, providers = sections()
    parts = [_HEAD] if not word else []
    parts += [_provider(section) for section in providers]
    parts += [_set(section) for section in sets]
    parts.append(_limits())
    if word:
        parts = [part for part in parts if word.lower() in part.lower()]
    return "\n".join(parts)


def table(word: str = "") -> dict[str, Any]:
    """Return the same as JSON data."""
    sets, providers = sections()
    return {
        "providers": [_facts(each) for each in providers if _holds(each, word)],
        "endpoints": [_facts(each) for each in sets if _holds(each, word)],
    }


def _facts(section: Section) -> dict[str, Any]:
    rows = [path for path in section.paths if not isinstance(path, str)]
    return {
        "name": section.title,
        "hosts": list(section.hosts),
        "clients": list(section.clients),
        "all_of": [path for path in section.paths if isinstance(path, str)],
        "endpoints": [
            {"path": glob, "state": _STATES[treatment], "format": (*own, section.dialect)[0]}
            for glob, treatment, *own in rows
        ],
    }


def _holds(section: Section, word: str) -> bool:
    return word.lower() in json.dumps(_facts(section)).lower()


def _provider(section: Section) -> str:
    hosts = ", ".join(f"`{host}`" for host in section.hosts)
    clients = ", ".join(section.clients)
    head = f"## {section.title}\n\nHosts: {hosts}  \nClients: {clients}\n\n"
    return head + _table(("Endpoint", "Format", "Transport", "State"), _rows(section))


def _set(section: Section) -> str:
    head = f"## Endpoints: {section.title}\n\n"
    return head + _table(("Endpoint", "Format", "Transport", "State"), _rows(section))


def _rows(section: Section) -> Iterator[tuple[str, ...]]:
    for path in section.paths:
        if isinstance(path, str):
            yield f"all of [{path}](#endpoints-{path})", "", "", ""
            continue
        glob, treatment, *own = path
        dialect = DIALECTS[own[0] if own else section.dialect]
        if treatment == "pass":
            yield f"`{glob}`", "", "", _STATES[treatment]
        else:
            yield f"`{glob}`", dialect.name, ", ".join(dialect.transports), _STATES[treatment]


def _limits() -> str:
    rows = [tuple(limit) for limit in limits()]
    return "## Refused, in part, or not seen\n\n" + _table(
        ("What", "Where", "Transport", "State", "Why, and what to do"), rows
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    """Escape a table cell; globs outside of code would be rendered as emphasis."""
    return text.replace("|", "\\|") if "`" in text else text.replace("|", "\\|").replace("*", "\\*")
