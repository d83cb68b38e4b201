"""`scripts/mutants --defences`: removes each defence in turn, and checks that a test fails.

Random mutants hit few of these, because a defence is often one line. So they are listed by hand
(`defences.toml`). Changes are made in a copy of the checkout. `tests/attacks/test_threat_model.py`
checks that the list fits the code.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("defences.toml")
_COPIED = ("addon", "rules", "certs", "tests", "docs", "pyproject.toml", "README.md", "scripts")
_LONGEST = 600
"""Maximum seconds for the tests of one defence; a hang counts as detected too."""


class Defence(NamedTuple):
    what: str
    file: str
    here: str
    broken: str
    tests: str
    only: str


def defences() -> list[Defence]:
    return [Defence(**row) for row in tomllib.loads(LIST.read_text("utf-8"))["defence"]]


def main() -> int:
    missed = 0
    every = defences()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in _COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy / name)
        for each in every:
            with _without(copy, each):
                noticed = _noticed(copy, each)
            missed += not noticed
            print("noticed  " if noticed else "MISSED   ", each.what, flush=True)
    print(f"{len(every) - missed} of {len(every)} noticed")
    return 1 if missed else 0


@contextmanager
def _without(copy: Path, defence: Defence) -> Iterator[None]:
    file = copy / defence.file
    before = file.read_text("utf-8")
    file.write_text(before.replace(defence.here, defence.broken, 1), "utf-8")
    try:
        yield
    finally:
        file.write_text(before, "utf-8")


def _noticed(copy: Path, defence: Defence) -> bool:
    paths = os.pathsep.join(str(copy / name) for name in ("addon", "rules", "certs"))
    options = ["-x", "-q", "-p", "no:cacheprovider", "--timeout=90"]
    command = [sys.executable, "-m", "pytest", *options, defence.tests, "-k", defence.only]
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    # Exit code 1: a test failed. Others mean that there was no test, or that it could not be run.
    return done.returncode == 1
