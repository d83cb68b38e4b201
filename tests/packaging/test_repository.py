"""The repository itself: the direction of its imports, and no secrets in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.command import environment, secretgate

ROOT = Path(__file__).resolve().parents[2]


def test_imports_go_one_way() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ]
    done = subprocess.run(
        [*command, "--config", "pyproject.toml"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.e2e
def test_no_secret_is_in_the_repository(tmp_path: Path) -> None:
    """Where this fails for an example that was made up:
    secretgate scan . --format json > .secretgate-baseline.json"""
    baseline = str(ROOT / ".secretgate-baseline.json")
    done = secretgate(["scan", ".", "--baseline", baseline], environment(tmp_path), ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
