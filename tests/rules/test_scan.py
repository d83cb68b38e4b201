"""`secretgate scan` and `secretgate rules`: what is printed, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from rules.conftest import github_token, made_up
from secretgate.cli import rules
from secretgate.cli.scan import scan

app = typer.Typer()
app.command()(scan)
app.add_typer(rules.app, name="rules")
run = CliRunner()

TOKEN = github_token(90).decode()
SECRET = made_up(24, 91).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.env").write_text(f"# ü\nTOKEN={TOKEN}\n")
    (tmp_path / "b.py").write_text(f"api_key = '{SECRET}'  # secretgate:allow\nx = 1\n")
    (tmp_path / "c.bin").write_bytes(b"\x7fELF" + bytes(100) + TOKEN.encode())
    (tmp_path / "ignored.env").write_text(f"TOKEN={TOKEN}\n")
    (tmp_path / ".gitignore").write_text("ignored.*\n")
    return tmp_path


def test_json_counts_characters_and_holds_no_value(folder: Path) -> None:
    done = run.invoke(app, ["scan", "--format", "json", str(folder)])
    assert done.exit_code == 1
    assert TOKEN not in done.stdout
    (row,) = json.loads(done.stdout)
    assert row["file"] == str(folder / "a.env")
    assert (row["rule"], row["line"], row["column"]) == ("github-pat", 2, 7)
    text = (folder / "a.env").read_text()
    assert text[row["start"] : row["end"]] == TOKEN


def test_text_and_sarif(folder: Path) -> None:
    assert "a.env:2:7: github-pat" in run.invoke(app, ["scan", str(folder)]).stdout
    log = json.loads(run.invoke(app, ["scan", "--format", "sarif", str(folder)]).stdout)
    assert log["runs"][0]["results"][0]["ruleId"] == "github-pat"


def test_files_of_an_allowlist_are_left_out(folder: Path) -> None:
    own = folder / "own.yaml"
    own.write_text("allow:\n  paths: ['*.env']\n")
    assert run.invoke(app, ["scan", "--rules", str(own), str(folder)]).exit_code == 0
    diff = f"--- /dev/null\n+++ b/x.env\n@@ -0,0 +1 @@\n+TOKEN={TOKEN}\n"
    assert run.invoke(app, ["scan", "-"], input=diff).exit_code == 1
    assert run.invoke(app, ["scan", "--rules", str(own), "-"], input=diff).exit_code == 0


def test_clean_and_unreadable(folder: Path) -> None:
    assert run.invoke(app, ["scan", str(folder / "b.py")]).exit_code == 0
    assert run.invoke(app, ["scan", str(folder / "none")]).exit_code == 2


def test_stdin_and_redact() -> None:
    done = run.invoke(app, ["scan", "--redact", "-"], input=f"say {TOKEN} twice {TOKEN}\n")
    assert TOKEN not in done.stdout
    assert done.stdout.count("REDACTED<github-pat:") == 2
    assert done.exit_code == 1


def test_a_diff_is_told_in_lines_of_the_new_file() -> None:
    diff = (
        "diff --git a/x.env b/x.env\n--- a/x.env\n+++ b/x.env\n@@ -1,2 +4,3 @@\n a=1\n"
        f"-TOKEN={github_token(92).decode()}\n+b=2\n+TOKEN={TOKEN}\n"
    )
    (row,) = json.loads(run.invoke(app, ["scan", "--format", "json", "-"], input=diff).stdout)
    assert (row["file"], row["line"], row["column"]) == ("x.env", 6, 7)


def test_baseline(folder: Path) -> None:
    report = folder / "baseline.json"
    report.write_text(run.invoke(app, ["scan", "--format", "json", str(folder / "a.env")]).stdout)
    arguments = ["scan", "--baseline", str(report), str(folder / "a.env")]
    assert run.invoke(app, arguments).exit_code == 0
    (folder / "a.env").write_text(f"\n\nTOKEN={TOKEN}\nTOKEN2={github_token(93).decode()}\n")
    assert run.invoke(app, arguments).stdout.count("github-pat") == 1


def test_rules(folder: Path) -> None:
    assert "github-pat" in run.invoke(app, ["rules", "list", "github"]).stdout
    assert "pattern" in run.invoke(app, ["rules", "show", "github-pat"]).stdout
    assert run.invoke(app, ["rules", "show", "nothing"]).exit_code == 2
    mine = folder / "mine.yaml"
    mine.write_text(
        "rules:\n  - id: a\n    pattern: 'abc[0-9]{8}'\n    examples: ['abc12345678', 'xabc87654321']\n"
        "    counterexamples: ['abc']\n"
    )
    assert run.invoke(app, ["rules", "test", str(mine)]).exit_code == 0
