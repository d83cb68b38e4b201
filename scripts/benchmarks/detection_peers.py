"""Other secret scanners on the same files as this one, each in an environment of its own.

A positive is a file with one made-up secret in it and counts as found where the scanner reports
anything in that file; a negative is a file of source code, and whatever is reported there is
wrong. Speed is told in processor time, start-up told apart, so that cores and neighbours do not
count. A scanner that does not finish in time says so in its row.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE = 240
"""Seconds that one scanner may take for one set of files."""
STEPS = (1 << 20, 4 << 20, 20 << 20)
"""Bytes of source code: a scanner is given as much as it reads in `WILLING` seconds."""
WILLING = 60.0
_TIMES = 5
"""How often what takes little time is measured; the least counts."""
_SHORT = 10.0
"""Seconds that are little time."""


class Scanner(NamedTuple):
    """How a scanner is installed and called, and how a finding shows in its output."""

    packages: tuple[str, ...]
    command: tuple[str, ...]
    finding: str
    batch: int = 0
    """Files named in one call; 0: the folder is."""


_SDK = """
import json, pathlib, sys
from kingfisher_sdk import Scanner

scanner = Scanner()
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.*")):
    for finding in scanner.scan_file(path):
        if finding.visible:
            print(json.dumps({"path": str(path), "rule": finding.rule_id}))
"""
"""A library has no command; this is its documented use."""

PEERS = {
    "detect-secrets": Scanner(
        ("detect-secrets",),
        ("detect-secrets", "scan", "--all-files", "--no-verify"),
        r'"filename": "[^"]*?([pn]\d{5})\.',
    ),
    "secretgate (PyPI)": Scanner(
        ("secretgate==0.8.1",), ("secretgate", "scan"), r"([pn]\d{5})\.[a-z]+:\d+", 200
    ),
    "kingfisher-secret-scanner": Scanner(
        ("kingfisher-secret-scanner",),
        ("python", "-c", _SDK),
        r'"path": "[^"]*?([pn]\d{5})\.',
    ),
    "kingfisher (command)": Scanner(
        ("kingfisher-bin",),
        (
            *("kingfisher", "scan", "--no-validate", "--no-update-check", "--no-dedup"),
            *("--git-history", "none", "--jobs", "1", "--format", "json"),
        ),
        r'"path":\s*"[^"]*?([pn]\d{5})\.',
    ),
}
OURS = Scanner(
    (),
    (sys.executable, "-c", "from secretgate.cli import main; main()", "scan", "--format", "json"),
    r'"file": "[^"]*?([pn]\d{5})\.',
)


@dataclass
class Corpus:
    """Folders of files: an all but empty one, one with secrets, growing ones without."""

    start: Path
    positives: Path
    count: int
    negatives: list[tuple[Path, float]] = field(default_factory=list)


def compare(files: list[Path], corpora: Path | None, quick: bool) -> list[dict[str, Any]]:
    """A row for each scanner."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        positives, start = _folder(place / "positives"), _folder(place / "start")
        (start / "n00000.txt").write_text("nothing\n")
        corpus = Corpus(start, positives, _spread(positives, corpora) if corpora else 0)
        for step in STEPS[: 2 if quick else None]:
            folder_of_step = _folder(place / f"negatives{step}")
            corpus.negatives.append((folder_of_step, _copy(folder_of_step, files, step)))
        rows: list[dict[str, Any]] = []
        for name, scanner in {"this one": OURS, **PEERS}.items():
            try:
                version, command = _installed(scanner, place / name.split()[0])
                row = _measure(scanner, command, corpus)
            except subprocess.CalledProcessError:
                version, row = "", {"error": "could not be installed"}
            except subprocess.TimeoutExpired:
                row = {"error": f"not done after {PATIENCE} s"}
            rows.append({"scanner": f"{name} {version}".strip(), **row})
        return rows


def _installed(scanner: Scanner, home: Path) -> tuple[str, list[str]]:
    command = list(scanner.command)
    if not scanner.packages:
        return "", command
    venv.create(home, with_pip=True)
    pip = str(home / "bin" / "pip")
    subprocess.run([pip, "install", "-q", *scanner.packages], capture_output=True, check=True)
    package = scanner.packages[0].partition("==")[0]
    shown = subprocess.run([pip, "show", package], capture_output=True, text=True, check=True)
    command[0] = str(home / "bin" / command[0])
    version = re.search(r"(?m)^Version: (\S+)", shown.stdout)
    return version[1] if version else "", command


