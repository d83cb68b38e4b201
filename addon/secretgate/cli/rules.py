"""`secretgate rules`: for people who read and write rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
        packs = [
            (path.stem, rule) for path in pack_files() for rule in load_file(path, trusted=True)
        ]
        return [*packs, *(("context", rule) for rule in CONTEXT_RULES)]
    except RuleError as error:
        typer.echo(f"secretgate rules: {error}", err=True)
        raise typer.Exit(2) from error


_Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules", help="Rule files of your own instead of those that come with secretgate."
    ),
]


@app.command("list")
def list_rules(
    word: Annotated[
        str, typer.Argument(help="Only rules whose id or description holds this.")
    ] = "",
    rules: _Files = None,
) -> None:
    """List rules: pack, id, description."""
    for pack, rule in _rules(rules or []):
        if word.lower() in f"{rule.id} {rule.description}".lower():
            off = "" if rule.enabled else "  (off by default)"
            typer.echo(f"{pack:16} {rule.id:44} {rule.description}{off}")


@app.command("show")
def show_rule(
    rule_id: Annotated[str, typer.Argument(help="The rule's id.")], rules: _Files = None
) -> None:
    """Show one rule with everything it says."""
    for pack, rule in _rules(rules or []):
        if rule.id == rule_id:
            rows = {
                "id": rule.id,
                "pack": pack,
                "description": rule.description,
                "pattern": rule.pattern or "(read in code: see docs/detection.md)",
                "secret": rule.secret if rule.pattern else "",
                "keywords": ", ".join(rule.keywords),
                "entropy": rule.entropy or "",
                "validate": rule.validate,
                "confidence": rule.confidence,
                "enabled": "yes" if rule.enabled else "no",
                "reference": rule.reference,
            }
            for name, value in rows.items():
                if value != "":
                    typer.echo(f"{name:12} {value}")
            return
    typer.echo(f"secretgate rules: no rule {rule_id!r}; see `secretgate rules list`", err=True)
    raise typer.Exit(2)


@app.command("test")
def try_rules(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Rule files; without, the packs of secretgate.")
    ] = None,
) -> None:
    """Run the examples and counterexamples of rules."""
    raise typer.Exit(check.main([str(path) for path in files or pack_files()]))
