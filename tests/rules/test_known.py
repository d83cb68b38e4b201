"""Known values: taken if the name says credential, kept up to date, never printed."""

from __future__ import annotations

import base64
import html
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from rules.conftest import made_up
from secretgate_rules.known import AGAIN, KnownValues, of_environment, of_file
from secretgate_rules.model import RuleError

SECRET = made_up(18, 60).decode()
OTHER = made_up(22, 61).decode()


def test_of_environment_takes_what_its_name_says() -> None:
    environment = {
        "DB_PASSWORD": SECRET,
        "HOME": "/home/" + OTHER,
        "API_TOKEN": "short",
        "ADMIN_PASSWORD": "changeme",
        "SESSION_KEY_ID": OTHER,
        "CUSTOM": OTHER,
    }
    assert set(of_environment(environment)) == {SECRET.encode()}
    assert set(of_environment(environment, add=["CUST*"])) == {SECRET.encode(), OTHER.encode()}
    assert set(of_environment(environment, exclude=["DB_*"])) == set()


def test_of_environment_leaves_out_where_something_is_stored(tmp_path: Path) -> None:
    place = tmp_path / made_up(18, 62).decode()
    values = ["/" + SECRET, "/" + SECRET * 1000]
    environment = {"PWD": str(place), "DB_PASSWORD": values[0], "API_TOKEN": values[1]}
    assert len(of_environment(environment)) == 3
    place.mkdir()
    assert set(of_environment(environment)) == {*map(str.encode, values)}
    assert set(of_environment(environment, add=["PWD"])) == {*map(str.encode, environment.values())}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", f"export DB_PASSWORD='{SECRET}' # here\nPORT=5432\n"),
        ("a.json", json.dumps({"db": [{"password": SECRET, "host": "db.internal.corp"}]})),
        ("a.toml", f'[db]\npassword = "{SECRET}"\n'),
        ("a.yaml", f"db:\n  password: {SECRET}\n"),
        ("a.ini", f"[db]\npassword = {SECRET}\n"),
        ("a.properties", f"db.password={SECRET}\n"),
    ],
)
def test_of_file(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert set(of_file(path)) == {SECRET.encode()}


def test_an_unreadable_file_is_named_and_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"password": "' + SECRET)
    with pytest.raises(RuleError) as caught:
        of_file(path)
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(f"TOKEN={SECRET}\n")
    known = KnownValues([path, tmp_path / "gone.env"], {"APP_SECRET": OTHER})
    assert known.literals.find(f"x {SECRET} {OTHER}".encode())
    assert len(known.literals) == 2
    assert known.problems == [f"{tmp_path / 'gone.env'}: no such file"]
    path.write_text("TOKEN=" + SECRET[::-1] + "\n")
    os.utime(path, ns=(1, 1))
    assert SECRET[::-1].encode() in known.literals
    assert SECRET.encode() not in known.literals


def test_a_file_that_cannot_be_read_for_a_moment_is_not_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"password": SECRET}))
    known = KnownValues([path])
    assert SECRET.encode() in known.literals
    path.write_text('{"password": "')
    assert SECRET.encode() in known.literals
    assert known.problems == [f"{path}: not valid JSON"]
    path.write_text(json.dumps({"password": OTHER}))
    assert OTHER.encode() in known.literals
    assert SECRET.encode() not in known.literals
    assert known.problems == []


