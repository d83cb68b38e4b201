"""The `secretgate` command as people and scripts meet it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.command import environment, secretgate
from secretgate.cli import _COMMANDS
from secretgate.cli.settings import document

DOCS = Path(__file__).parents[2] / "docs"


def test_help_groups_every_command(tmp_path: Path) -> None:
    done = secretgate(["--help"], environment(tmp_path), tmp_path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    for name, command in _COMMANDS.items():
        assert f"│ {name} " in done.stdout
        assert command.panel in done.stdout


@pytest.mark.parametrize("name", _COMMANDS)
def test_each_command_says_what_it_is_for(name: str, tmp_path: Path) -> None:
    done = secretgate([name, "--help"], environment(tmp_path), tmp_path)
    assert done.returncode == 0
    assert name in done.stdout
    assert len(done.stdout.splitlines()) < 80


def test_nothing_asked_for_shows_the_help_and_fails(tmp_path: Path) -> None:
    done = secretgate([], environment(tmp_path), tmp_path)
    assert done.returncode == 2
    assert "secretgate demo" in done.stdout


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    done = secretgate(["scna"], environment(tmp_path), tmp_path)
    assert done.returncode == 2
    assert "scna" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_it(shell: str, tmp_path: Path) -> None:
    asked = {"_SECRETGATE_COMPLETE": f"complete_{shell}"}
    words = {
        "bash": {"COMP_WORDS": "secretgate co", "COMP_CWORD": "1"},
        "zsh": {"_TYPER_COMPLETE_ARGS": "secretgate co"},
        "fish": {
            "_TYPER_COMPLETE_ARGS": "secretgate co",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
    }[shell]
    done = secretgate([], environment(tmp_path, **asked, **words), tmp_path)
    assert "coverage" in done.stdout


def test_the_settings_in_force_name_their_source(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("mode: block\nremember: 120\n")
    env = environment(tmp_path, SECRETGATE_MODE="audit")
    done = secretgate(["settings", "--config", str(file)], env, tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
    assert rows["mode"] == "audit  (SECRETGATE_MODE)"
    assert rows["remember"] == f"120  ({file})"
    assert rows["on_unreadable"] == "block  (default)"


@pytest.mark.parametrize("password", ["of-the-test", "of@the-test", "of/the-test"])
def test_the_vaults_password_is_not_shown(tmp_path: Path, password: str) -> None:
    env = environment(tmp_path, SECRETGATE_VAULT=f"rediss://gate:{password}@vault.internal:6379/0")
    for options in ([], ["--json"]):
        done = secretgate(["settings", *options], env, tmp_path)
        assert "rediss://gate:***@vault.internal:6379/0" in done.stdout, done.stderr
        assert "the-test" not in done.stdout + done.stderr


def test_a_setting_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    done = secretgate(["settings"], environment(tmp_path, SECRETGATE_MODE="maybe"), tmp_path)
    assert done.returncode == 2
    assert "SECRETGATE_MODE" in done.stderr


def test_the_reference_is_what_the_code_says() -> None:
    """Where this fails: secretgate settings --reference > docs/configuration.md"""
    assert (DOCS / "configuration.md").read_text() == document()
