"""`secretgate scan`: runs the detector on files, folders, standard input and staged changes.

Exits with 1 if something was found, and with 2 if something could not be read or a rule file is
invalid. Lines that contain `secretgate:allow` are skipped; there is no such mark for traffic, since
whoever writes a prompt could include it.
"""

from __future__ import annotations

import gc
import hmac
import json
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from secretgate.cli.scan_batches import scanned
from secretgate.cli.scan_diff import read_stdin, staged
from secretgate.cli.scan_files import Source, list_paths, read
from secretgate.cli.scan_report import Report, as_json, as_sarif, as_text, shown
from secretgate_rules import Detector, Finding, Part, RuleError, load_default, redact
from secretgate_rules.load import REPORTED

_STDIN = Path("-")
_NOTHING = "nothing to scan: name files or folders, or `-` for standard input"
_TOLD = 5
"""Names in the note on binary files."""
SIGNATURES = Path("~/.secretgate/signatures.yaml")


class Format(StrEnum):
    """The output formats of findings."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


@dataclass(frozen=True)
class _Options:
    rules: list[Path]
    entropy: bool
    detect_secrets: bool
    redact: bool


_Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Files and folders; `-` is standard input (also a diff).", show_default=False
    ),
]
_Form = Annotated[Format, typer.Option("--format", help="How findings are printed.")]
_AsJson = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
_Rules = Annotated[
    list[Path] | None,
    typer.Option("--rules", help="A rule file of your own (YAML, signatures.yaml, gitleaks.toml)."),
]
_NoEntropy = Annotated[
    bool, typer.Option("--no-entropy", help="Leave out rules that rely on randomness alone.")
]
_Staged = Annotated[bool, typer.Option("--staged", help="Scan what git has staged.")]
_Baseline = Annotated[
    Path | None, typer.Option(help="A JSON report; what it lists is not reported again.")
]
_Redact = Annotated[
    bool, typer.Option("--redact", help="Write the text to standard output, with placeholders.")
]
_DetectSecrets = Annotated[
    bool,
    typer.Option(
        "--detect-secrets",
        envvar="SECRETGATE_DETECT_SECRETS",
        help="Also run detect-secrets.",
        show_default=False,
    ),
]


def scan(
    paths: _Paths = None,
    form: _Form = Format.TEXT,
    as_json: _AsJson = False,
    rules: _Rules = None,
    no_entropy: _NoEntropy = False,
    cached: _Staged = False,
    baseline: _Baseline = None,
    redacted: _Redact = False,
    detect_secrets: _DetectSecrets = False,
) -> None:
    """Search files, folders, standard input or staged changes for secrets.

    Examples:
      secretgate scan .
      git diff --cached | secretgate scan -
      secretgate scan --staged --baseline known.json
      secretgate scan --format sarif src > findings.sarif

    Exit code: 0 if nothing was found, 1 if something was, 2 if something could not be read.
    """
    form = Format.JSON if as_json else form
    unread: list[str] = []
    try:
        known = _baseline(baseline)
        detector = _detector(_Options(rules or [], not no_entropy, detect_secrets, redacted))
        sources = staged() if cached else _sources(paths or [], unread)
        found = _redact(detector, sources) if redacted else _report(detector, sources, form, known)
    except (RuleError, ValueError, subprocess.SubprocessError) as error:
        typer.echo(f"secretgate scan: {shown(str(error))}", err=True)
        raise typer.Exit(2) from error
    for reason in unread:
        typer.echo(f"secretgate scan: {shown(reason)}", err=True)
    raise typer.Exit(2 if unread else 1 if found else 0)


def _detector(options: _Options) -> Detector:
    files = list(options.rules)
    if SIGNATURES.expanduser().is_file():
        files.insert(0, SIGNATURES.expanduser())
    if sys.stderr.isatty():
        # Imported here, as it takes longer than scanning a commit.
        from secretgate import log

        log.configure("text")
    detector = load_default(
        rule_files=files,
        entropy=options.entropy,
        detect_secrets=options.detect_secrets,
        enable=() if options.redact else REPORTED,
        notice=lambda text: typer.echo(f"note: {text}", err=True),
    )
    # What is loaded by now stays until the end: there is nothing to collect, at the end neither.
    gc.freeze()
    return detector


def _sources(paths: Sequence[Path], unread: list[str]) -> Iterator[Source]:
    files = [path for path in paths if path != _STDIN]
    named = {str(path) for path in files}
    if not paths and sys.stdin.isatty():
        raise ValueError(_NOTHING)
    if len(files) < len(paths) or not paths:
        data = sys.stdin.buffer.read()
        if not data and not paths:
            raise ValueError(_NOTHING)
        yield read_stdin(data)
    binaries: list[str] = []
    listed = _progress(list_paths(files, unread.append)) if files else ()
    yield from read(listed, unread.append, binaries.append)
    # Those of a folder are not told: nearly every repository holds images.
    if told := [file for file in binaries if file in named]:
        more = f" and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
        names = shown(", ".join(told[:_TOLD]))
        typer.echo(f"note: not text, so not scanned: {names}{more}", err=True)


def _progress(files: Iterable[str]) -> Iterable[str]:
    if not sys.stderr.isatty():
        return files
    from rich.console import Console
    from rich.progress import track

    return track(list(files), "scan", console=Console(stderr=True), transient=True)


def _report(detector: Detector, sources: Iterable[Source], form: Format, known: Report) -> bool:
    report = Report()
    for source, findings in scanned(detector, sources):
        for finding in findings:
            report.add(source, finding)
    report = report.without(known)
    typer.echo(
        {Format.TEXT: as_text, Format.JSON: as_json, Format.SARIF: as_sarif}[form](report), nl=False
    )
    return bool(report.rows)


def _redact(detector: Detector, sources: Iterable[Source]) -> bool:
    from secretgate.placeholders import slug  # here, as most scans redact nothing

    key = secrets.token_bytes(32)

    def placeholder(finding: Finding, part: Part) -> bytes:
        name = hmac.new(key, part.value, "sha256").hexdigest()[:12]
        return f"REDACTED<{slug(finding.rule)}:{name}>".encode()

    found = False
    for source, findings in scanned(detector, (source.whole() for source in sources)):
        found = found or bool(findings)
        sys.stdout.buffer.write(source.encode(redact(source.text, findings, placeholder)))
    sys.stdout.buffer.flush()
    return found


def _baseline(path: Path | None) -> Report:
    if path is None:
        return Report()
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(rows, list):
            raise TypeError
        return Report.from_rows(rows)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: not a report of `secretgate scan --format json`") from error
    except OSError as error:
        raise ValueError(f"--baseline: {path}: {error.strerror}") from error