def test_files_are_found_in_a_folder(tmp_path: Path) -> None:
    values = {made_up(20, 70 + n).decode(): n for n in range(6)}
    one, two, three, four, five, six = values
    (tmp_path / "deploy").mkdir()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / ".env.local").write_text(f"API_TOKEN={one}\nGREETING_TOKEN=see-you-later\n")
    (tmp_path / "deploy" / "a.yaml").write_text(f"db:\n  password: {two}\n")
    (tmp_path / "app.ini").write_text(f"[db]\npassword = {three}\n")
    (tmp_path / "broken.json").write_text('{"password": "' + four)
    (tmp_path / "node_modules" / "b.json").write_text(json.dumps({"password": five}))
    (tmp_path / ".env.example").write_text(f"API_TOKEN={six}\n")
    now = [0.0]
    known = KnownValues(under=tmp_path, clock=lambda: now[0])
    assert {value for value, _ in known.literals.items()} == {v.encode() for v in (one, two, three)}
    assert known.problems == []
    (tmp_path / "new.toml").write_text(f'token = "{six}"\n')
    (tmp_path / "deploy" / "a.yaml").write_text(f"db:\n  password: {five}0\n")
    assert f"{five}0".encode() in known.literals
    assert six.encode() not in known.literals
    now[0] = AGAIN
    assert six.encode() not in known.literals
    known.settle()
    assert six.encode() in known.literals


def test_a_large_folder_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is searched in the background, by one thread at a time."""
    now, looks, go_on = [0.0], list[Path](), threading.Event()
    known = KnownValues(under=tmp_path, clock=lambda: now[0])
    assert len(known.literals) == 0

    def slowly(folder: Path) -> Iterator[Path]:
        looks.append(folder)
        go_on.wait(20)
        yield from ()

    monkeypatch.setattr("secretgate_rules.known.files_under", slowly)
    for _ in range(3):
        now[0] += AGAIN
        assert len(known.literals) == 0
    assert len(looks) <= 1
    go_on.set()
    known.settle()
    assert looks == [tmp_path]


def test_every_spelling_of_a_known_value_is_found() -> None:
    value = "pa ss/w+rd&1=é%"
    known = KnownValues(environment={"DB_PASSWORD": value})
    raw = value.encode()
    for text in (
        raw,
        quote(value, safe="").encode(),
        base64.b64encode(raw),
        base64.b64encode(b"user:" + raw),
        base64.urlsafe_b64encode(b"x" + raw + b"yz"),
        json.dumps(value)[1:-1].encode(),
    ):
        assert known.literals.find(b"a " + text + b" b"), text


SPECIAL = "Zq7/x+$K94d_d'8&vB"
SPELLED = {
    "HTML": html.escape(SPECIAL),
    "HTML, in numbers": SPECIAL.replace("/", "&#47;")
    .replace("+", "&#x2B;")
    .replace("&v", "&#038;v"),
    "HTML, by name": SPECIAL.replace("/", "&sol;").replace("$", "&dollar;"),
    "HTML, twice": html.escape(html.escape(SPECIAL)),
    "Markdown": SPECIAL.replace("_", "\\_"),
    "a Compose file": SPECIAL.replace("$", "$$"),
    "SQL": SPECIAL.replace("'", "''"),
}


@pytest.mark.parametrize("how", SPELLED)
def test_a_known_value_is_found_as_other_formats_spell_it(how: str) -> None:
    known = KnownValues(environment={"DB_PASSWORD": SPECIAL}).literals
    text = f"it is {SPELLED[how]} so"
    (found,) = known.find(text.encode())
    assert text[found.start : found.end] == SPELLED[how]


def test_a_known_value_of_letters_is_found_in_markdown() -> None:
    value = "_".join(made_up(16, seed).decode() for seed in (3, 4))
    known = KnownValues(environment={"DB_TOKEN": value}).literals
    spelled = value.replace("_", "\\_")
    (found,) = known.find(f"it is {spelled} so".encode())
    assert (found.start, found.end) == (6, 6 + len(spelled))


@pytest.mark.parametrize(
    "value", ["\u00e9Qjdj+LEOS91", "_6=w8\\7Ek\\_LetFkP02", "\\kQjdjLEOS91\\_x", "!Qjdj\\7LEOS91"]
)
@pytest.mark.parametrize("before", ["", "\\", "C:\\", "\\\\host\\"])
def test_a_backslash_right_before_a_known_value_does_not_hide_it(value: str, before: str) -> None:
    known = KnownValues(environment={"DB_PASSWORD": value})
    raw = value.encode()
    (found,) = known.literals.find(before.encode() + raw + b" and more")
    assert found.value == raw
