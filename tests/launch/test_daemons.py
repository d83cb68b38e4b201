"""Tools that hand their work to a daemon do it themselves within a run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.command import environment, secretgate
from secretgate.launch import daemons

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts"),
]
SHOWN = "shown: "


def program(folder: Path, name: str, options: str) -> str:
    """Make a program with some options that shows its arguments."""
    file = folder / name
    told = f'if [ "$1" = --help ]; then echo "Options: {options}"; else echo "{SHOWN}$*"; fi'
    file.write_text(f"#!/bin/sh\n{told}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("name", "options", "arguments", "expected"),
    [
        ("codex", "--no-daemon", ["fix it"], ["--no-daemon", "fix it"]),
        ("codex", "--no-daemon", ["exec", "x"], ["--no-daemon", "exec", "x"]),
        ("codex", "--no-daemon", ["--no-daemon"], ["--no-daemon"]),
        ("codex", "--no-daemon", ["--remote", "unix://"], ["--remote", "unix://"]),
        ("codex", "--search", ["fix it"], ["fix it"]),
        ("other", "--no-daemon", ["fix it"], ["fix it"]),
    ],
)
def test_the_option_is_added_where_the_version_has_it(
    name: str, options: str, arguments: list[str], expected: list[str], tmp_path: Path
) -> None:
    made = program(tmp_path, name, options)
    assert daemons.without([made, *arguments], os.environ) == [made, *expected]


def test_a_program_that_shows_no_help_runs_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "codex"
    silent.write_text("#!/bin/sh\nsleep 30\n")
    silent.chmod(0o755)
    monkeypatch.setattr(daemons, "PATIENCE", 0.2)
    assert daemons.without([str(silent)], os.environ) == [str(silent)]
    assert daemons.without([str(tmp_path / "none" / "codex")], {}) == [
        str(tmp_path / "none" / "codex")
    ]


def test_codex_in_a_run_works_without_its_daemon(tmp_path: Path) -> None:
    """Its terminal interface, with a daemon started outside, sent a run's prompts past the proxy."""
    made = program(tmp_path, "codex", "--no-daemon")
    env = environment(tmp_path)
    done: subprocess.CompletedProcess[str] = secretgate(["run", "--", made, "hi"], env, tmp_path)
    assert f"{SHOWN}--no-daemon hi" in done.stdout
