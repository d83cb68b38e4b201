"""A ledger that cannot be used for a while: nothing is lost, and it is used again afterwards."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from addon.kit import SCOPE, Bench
from secretgate.ledger import Ledger
from secretgate.stores import sqlite
from secretgate.stores.line import Line
from secretgate.stores.sqlite import SQLiteStore

ONE, TWO = b"one-that-the-provider-wrote", b"two-that-the-provider-wrote"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Tests do not wait as long as another process may take.
    monkeypatch.setattr(sqlite, "_PAUSE", 0.0)
    monkeypatch.setattr(sqlite, "_TIMEOUT", 0.0)
    tmp_path.chmod(0o700)
    return tmp_path / "ledger.sqlite3"


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Another process writes, and takes its time."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def ledger(path: Path, said: list[str]) -> Ledger:
    return Ledger(Line(SQLiteStore(path, 3600, said.append)), Bench().namer.digest)


def test_what_could_not_be_written_is_written_later(path: Path) -> None:
    said: list[str] = []
    mine = ledger(path, said)
    assert mine.name(b"value", "first") == "first"
    with held(path):
        mine.note_written(SCOPE, [ONE])
        assert mine.name(b"another", "second") == "second"
        assert mine.written(SCOPE, [ONE, TWO]) == {ONE}
    mine.note_written(SCOPE, [TWO])
    assert mine.name(b"another", "third") == "second"
    mine.close()
    assert [line.partition(" (")[0] for line in said] == [
        "the ledger cannot be used",
        "the ledger can be used again",
    ]
    later = ledger(path, [])
    assert later.written(SCOPE, [ONE, TWO]) == {ONE, TWO}
    assert later.names({b"value": "x", b"another": "x"}) == {
        b"value": "first",
        b"another": "second",
    }
    later.close()


def test_what_is_owed_at_the_end_is_written_then(path: Path) -> None:
    mine = ledger(path, [])
    with held(path):
        mine.note_written(SCOPE, [ONE])
    mine.close()
    later = ledger(path, [])
    assert later.written(SCOPE, [ONE]) == {ONE}
    later.close()


def test_who_holds_it_for_long_is_waited_for_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile, nothing else happens in the proxy."""
    monkeypatch.setattr(sqlite, "_TIMEOUT", 0.6)
    mine = ledger(path, [])
    with held(path):
        mine.note_written(SCOPE, [ONE])
        begun = time.monotonic()
        for number in range(5):
            mine.note_written(SCOPE, [b"%d-that-the-provider-wrote" % number])
        assert time.monotonic() - begun < 2
    mine.note_written(SCOPE, [TWO])
    mine.close()
    later = ledger(path, [])
    assert later.written(SCOPE, [ONE, TWO]) == {ONE, TWO}
    later.close()


def test_a_name_is_kept_although_the_ledger_is_held_at_the_start(path: Path) -> None:
    """Otherwise a conversation that goes on would change its names."""
    before = ledger(path, [])
    assert before.name(b"value", "first") == "first"
    before.close()
    with held(path):
        mine = ledger(path, [])
    assert mine.name(b"value", "second") == "first"
    mine.close()


def test_a_ledger_of_a_newer_version_is_used(path: Path) -> None:
    ledger(path, []).close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        for table in ("names", "written", "known", "chains"):
            db.execute(f"ALTER TABLE {table} ADD COLUMN more TEXT")
    said: list[str] = []
    mine = ledger(path, said)
    assert mine.name(b"value", "first") == "first"
    mine.note_written(SCOPE, [ONE])
    mine.close()
    later = ledger(path, said)
    assert later.name(b"value", "second") == "first"
    assert later.written(SCOPE, [ONE]) == {ONE}
    later.close()
    assert said == []
