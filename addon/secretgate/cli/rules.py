"""`secretgate rules`: lists, shows and tests detection rules."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from secretgate.cli.options import AsJson
from secretgate_rules import RuleError, check
from secretgate_rules.context import RULES as CONTEXT_RULES
from secretgate_rules.model import Rule
from secretgate_rules.rulefile import load_file, pack_files
from secretgate_rules.users import load_user_file

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="List, show and test detection rules."
)


def _rules(files: list[Path]) -> list[tuple[str, Rule]]:
    try:
        if files:
            return [
                (file.stem, rule)
                for file in files
                for rule in load_user_file(
                    file, lambda text: typer.echo(f"note: {text}", err=True)
                ).rules
            ]
        return _packs()
    except RuleError as error:
        typer.echo(f"secretgate rules: {error}", err=True)
        raise typer.Exit(2) from error


@cache
def _packs() -> list[tuple[str, Rule]]:
    """Return the built-in rules with their packs; cached, because reading them takes a second."""
    read = [(path.stem, rule) for path in pack_files() for rule in load_file(path, trusted=True)]
    return [*read, *(("context", rule) for rule in CONTEXT_RULES)]


_Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules", help="Rule files of your own instead of those that come with secretgate."
    ),
]


@app.command("list")
def list_rules(
    word: Annotated[
        str, typer.Argument(help="Only rules whose id or description contains this.")
    ] = "",
    rules: _Files = None,
    as_json: AsJson = False,
) -> None:
    """List rules: pack, id, description.

    Examples:
      secretgate rules list
      secretgate rules list github --json

    Exit code: 0, 1 if no rule contains the word, 2 if a rule file cannot be used.
    """
    found = []
    for pack, rule in _rules(rules or []):
        if word.lower() in f"{rule.id} {rule.description}".lower():
            found.append((pack, rule))
    if as_json:
        typer.echo(json.dumps([_row(pack, rule) for pack, rule in found], indent=2))
    else:
        for pack, rule in found:
            off = "" if rule.enabled else "  (off by default)"
            typer.echo(f"{pack:16} {rule.id:44} {rule.description}{off}")
    if not found:
        typer.echo(f"secretgate rules: no rule's id or description contains {word!r}", err=True)
        raise typer.Exit(1)


def _row(pack: str, rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "pack": pack,
        "description": rule.description,
        "pattern": rule.pattern or "(read in code: see docs/detection.md)",
        "secret": rule.secret if rule.pattern else "",
        "keywords": list(rule.keywords),
        "entropy": rule.entropy,
        "validate": rule.validate,
        "confidence": rule.confidence,
        "enabled": rule.enabled,
        "reference": rule.reference,
    }


@app.command("show")
def show_rule(
    rule_id: Annotated[str, typer.Argument(help="The rule's id.")],
    rules: _Files = None,
    as_json: AsJson = False,
) -> None:
    """Show one rule in full.

    Examples:
      secretgate rules show github-pat

    Exit code: 0, or 2 if there is no such rule.
    """
    for pack, rule in _rules(rules or []):
        if rule.id == rule_id:
            row = _row(pack, rule)
            if as_json:
                typer.echo(json.dumps(row, indent=2))
                return
            shown = {
                **row,
                "keywords": ", ".join(rule.keywords),
                "entropy": rule.entropy or "",
                "enabled": "yes" if rule.enabled else "no",
            }
            for name, value in shown.items():
                if value != "":
                    typer.echo(f"{name:12} {value}")
            return
    typer.echo(f"secretgate rules: no rule {rule_id!r}; see `secretgate rules list`", err=True)
    raise typer.Exit(2)


@app.command("test")
def try_rules(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Rule files (default: secretgate's packs).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the examples and counterexamples of rules.

    Examples:
      secretgate rules test
      secretgate rules test mine.yaml --json

    Exit code: 0 if all pass, 1 if one fails or a file cannot be used.
    """
    names = [str(path) for path in files or pack_files()]
    if not as_json:
        raise typer.Exit(check.main(names))
    rows = [
        {"file": name, "rule": rule, "problems": wrong} for name, rule, wrong in check.tried(names)
    ]
    typer.echo(json.dumps(rows, indent=2))
    raise typer.Exit(any(row["problems"] for row in rows))
