"""Known values: taken where a name says credential, kept up to date, never told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rules.conftest import made_up
from secretgate_rules.known import KnownValues, of_environment, of_file
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
