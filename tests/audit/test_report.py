"""The audit report in the terminal, as JSON and as a page, and the commands that print it."""

from __future__ import annotations

import json
import os
import re
import stat
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from harness.colours import contrast
from harness.pages import Elements
from secretgate.audit import chain
from secretgate.audit.journal import Journal
from secretgate.audit.page import page
from secretgate.audit.record import FIELDS, Record, type_name
from secretgate.audit.totals import FOUND, add_up, course
from secretgate.cli.audit import app
from secretgate.placeholders import Namer, Template
from secretgate.state import Places, load_key

EVIL = "<script>alert('1')</script>"


def request(time: str, rules: dict[str, int], decision: str = "redacted", **more: Any) -> Record:
    given = {"client": "codex", "host": "api.openai.com", "user": "ada", **more}
    return Record(time=time, event="request", decision=decision, rules=rules, **given)


def sample() -> list[Record]:
    return [
        request("2030-01-01T10:00:00.000Z", {"jwt": 2}, placeholders=("a" * 12,), bytes_total=100),
        Record(time="2030-01-01T10:00:01.000Z", event="answer", restored=1, not_restored=2),
        request(
            "2030-01-01T11:30:00.000Z",
            {"jwt": 1, "github-pat": 4},
            client="claude-cli",
            model="opus",
            placeholders=("a" * 12, "b" * 12),
            bytes_total=50,
            bytes_scanned=20,
            bytes_opaque=10,
        ),
        request("2030-01-02T09:00:00.000Z", {"jwt": 1}, "blocked", refused=True, bytes_total=7),
        request(
            "2030-01-02T09:10:00.000Z",
            {},
            "unreadable",
            refused=True,
            bytes_total=5,
            bytes_unreadable=5,
        ),
        Record(time="2030-01-02T09:20:00.000Z", event="answer", unread=True),
        Record(time="2030-01-02T09:30:00.000Z", event="lost", count=3),
    ]


def test_what_records_add_up_to() -> None:
    told = add_up(sample()).json()
    assert {name: told[name] for name in told if isinstance(told[name], int)} == {
        "requests": 4,
        "refused": 2,
        "answers": 2,
        "unread": 1,
        "restored": 1,
        "not_restored": 2,
        "lost": 3,
        "secrets": 2,
    }
    assert list(told["rules"].items()) == [
        ("jwt", {"requests": 3, "finds": 4}),
        ("github-pat", {"requests": 1, "finds": 4}),
    ]
    assert told["clients"]["claude-cli"] == {"requests": 1, "finds": 5}
    assert told["models"] == {"opus": {"requests": 1, "finds": 5}}
    assert told["decisions"] == {"redacted": 2, "blocked": 1, "unreadable": 1}
    assert told["coverage"] == {
        "total": 162,
        "scanned": 20,
        "opaque": 10,
        "binary": 0,
        "skipped": 0,
        "unreadable": 5,
    }
    assert sum(add_up(sample()).coverage.classes().values()) == 162


def test_the_course_loses_nothing() -> None:
    steps = course(add_up(sample()))
    assert steps.step == 3600
    assert [sum(each) for each in zip(*steps.counts, strict=True)] == [
        {"redacted": 2, "blocked": 1, "audited": 0, "unreadable": 1}[name] for name in FOUND
    ]
    assert course(add_up([])).counts == []
    years = [request(f"{year}-01-01T00:00:00Z", {"jwt": 1}) for year in range(2000, 2031)]
    assert sum(map(sum, course(add_up(years)).counts)) == 31


def test_the_page_stands_alone_and_escapes_what_comes_from_outside() -> None:
    evil = request("2030-01-03T00:00:00Z", {EVIL: 1}, client=EVIL, host=EVIL, model=EVIL)
    made = page(add_up([*sample(), evil]))
    elements = Elements()
    elements.feed(made)
    assert elements.open == []
    assert not {tag for tag, _ in elements.seen} & {"script", "link", "img", "iframe", "object"}
    for _, attributes in elements.seen:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href")]
    assert "url(" not in made
    assert "@import" not in made
    assert "<script" not in made
    assert made.count("&lt;script&gt;") >= 4
    for word in ("jwt", "github-pat", "claude-cli", "api.openai.com", "3 records could not"):
        assert word in made


def test_a_page_of_nothing() -> None:
    elements = Elements()
    elements.feed(page(add_up([])))
    assert elements.open == []


def test_colours_can_be_read() -> None:
    """WCAG contrast: 4.5 to 1 for text, 3 to 1 for chart elements, in light and in dark mode."""
    style = files("secretgate.audit").joinpath("report.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for front, back in (("text", "back"), ("text", "card"), ("soft", "card"), ("warn", "card")):
            assert contrast(colours[front], colours[back]) >= 4.5, (front, back)
        for front in ("redacted", "blocked", "audited", "unreadable", "bar", "opaque", "binary"):
            assert contrast(colours[front], colours["card"]) >= 3, front


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with the sample records in its log."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("SECRETGATE_HOME", str(folder))
    key = chain.derived(Namer(Template(), load_key(Places.find().key)).digest)
    Journal(folder / "audit", key).append([msgspec.json.encode(each) for each in sample()])
    return folder


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_verify_says_where(home: Path) -> None:
    code, told = run("verify")
    assert code == 0
    assert "7 records in 1 file: sound" in told
    assert "note: " in told, "lost records are told of"
    noted = re.search(r"anchor (7:[0-9a-f]{64})", told)
    assert noted
    assert run("verify", "--anchor", noted[1])[0] == 0
    log = home / "audit" / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b"claude-cli", b"claude-clj"))
    code, told = run("verify")
    assert code == 1
    assert f"{log}:3: record 3 was changed" in told
    code, told = run("verify", "--json")
    assert code == 1
    assert json.loads(told)["problems"][0]["line"] == 3


def test_bad_arguments_say_what_is_wrong(home: Path) -> None:
    for arguments, reason in (
        (("verify", "--anchor", "x"), "NUMBER:HASH"),
        (("verify", "--key", "/nowhere"), "there is no key in /nowhere"),
        (("verify", "--folder", "/nowhere"), "there is no audit log in /nowhere"),
        (("report", "--since", "yesterday"), "--since yesterday"),
        (("report", "--since", "99999999999d"), "--since 99999999999d"),
        (("report", "--since", "0001-01-01T00:00+14:00"), "--since 0001-01-01"),
        (("report", "--html", "/nowhere/at/all.html"), "cannot be written"),
    ):
        code, told = run(*arguments)
        assert code == 2
        assert reason in told


def test_report_in_every_form(home: Path, tmp_path: Path) -> None:
    code, told = run("report")
    assert code == 0
    assert "github-pat" in told
    assert "3 records could not be written" in told
    code, told = run("report", "--json", "--since", "2030-01-02T00:00:00+00:00")
    assert json.loads(told)["requests"] == 2
    target = tmp_path / "report.html"
    code, told = run("report", "--html", str(target))
    assert (code, "7 records" in told) == (0, True)
    assert target.read_text("utf-8") == page(add_up(sample()))
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_type_names() -> None:
    assert type_name("openai-api-key") == "SECRET_OPENAI_API_KEY"
    assert type_name("pinecone-api-key.2") == "SECRET_PINECONE_API_KEY_2"


def test_the_documentation_names_every_field() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")
    for name, said in FIELDS.items():
        assert f"| `{name}` | {said} |" in docs
