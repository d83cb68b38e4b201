"""The real `pre-commit` with the hook of this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.conftest import github_token

OFFERED = Path(__file__).resolve().parents[2] / ".pre-commit-hooks.yaml"
PRE_COMMIT = shutil.which(
    "pre-commit", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"
)
TOKEN = github_token(120).decode()

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(PRE_COMMIT is None, reason="pre-commit is not installed"),
]


@pytest.fixture
def committing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the hook installed.

    The hook is the one that this repository offers, but it runs the code under test, not a copy
    that pre-commit would have to install.
    """
    (hook,) = yaml.safe_load(OFFERED.read_text())
    command = tmp_path / "bin" / "secretgate"
    command.parent.mkdir()
    command.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path[:0] = {sys.path!r}\n"
        "from secretgate.cli import main\nmain()\n"
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent), prepend=os.pathsep)
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "home"))
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    local: dict[str, Any] = {"repo": "local", "hooks": [{**hook, "language": "system"}]}
    Path(".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [local]}))
    for name in ("name", "email"):
        monkeypatch.setenv(f"GIT_AUTHOR_{name.upper()}", "a@example.org")
        monkeypatch.setenv(f"GIT_COMMITTER_{name.upper()}", "a@example.org")
    _run("git", "init", "-q")
    _run(str(PRE_COMMIT), "install")
    _run("git", "add", ".pre-commit-config.yaml")
    return repository


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _commit() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "commit", "-q", "-m", "one"], capture_output=True, text=True, check=False
    )


def test_a_staged_secret_stops_the_commit(committing: Path) -> None:
    (committing / "a b.env").write_text(f"TOKEN={TOKEN}\n")
    _run("git", "add", "a b.env")
    (committing / "a b.env").write_text("TOKEN=\n")
    done = _commit()
    assert done.returncode == 1
    assert "a b.env:1:7: github-pat" in done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_what_is_not_staged_stops_nothing(committing: Path) -> None:
    (committing / "a.env").write_text("TOKEN=\n")
    _run("git", "add", "a.env")
    (committing / "a.env").write_text(f"TOKEN={TOKEN}\n")
    done = _commit()
    assert done.returncode == 0, done.stderr
