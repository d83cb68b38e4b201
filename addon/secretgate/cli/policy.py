"""`secretgate policy`: validates, tests and explains rule files, also for use in CI."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import yaml

from secretgate.cli.options import AsJson, Config, one_of
from secretgate.policy import building, fixtures, loading
from secretgate.policy.engine import Policy, Scope
from secretgate.policy.errors import PolicyError
from secretgate.policy.handling import FindingRules
from secretgate.policy.model import KNOWN_OPERATIONS, Call
from secretgate.policy.secrets import DetectorSecrets
from secretgate.settings import Settings, SettingsError
from secretgate.settings.sources import load
from secretgate.state import Places
from secretgate.wording import counted
from secretgate_rules import Finding, load_default

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Validate, test and explain policies."
)

_Rules = Annotated[Path, typer.Argument(help="A rule file, or a folder of rule files.")]
_Packs = Annotated[Path | None, typer.Option(help="The folder of packs (default: packs/).")]
_Profiles = Annotated[
    Path | None, typer.Option(help="The folder of profiles (default: profiles/).")
]


@app.command()
def validate(
    rules: _Rules, packs: _Packs = None, profiles: _Profiles = None, as_json: AsJson = False
) -> None:
    """Check rule files: schema, expressions, patterns, packs.

    Examples:
      secretgate policy validate rules/

    Exit code: 0, or 2 if a file cannot be used.
    """
    loaded = _read(rules, packs, profiles)
    if as_json:
        scopes = [
            {"file": str(scope.source), "scope": scope.name, "enforced": scope.enforces}
            | {"rules": [rule.row.name for rule in scope.rules]}
            for scope in loaded.scopes
        ]
        typer.echo(json.dumps({"scopes": scopes, "warnings": list(loaded.warnings)}, indent=2))
        return
    for warning in loaded.warnings:
        _warn(warning)
    for scope in loaded.scopes:
        typer.echo(f"{scope.source}: scope {scope.name}, {_mode(scope)}, {_count(scope)}")


def _warn(warning: str) -> None:
    typer.echo(f"warning: {warning}", err=True)


@app.command("test")
def run_fixtures(
    rules: _Rules,
    fixtures_path: Annotated[
        Path, typer.Option("--fixtures", help="A fixture file, or a folder of fixture files.")
    ],
    packs: _Packs = None,
    profiles: _Profiles = None,
    as_json: AsJson = False,
) -> None:
    """Run fixtures against rule files.

    Examples:
      secretgate policy test rules/ --fixtures fixtures/

    Exit code: 0 if all pass, 1 if one fails, 2 if a file cannot be used.
    """
    loaded = _read(rules, packs, profiles)
    try:
        reports = list(fixtures.run(loaded.scopes, fixtures_path, DetectorSecrets(load_default)))
    except PolicyError as error:
        raise _stop(error) from None
    typer.echo(_as_json(reports) if as_json else _as_text(reports))
    raise typer.Exit(0 if all(each.passed for report in reports for each in report.outcomes) else 1)


def _as_text(reports: Sequence[fixtures.Report]) -> str:
    lines = []
    for report in reports:
        lines.append(f"{report.file}:")
        for outcome in report.outcomes:
            lines.append(f"  {'PASS' if outcome.passed else 'FAIL'}  {outcome.name}")
            for expected, got in outcome.differences:
                lines += [f"        expected: {expected}", f"        got:      {got}"]
        lines.append("")
    held = [outcome.passed for report in reports for outcome in report.outcomes]
    passed = sum(held)
    tests = counted(len(held), "test")
    return "\n".join([*lines, f"{tests}, {passed} passed, {len(held) - passed} failed"])


def _as_json(reports: Sequence[fixtures.Report]) -> str:
    tests = [
        {
            "file": str(report.file),
            "name": outcome.name,
            "passed": outcome.passed,
            "differences": [
                {"expected": expected, "got": got} for expected, got in outcome.differences
            ],
        }
        for report in reports
        for outcome in report.outcomes
    ]
    return json.dumps({"tests": tests}, indent=2)


@app.command()
def explain(
    rules: Annotated[
        Path | None,
        typer.Argument(help="A rule file or folder to use instead of the settings'."),
    ] = None,
    config: Config = "",
    operation: Annotated[
        str, typer.Option(help="The operation of the call.", callback=one_of(KNOWN_OPERATIONS))
    ] = "llm.text",
    role: Annotated[str, typer.Option(help="The role of the text.")] = "user",
    direction: Annotated[
        str, typer.Option(help="request or response.", callback=one_of(("request", "response")))
    ] = "request",
    host: Annotated[str, typer.Option(help="The host it goes to.")] = "",
    provider: Annotated[str, typer.Option(help="The provider it goes to.")] = "",
    client: Annotated[str, typer.Option(help="The tool that sends it.")] = "",
    model: Annotated[str, typer.Option(help="The requested model.")] = "",
    user: Annotated[str, typer.Option(help="The proxy user who sends it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print the policy in force, and, for a text on standard input, which rule decides.

    Examples:
      secretgate policy explain < prompt.txt
      secretgate policy explain rules/ --operation llm.tool_result < output.txt

    Exit code: 0, or 2 if a file or setting cannot be used.
    """
    settings = _settings(config)
    if rules is not None:
        settings = msgspec.structs.replace(settings, policy=str(rules))
    try:
        scopes = building.scopes(settings, _warn)
    except PolicyError as error:
        raise _stop(error) from None
    text = None if sys.stdin.isatty() else sys.stdin.buffer.read()
    context = {
        "direction": direction,
        "host": host,
        "provider": provider,
        "client": client,
        "agent_id": client,
        "model": model,
        "user": user,
        "user_id": user,
    }
    explained = None if text is None else _explain(scopes, text, operation, role, context)
    if as_json:
        shown = [{"file": str(scope.source), **_shown(scope)} for scope in scopes]
        typer.echo(json.dumps({"scopes": shown, "text": msgspec.to_builtins(explained)}, indent=2))
        return
    for scope in scopes:
        typer.echo(f"# {scope.source}: scope {scope.name}, {_mode(scope)}, {_count(scope)}")
        typer.echo(yaml.safe_dump(_shown(scope), sort_keys=False, allow_unicode=True, width=100))
    for line in _lines(explained) if explained else ():
        typer.echo(line)


