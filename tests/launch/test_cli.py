"""The `secretgate` command as used by people and scripts."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from harness.command import CLI, environment, secretgate
from secretgate.cli import _COMMANDS, app, coverage
from secretgate_ca.cli import command as ca_command


@pytest.mark.thorough
def test_help_groups_every_command(tmp_path: Path) -> None:
    done = secretgate(["--help"], environment(tmp_path), tmp_path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    for name, command in _COMMANDS.items():
        assert f"│ {name} " in done.stdout
        assert command.panel in done.stdout


def told(tmp_path: Path, *arguments: str, **variables: str) -> Result:
    """Run a command in this process; return its output and exit code."""
    env = environment(tmp_path, **variables)
    return CliRunner().invoke(app, list(arguments), env=env, prog_name="secretgate")


def leaves(command: Any, *names: str) -> Iterator[tuple[str, Any]]:
    """Yield every command without sub-commands, with its full name."""
    inner = {
        name: command.get_command(None, name)
        for name in (command.list_commands(None) if hasattr(command, "list_commands") else ())
    }
    if not inner:
        yield " ".join(names), command
    for name, each in inner.items():
        yield from leaves(each, *names, name)


ROOT, CA = typer.main.get_command(app), ca_command()
LEAVES = dict([*leaves(ROOT, "secretgate"), *leaves(CA, "secretgate-ca")])


@pytest.mark.parametrize("name", LEAVES)
def test_each_command_shows_examples_and_exit_codes(name: str) -> None:
    command = LEAVES[name]
    first, *paragraphs = command.help.split("\n\n")
    assert first.endswith(".")
    assert "\n" not in first
    assert any(paragraph.startswith("Exit code: ") for paragraph in paragraphs)
    (examples,) = (each for each in paragraphs if each.startswith("Examples:"))
    assert [param.name for param in command.params if not getattr(param, "help", "")] == []
    for line in examples.splitlines()[1:]:
        if name in line:
            given = re.split(r" [<>] |\)\"", line.partition(name)[2])[0]
            command.make_context(name, shlex.split(given))
    assert name in examples or f"{name.rsplit(maxsplit=1)[-1]})" in examples


def groups(command: Any, *names: str) -> Iterator[tuple[str, Any]]:
    """Yield every command with sub-commands."""
    if hasattr(command, "list_commands"):
        yield " ".join(names), command
        for name in command.list_commands(None):
            yield from groups(command.get_command(None, name), *names, name)


GROUPS = dict([*groups(ROOT, "secretgate"), *groups(CA, "secretgate-ca")])


@pytest.mark.thorough
@pytest.mark.parametrize("columns", [80, 120])
def test_help_fits_and_names_no_types(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    for name, command in {**LEAVES, **GROUPS}.items():
        command.get_help(command.make_context(name, [], resilient_parsing=True))
        shown = capsys.readouterr().out
        assert max(map(len, shown.splitlines())) <= columns
        assert not re.search(r"<[a-z]*(bool|str|int|float|path|list)", shown.lower()), name
        assert "\x1b" not in shown
        assert command is ROOT or re.search(r"Examples: +\n {3}\w", shown), name


@pytest.mark.parametrize(
    "name", ["status", "audit report", "doctor", "coverage", "rules list", "scan"]
)
def test_scripts_get_json(name: str) -> None:
    """What they print has tests of its own."""
    assert "as_json" in {param.name for param in LEAVES[f"secretgate {name}"].params}


def test_coverage_for_scripts_says_what_the_page_says() -> None:
    every, some = coverage.table(), coverage.table("codex")
    assert {"api.openai.com", "chatgpt.com"} <= {
        host for each in some["providers"] for host in each["hosts"]
    }
    assert len(some["providers"]) < len(every["providers"])
    page = coverage.document()
    for each in (*every["providers"], *every["endpoints"]):
        assert each["name"] in page
        for row in each["endpoints"]:
            assert f"`{row['path']}`" in page


@pytest.mark.thorough
def test_rules_for_scripts(tmp_path: Path) -> None:
    done = told(tmp_path, "rules", "list", "github-pat", "--json")
    (rule, *_) = [each for each in json.loads(done.stdout) if each["id"] == "github-pat"]
    shown = told(tmp_path, "rules", "show", "github-pat", "--json")
    assert json.loads(shown.stdout) == rule
    assert rule["pattern"].startswith("\\b(ghp_") or "ghp_" in rule["pattern"]


@pytest.mark.thorough
def test_rules_of_ones_own_are_tried_for_scripts(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        "rules:\n  - id: odd\n    description: x\n    pattern: odd_\n"
    )
    done = told(tmp_path, "rules", "test", "--json", str(tmp_path / "bad.yaml"), "/of/nobody.yaml")
    assert done.exit_code == 1
    (bad, missing) = json.loads(done.stdout)
    assert (bad["rule"], missing["rule"]) == ("odd", "")
    assert "has no counterexample" in bad["problems"]
    assert "cannot be read" in missing["problems"][0]


def test_a_rule_file_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    done = told(tmp_path, "rules", "test", "/of/nobody.yaml")
    assert done.exit_code == 1
    assert done.stdout == "/of/nobody.yaml: cannot be read: No such file or directory\n"


def test_nothing_asked_for_shows_the_help_and_fails(tmp_path: Path) -> None:
    done = told(tmp_path)
    assert done.exit_code == 2
    assert "secretgate demo" in done.stdout


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    done = told(tmp_path, "scna")
    assert done.exit_code == 2
    assert "scna" in done.stderr


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = told(tmp_path, "serve", "--port", str(port))
    assert done.exit_code == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr


@pytest.mark.parametrize("port", ["0", "65536"])
@pytest.mark.parametrize("command", ["serve", "system on --dry-run"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, command: str, port: str) -> None:
    assert told(tmp_path, *command.split(), "--port", port).exit_code == 2


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_no_proxy_is_looked_for_at_a_port_that_is_none(tmp_path: Path, command: str) -> None:
    done = told(tmp_path, command, "--port", "65536")
    assert done.exit_code == 2
    assert "--port" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "--health-port 65536",
        "--health-port -1",
        "--health-port 65535 --workers 2",
        "--port 65534 --workers 3 --own-ports",
        "--drain -1",
        "--drain 3601",
    ],
)
def test_a_number_that_cannot_be_used_is_told_by_its_option(arguments: str, tmp_path: Path) -> None:
    done = told(tmp_path, "serve", *arguments.split())
    assert done.exit_code == 2
    assert arguments.split(maxsplit=1)[0] in done.stderr
    assert not done.stdout


@pytest.mark.e2e
@pytest.mark.parametrize(
    "arguments", ["-p 8123", "-p8123", "--listen-port=8123", "--set listen_port=8123"]
)
def test_the_hints_name_the_port_that_mitmdump_is_given(arguments: str, tmp_path: Path) -> None:
    words = ["proxy", "--", *arguments.split(), "--options"]
    done = secretgate(words, environment(tmp_path), tmp_path)
    assert done.returncode == 0
    assert "HTTPS_PROXY=http://127.0.0.1:8123" in done.stderr


def test_what_keeps_the_proxy_from_starting_is_told(tmp_path: Path) -> None:
    done = told(tmp_path, "serve", "--proxyauth", f"@{tmp_path / 'users'}")
    assert done.exit_code == 2
    assert done.stderr == f"secretgate: proxyauth: {tmp_path / 'users'}: there is no such file\n"
    assert "starting" not in done.stdout


def test_a_prefix_that_is_none_is_told_by_its_option(tmp_path: Path) -> None:
    done = told(tmp_path, "serve", "--provider", "nobody")
    assert done.exit_code == 2
    assert done.stderr.startswith("secretgate: --provider: 'nobody' is not one of all, anthropic,")


def test_a_host_that_is_none_is_told(tmp_path: Path) -> None:
    done = told(tmp_path, "run", "--host", "a host", "--", "true")
    assert done.exit_code == 2
    assert "--host: 'a host' is not a host name" in done.stderr


@pytest.mark.parametrize("command", ["run", "serve", "mcp", "system on"])
def test_a_mode_that_is_none_is_told(command: str, tmp_path: Path) -> None:
    done = told(tmp_path, *command.split(), "--mode", "guess")
    assert done.exit_code == 2
    assert "'--mode': 'guess' is none of: redact, block, audit" in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("command", ["coverage", "rules list"])
def test_a_word_that_nothing_holds_is_told(command: str, tmp_path: Path) -> None:
    done = told(tmp_path, *command.split(), "of-nobody")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "'of-nobody'" in done.stderr


@pytest.mark.e2e
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["coverage", "settings --json", "scan --json -", "--help"])
def test_output_that_cannot_be_written_is_told(command: str, tmp_path: Path) -> None:
    done = shell(f"{command} >/dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "secretgate: No space left on device\n"
    assert "Traceback" not in done.stderr


@pytest.mark.e2e
@pytest.mark.parametrize("command", ["coverage", "scan --redact -", "scan --json -"])
def test_closed_output_is_no_error(command: str, tmp_path: Path) -> None:
    done = shell(f"{command} >&-", tmp_path)
    assert done.returncode == 0
    assert not done.stderr


@pytest.mark.e2e
def test_who_reads_no_further_ends_a_scan_silently(tmp_path: Path) -> None:
    done = shell("scan --json - | true", tmp_path)
    assert not done.stderr


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell does; `scan` finds nothing in its input."""
    line = f"echo hello | {shlex.join(CLI)} {command}"
    return subprocess.run(
        ["sh", "-c", line],
        env=environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_misspelt_command_is_guessed(tmp_path: Path) -> None:
    assert "Did you mean 'scan'?" in told(tmp_path, "scna").stderr


BASHRC = """
{program} --install-completion bash
. ~/.bashrc
COMP_WORDS=({words}); COMP_CWORD={at}; COMP_LINE="{words}"; COMP_POINT=${{#COMP_LINE}}
"$(complete -p {name} | sed 's/.*-F \\([^ ]*\\).*/\\1/')" {name}
echo "${{COMPREPLY[@]}}"
"""


@pytest.mark.e2e
@pytest.mark.skipif(os.name == "nt", reason="needs bash")
@pytest.mark.parametrize(
    ("name", "words", "found"),
    [
        ("secretgate", "secretgate co", "coverage"),
        ("secretgate", "secretgate policy ex", "explain"),
        ("secretgate", "secretgate run --mode re", "redact"),
        ("secretgate-ca", "secretgate-ca ro", "rotate"),
    ],
)
def test_bash_completes_it_once_installed(
    name: str, words: str, found: str, tmp_path: Path
) -> None:
    program = Path(sys.executable).with_name(name)
    script = BASHRC.format(program=program, name=name, words=words, at=len(words.split()) - 1)
    env = environment(tmp_path)
    done = subprocess.run(
        ["bash", "-ec", script],
        env={**env, "PATH": f"{program.parent}:{env['PATH']}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1].split() == [found], done.stderr


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
    assert "coverage" in told(tmp_path, **asked, **words).stdout
