"""The repository itself: the direction of its imports, and that it contains no secrets."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from harness.command import environment, secretgate

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.thorough
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
    """If this fails because of a made-up example:
    secretgate scan . --format json > .secretgate-baseline.json
    """
    baseline = str(ROOT / ".secretgate-baseline.json")
    done = secretgate(["scan", ".", "--baseline", baseline], environment(tmp_path), ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_two_test_files_share_a_module_name() -> None:
    """pytest imports test files in folders without `__init__.py` by their bare names."""
    bare = Counter(
        file.name
        for file in (ROOT / "tests").rglob("test_*.py")
        if not (file.parent / "__init__.py").exists()
    )
    assert [name for name, count in bare.items() if count > 1] == []
