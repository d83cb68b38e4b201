"""`secretgate scan` and `secretgate rules`: output and exit status."""

from __future__ import annotations

import codecs
import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
from typer.testing import CliRunner

from rules.conftest import github_token, made_up
from secretgate.cli import rules
from secretgate.cli.scan import scan
from secretgate_rules import Detector, load_default

app = typer.Typer()
app.command()(scan)
app.add_typer(rules.app, name="rules")
run = CliRunner()

TOKEN = github_token(90).decode()
SECRET = made_up(24, 91).decode()


@cache
def loaded(**options: Any) -> Detector:
    return load_default(**options)


@pytest.fixture(autouse=True)
def one_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scans with the same options share a detector: loading it takes longer than most scans."""

    def load(rule_files: list[Path], notice: Any, **options: Any) -> Detector:
        if rule_files:
            return load_default(rule_files=rule_files, notice=notice, **options)
        return loaded(**options)

    monkeypatch.setattr("secretgate.cli.scan.load_default", load)


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
    assert run.invoke(app, ["scan", "--json", str(folder)]).stdout == done.stdout
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


@pytest.mark.parametrize("before", [65_000, 65_535, 65_536, 200_000])
def test_files_are_read_to_their_end(tmp_path: Path, before: int) -> None:
    file = tmp_path / "long.env"
    file.write_text(f"{'# nothing ' * (before // 10)}{'#' * (before % 10)}\nTOKEN={TOKEN}")
    done = run.invoke(app, ["scan", "--json", str(file)])
    assert [row["start"] for row in json.loads(done.stdout)] == [before + len("\nTOKEN=")]


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


def test_what_the_baseline_lists_is_not_reported_again(folder: Path) -> None:
    report = folder / "baseline.json"
    report.write_text(run.invoke(app, ["scan", "--format", "json", str(folder / "a.env")]).stdout)
    arguments = ["scan", "--baseline", str(report), str(folder / "a.env")]
    assert run.invoke(app, arguments).exit_code == 0
    (folder / "a.env").write_text(f"\n\nTOKEN={TOKEN}\nTOKEN2={github_token(93).decode()}\n")
    assert run.invoke(app, arguments).stdout.count("github-pat") == 1


@pytest.mark.thorough
def test_rules_can_be_listed_shown_and_tried(folder: Path) -> None:
    assert "github-pat" in run.invoke(app, ["rules", "list", "github"]).stdout
    assert "pattern" in run.invoke(app, ["rules", "show", "github-pat"]).stdout
    assert run.invoke(app, ["rules", "show", "nothing"]).exit_code == 2
    mine = folder / "mine.yaml"
    mine.write_text(
        "rules:\n  - id: a\n    pattern: 'abc[0-9]{8}'\n    examples: ['abc12345678', 'xabc87654321']\n"
        "    counterexamples: ['abc']\n"
    )
    assert run.invoke(app, ["rules", "test", str(mine)]).exit_code == 0


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "config", "diff.mnemonicPrefix", "true")
    _git(tmp_path, "config", "diff.noprefix", "true")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _rows(arguments: list[str], given: str | bytes | None = None) -> list[dict[str, object]]:
    done = run.invoke(app, ["scan", "--format", "json", *arguments], input=given)
    assert TOKEN not in done.output
    rows: list[dict[str, object]] = json.loads(done.stdout)
    assert done.exit_code == bool(rows)
    return rows


def test_what_git_has_staged(repository: Path) -> None:
    name = 'ü "x" y.env'
    (repository / name).write_text(f"a=1\n++ b\nTOKEN={TOKEN}\n")
    (repository / "wide.env").write_bytes(f"TOKEN={TOKEN}\n".encode("utf-16"))
    (repository / "later.env").write_text(f"TOKEN={TOKEN}\n")
    _git(repository, "add", name, "wide.env")
    rows = _rows(["--staged"])
    assert [(row["file"], row["line"], row["column"]) for row in rows] == [
        (name, 3, 7),
        ("wide.env", 1, 7),
    ]


def test_nothing_staged_and_no_repository(repository: Path, tmp_path: Path) -> None:
    assert _rows(["--staged"]) == []
    done = run.invoke(app, ["scan", "--staged"], env={"GIT_DIR": str(tmp_path / "none")})
    assert done.exit_code == 2
    assert "not a git repository" in done.output
    assert "usage" not in done.output


def test_a_carriage_return_ends_no_line_of_a_diff() -> None:
    diff = f"--- a/x\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\rTOKEN={TOKEN}\n+b\n"
    (row,) = _rows(["-"], diff)
    assert (row["file"], row["line"], row["column"]) == ("x", 1, 9)


def test_what_stands_around_a_diff_is_scanned() -> None:
    diff = f"commit 1\n\n    TOKEN={TOKEN}\n\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n-- \nTOKEN={TOKEN}\n"
    assert [(row["file"], row["line"]) for row in _rows(["-"], diff)] == [("-", 3), ("-", 11)]


def test_what_a_diff_takes_away_is_redacted_too() -> None:
    diff = f"--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n-TOKEN={TOKEN}\n b\n"
    assert run.invoke(app, ["scan", "-"], input=diff).exit_code == 0
    assert TOKEN not in run.invoke(app, ["scan", "--redact", "-"], input=diff).stdout


@pytest.mark.thorough
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("before", ["", "🔑é ", "🔑\r\n\té "])
def test_places_are_characters_of_the_decoded_file(
    tmp_path: Path, encoding: str, before: str
) -> None:
    path = tmp_path / "a.env"
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    text = f"{before}TOKEN={TOKEN} 🔑\nOTHER={github_token(94).decode()}\n"
    path.write_bytes(mark + text.encode(encoding))
    first, second = _rows([str(path)])
    assert text[int(str(first["start"])) : int(str(first["end"]))] == TOKEN
    assert text[int(str(second["start"])) : int(str(second["end"]))] == github_token(94).decode()
    assert first["column"] == len(before.rsplit("\n", 1)[-1]) + 7
    done = run.invoke(app, ["scan", "--redact", str(path)])
    assert done.stdout_bytes.startswith(path.read_bytes()[:4] if mark or before else b"")
    assert TOKEN not in done.stdout_bytes.decode("utf-16" if mark else encoding)


def test_every_field_and_no_other(folder: Path) -> None:
    (row,) = _rows([str(folder)])
    fields = "file rule description line column start end confidence view"
    assert list(row) == fields.split()


def test_sarif_says_where_in_characters(tmp_path: Path) -> None:
    (tmp_path / "a b#.env").write_text(f"🔑 TOKEN={TOKEN}\n")
    log = json.loads(run.invoke(app, ["scan", "--format", "sarif", str(tmp_path)]).stdout)
    (one,) = log["runs"]
    place = one["results"][0]["locations"][0]["physicalLocation"]
    assert log["version"] == "2.1.0"
    assert one["columnKind"] == "unicodeCodePoints"
    assert place["artifactLocation"]["uri"].endswith("/a%20b%23.env")
    assert place["region"]["startColumn"] == 9
    assert {rule["id"] for rule in one["tool"]["driver"]["rules"]} == {"github-pat"}


SARIF = Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json"
"""The schema of SARIF 2.1.0 as published by its committee."""


@pytest.mark.parametrize("texts", [[], [""], [f"TOKEN={TOKEN}\n", f"🔑 password: '{SECRET}'\r\n"]])
def test_sarif_keeps_to_its_schema(tmp_path: Path, texts: list[str]) -> None:
    for number, text in enumerate(texts):
        (tmp_path / f"{number} ü.env").write_text(text)
    done = run.invoke(app, ["scan", "--format", "sarif", str(tmp_path)])
    validator = jsonschema.Draft4Validator(json.loads(SARIF.read_text()))
    log = json.loads(done.stdout)
    assert [error.message for error in validator.iter_errors(log)] == []
    assert len(log["runs"][0]["results"]) == sum(map(bool, texts))
    del log["runs"][0]["tool"]
    assert not validator.is_valid(log)


def test_a_binary_file_that_was_named_is_told(folder: Path) -> None:
    done = run.invoke(app, ["scan", str(folder / "c.bin")])
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"note: not text, so not scanned: {folder / 'c.bin'}\n"
    assert "note" not in run.invoke(app, ["scan", str(folder)]).stderr


def test_standard_input_beside_files(folder: Path) -> None:
    rows = _rows(["-", str(folder / "a.env")], f"TOKEN={TOKEN}\n")
    assert [row["file"] for row in rows] == ["-", str(folder / "a.env")]


def test_no_input_is_an_error_and_not_a_clean_bill() -> None:
    assert run.invoke(app, ["scan"], input="").exit_code == 2
    assert run.invoke(app, ["scan", "-"], input="").exit_code == 0


def test_a_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.env")
    try:
        Path(path).write_text(f"TOKEN={TOKEN}\n")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 alone")
    (row,) = _rows([str(tmp_path)])
    assert str(row["file"]).endswith("/\ufffd.env")


def test_a_name_that_controls_the_terminal_is_shown_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J\n::set-output\u202e.env"
    try:
        path.write_text(f"TOKEN={TOKEN}\n")
    except OSError:
        pytest.skip("this file system takes no such names")
    (line,) = run.invoke(app, ["scan", str(tmp_path)], color=True).stdout.splitlines()
    assert r"a\x1b[2J\n::set-output\u202e.env:1:" in line
    path.write_bytes(bytes(65 << 20))
    (line,) = run.invoke(app, ["scan", str(tmp_path)], color=True).stderr.splitlines()
    assert r"\x1b[2J\n" in line


WRONG = json.dumps(
    [
        dict.fromkeys(("file", "rule", "description", "confidence", "view"), 1)
        | dict.fromkeys(("line", "column", "start", "end"), "text")
    ]
)


@pytest.mark.parametrize("text", ["{}", "null", "[1]", '[{"file": "a"}]', "not JSON", ""])
def test_what_is_no_baseline_is_refused(text: str, folder: Path) -> None:
    report = folder / "baseline.json"
    report.write_text(text)
    done = run.invoke(app, ["scan", "--baseline", str(report), str(folder / "a.env")])
    assert done.exit_code == 2
    assert str(report) in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("*.env", []),
        ("sub/*.env", ["a.env", "sub/deep/a.env"]),
        ("**/deep", ["a.env", "sub/a.env"]),
        ("/a.env", ["sub/a.env", "sub/deep/a.env"]),
        ("sub/", ["a.env"]),
        ("sub/**", ["a.env"]),
        ("[!b].env\n!sub/a.env", ["sub/a.env"]),
        ("a.env/", ["a.env", "sub/a.env", "sub/deep/a.env"]),
    ],
)
@pytest.mark.parametrize("git", [True, False])
def test_folders_are_read_as_git_sees_them(
    tmp_path: Path, line: str, kept: list[str], git: bool
) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("a.env", "sub/a.env", "sub/deep/a.env"):
        (tmp_path / name).write_text(f"TOKEN={TOKEN}\n")
    (tmp_path / ".gitignore").write_text(line + "\n")
    if git:
        _git(tmp_path, "init", "-q")
    rows = _rows([str(tmp_path)])
    assert [Path(str(row["file"])).relative_to(tmp_path).as_posix() for row in rows] == kept


@pytest.mark.thorough
@pytest.mark.usefixtures("few_packs")
def test_without_randomness() -> None:
    text = f"my api key {made_up(30, 95).decode()}\n"
    rules = {row["rule"] for row in _rows(["-"], text)}
    without = {row["rule"] for row in _rows(["--no-entropy", "-"], text)}
    assert "random-near-credential" in rules
    assert "random-near-credential" not in without