def _measure(scanner: Scanner, command: list[str], corpus: Corpus) -> dict[str, Any]:
    _run(command, scanner, corpus.start)
    idle = min(_run(command, scanner, corpus.start)[1] for _ in range(_TIMES))
    found, _ = _run(command, scanner, corpus.positives) if corpus.count else ([], 0.0)
    wrong: list[str] = []
    size = seconds = 0.0
    for folder, more in corpus.negatives:
        if size and seconds * more / size > WILLING:
            break
        size = more
        wrong, whole = _run(command, scanner, folder)
        if whole < _SHORT:
            whole = min(whole, *(_run(command, scanner, folder)[1] for _ in range(_TIMES - 1)))
        seconds = max(whole - idle * len(_calls(scanner, folder)), 1e-3)
    return {
        "recall": round(len({*found}) / corpus.count, 3) if corpus.count else None,
        "findings_per_mb": round(len(wrong) / size, 2),
        "mb_per_s": round(size / seconds, 1),
        "start_s": round(idle, 2),
    }


def _folder(place: Path) -> Path:
    place.mkdir()
    return place


def _spread(folder: Path, corpora: Path) -> int:
    count = 0
    for file in sorted(corpora.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["label"] == "pos" and row["quality"] == "random":
                text = row["text"].encode("utf-8", "surrogatepass")
                (folder / f"p{count:05}.txt").write_bytes(text)
                count += 1
    return count


def _copy(folder: Path, files: list[Path], limit: int) -> float:
    size = 0
    for index, path in enumerate(files):
        data = path.read_bytes()
        (folder / f"n{index:05}{path.suffix}").write_bytes(data)
        size += len(data)
        if size > limit:
            break
    return size / 1e6


def _calls(scanner: Scanner, folder: Path) -> list[list[str]]:
    names = sorted(path.name for path in folder.iterdir())
    if not scanner.batch:
        return [["."]]
    return [names[at : at + scanner.batch] for at in range(0, len(names), scanner.batch)]


def _run(command: list[str], scanner: Scanner, folder: Path) -> tuple[list[str], float]:
    """What is reported, by file, and the processor time of the processes."""
    found: list[str] = []
    begun = os.times()
    for call in _calls(scanner, folder):
        done = subprocess.run(
            [*command, *call],
            cwd=folder,
            env=_environment(scanner),
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        found += re.findall(scanner.finding, done.stdout.decode("utf-8", "replace"))
    ended = os.times()
    user, system = ended.children_user - begun.children_user, ended.children_system
    return found, user + system - begun.children_system


def _environment(scanner: Scanner) -> dict[str, str]:
    """The environment of a scanner: one from elsewhere shall not import what is ours."""
    return {
        name: value
        for name, value in os.environ.items()
        if not scanner.packages or not name.startswith("PYTHON")
    }


_HEAD = """
### Beside other scanners

On {date}, the newest release of each (secretgate from PyPI: 0.8.1), the same files, networks and history left out, speed in processor time without start-up, the best of five runs where one takes less than ten seconds.

| scanner | recall, by file | findings a MB of source | MB/s | start, s |
|---|---|---|---|---|
"""


def document(rows: list[dict[str, Any]], page: Path) -> None:
    """Write the table into the documentation, between its marks."""
    table = _HEAD.format(date=datetime.datetime.now(datetime.UTC).date().isoformat())
    columns = ("recall", "findings_per_mb", "mb_per_s", "start_s")
    for row in rows:
        cells = [row["error"], "", "", ""] if "error" in row else [row[name] for name in columns]
        told = " | ".join("" if cell is None else str(cell) for cell in cells)
        table += f"| {row['scanner']} | {told} |\n"
    replace_between(page, "peers", table)


def replace_between(page: Path, name: str, table: str) -> None:
    """Put a table between the marks of that name."""
    marks = (
        f"<!-- {name}: written by scripts/bench detection --{name} -->",
        f"<!-- end of {name} -->",
    )
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(marks[0])
    _, _, tail = rest.partition(marks[1])
    page.write_text(f"{head}{marks[0]}\n{table}\n{marks[1]}{tail}", encoding="utf-8")