class _Found(msgspec.Struct):
    """One secret in the text, and how it is handled."""

    line: int
    rule: str
    confidence: str
    action: str
    by: str


class _Explanation(msgspec.Struct):
    """The decision on the text."""

    operation: str
    decision: str
    by: str
    message: str
    enforced: bool
    findings: list[_Found]
    rules: list[dict[str, str]]
    """All rules that were not skipped."""


def _explain(
    scopes: list[Scope], text: bytes, operation: str, role: str, context: dict[str, Any]
) -> _Explanation:
    scanner = DetectorSecrets(load_default)
    rules = FindingRules(scopes, context, context["model"])
    string = text.decode("utf-8", "replace")
    params = {"content": string} if operation.endswith("result") else {"text": string}
    call = Call(operation, {**params, "role": role}, context)
    decision = Policy(scopes, scanner).evaluate(call)
    return _Explanation(
        operation,
        decision.action.value,
        f"{decision.scope}/{decision.rule}" if decision.rule else "",
        decision.message,
        decision.enforced or not decision.rule,
        [_found(each, text, rules) for each in scanner.find(text)],
        [
            {"rule": f"{each.scope}/{each.rule}", "outcome": each.outcome, "action": each.action}
            for each in decision.evaluated
            if each.outcome != "skipped"
        ],
    )


def _found(finding: Finding, text: bytes, rules: FindingRules) -> _Found:
    handled = rules.of(finding.rule, finding.confidence)
    line = text.count(b"\n", 0, finding.start) + 1
    return _Found(line, finding.rule, finding.confidence, handled.action, handled.rule)


def _lines(explained: _Explanation) -> Iterator[str]:
    yield "# The text"
    if not explained.findings:
        yield "no secret found"
    for found in explained.findings:
        by = f"by rule {found.by}" if found.by else "no rule applies"
        yield f"line {found.line}: {found.rule} ({found.confidence}): {found.action}, {by}"
    by = f", by rule {explained.by}" if explained.by else ""
    message = f": {explained.message}" if explained.message else ""
    watched = "" if explained.enforced else " (not enforced)"
    yield f"{explained.operation}: {explained.decision}{by}{message}{watched}"
    for rule in explained.rules:
        yield f"  {rule['rule']}: {rule['outcome']} ({rule['action']})"


def _shown(scope: Scope) -> dict[str, Any]:
    return {
        "scope": scope.name,
        "mode": "enforce" if scope.enforces else "audit_only",
        "on_error": "closed" if scope.closed else "open",
        "rules": [_row(rule.row) for rule in scope.rules],
    }


def _row(rule: Any) -> Any:
    """Return a rule as it would be written, without empty values."""
    return _without_nothing(msgspec.to_builtins(rule))


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_nothing(item) for key, item in value.items()}
        return {
            key: item for key, item in kept.items() if item or (item == 0 and item is not False)
        }
    return list(value) if isinstance(value, tuple) else value


def _mode(scope: Scope) -> str:
    return "enforced" if scope.enforces else "only watching"


def _count(scope: Scope) -> str:
    return f"{len(scope.rules)} rule" + ("" if len(scope.rules) == 1 else "s")


def _settings(config: str) -> Settings:
    file = Path(config).expanduser() if config else Places.find().settings
    try:
        return load({}, file, explicit_file=bool(config))
    except SettingsError as error:
        raise _stop(error) from None


def _read(rules: Path, packs: Path | None, profiles: Path | None) -> loading.Loaded:
    try:
        return loading.read(rules, packs=packs, profiles=profiles)
    except PolicyError as error:
        raise _stop(error) from None


def _stop(error: Exception) -> typer.Exit:
    typer.echo(f"secretgate policy: {error}", err=True)
    return typer.Exit(2)
