"""State files, before they are used: no links, no files of other users or writable by them.

Files that others could read are made private.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.fixtures import Launch
from secretgate.audit.trail import AuditError, Trail
from secretgate.demo.process import Failed
from secretgate.engine import build
from secretgate.settings import Settings
from secretgate.state import Places, StateError, load_key, private_folder
from secretgate_ca import CAError, ensure_ca
from secretgate_rules import cache

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
KEPT = (
    "ledger.sqlite3",
    "ledger.sqlite3-wal",
    "ledger.sqlite3-shm",
    "ledger.sqlite3-journal",
    "audit/audit.jsonl",
    "audit/audit.head",
    "audit/audit-0000000001.jsonl",
)
Begin = Callable[[], None]


def _ignored(*_: object, **__: object) -> None:
    return None


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = private_folder(tmp_path / "home")
    private_folder(folder / "audit")
    return folder


@pytest.fixture
def begin(home: Path) -> Begin:
    """A function that does with these files what a start does."""

    def begun() -> None:
        places = Places(home, home)
        settings = Settings(vault="sqlite", known_environment=False, audit_log=True)
        engine = build(settings, places, _ignored)
        try:
            Trail().reopened(settings, places, engine.namer.digest, _ignored).close()
        finally:
            engine.ledger.close()

    return begun


@pytest.mark.thorough
@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_what_others_could_read_is_closed(name: str, mode: int, home: Path, begin: Begin) -> None:
    begin()
    file = home / name
    file.touch()
    file.chmod(mode)
    begin()
    assert not file.exists() or stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.thorough
@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_what_others_could_write_to_is_refused(
    name: str, mode: int, home: Path, begin: Begin
) -> None:
    file = home / name
    file.touch()
    file.chmod(mode)
    with pytest.raises((StateError, AuditError), match=f"{name}.*chmod 600"):
        begin()


@pytest.mark.parametrize("name", KEPT)
def test_a_link_is_refused_and_leads_nowhere(name: str, home: Path, begin: Begin) -> None:
    elsewhere = home.parent / "elsewhere"
    elsewhere.write_bytes(b"of another")
    elsewhere.chmod(0o644)
    (home / name).symlink_to(elsewhere)
    with pytest.raises((StateError, AuditError), match=f"{name} is a link"):
        begin()
    assert elsewhere.read_bytes() == b"of another"
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644


@pytest.mark.parametrize("name", KEPT)
def test_a_link_to_nothing_makes_no_file(name: str, home: Path, begin: Begin) -> None:
    (home / name).symlink_to(home.parent / "nowhere")
    with pytest.raises((StateError, AuditError), match=f"{name} is a link"):
        begin()
    assert not (home.parent / "nowhere").exists()


@pytest.mark.parametrize("name", KEPT)
def test_a_pipe_is_refused_and_nobody_waits_for_it(name: str, home: Path, begin: Begin) -> None:
    os.mkfifo(home / name, 0o600)
    with pytest.raises((StateError, AuditError), match=f"{name} is not a regular file"):
        begin()


@pytest.mark.parametrize("name", ["placeholder.key", *KEPT])
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives away")
def test_what_belongs_to_another_is_refused(name: str, home: Path, begin: Begin) -> None:
    load_key(home / "placeholder.key")
    file = home / name
    file.touch(mode=0o600)
    os.chown(file, 12345, -1)
    with pytest.raises((StateError, AuditError), match=f"{name} belongs to another user"):
        begin()


@pytest.mark.parametrize("name", ["key", "folder", "ca"])
def test_what_belongs_to_another_is_refused_whoever_runs_it(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_key(home / "placeholder.key")
    ensure_ca(home / "ca", ["api.example.com"])
    if os.geteuid() == 0:
        # Anyone may use files of root.
        os.chown(home / "ca", 12345, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    tried: dict[str, Callable[[], object]] = {
        "key": lambda: load_key(home / "placeholder.key"),
        "folder": lambda: private_folder(home),
        "ca": lambda: ensure_ca(home / "ca", ["api.example.com"]),
    }
    with pytest.raises((StateError, CAError), match="belongs to another user"):
        tried[name]()


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["placeholder.key", "ledger.sqlite3"])
def test_a_proxy_whose_files_others_could_write_to_does_not_start(
    name: str, launch: Launch, tmp_path: Path
) -> None:
    folder = private_folder(tmp_path / "secretgate")
    load_key(folder / "placeholder.key")
    (folder / name).touch()
    (folder / name).chmod(0o666)
    with pytest.raises(Failed, match="chmod 600"):
        launch(home=tmp_path)


# Files computed from rules decide what is found, and Hyperscan trusts them.


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRETGATE_CACHE_DIR", str(tmp_path / "cache"))
    cache.write("rules-x.msgpack", b"content")
    assert cache.read("rules-x.msgpack") == b"content"
    return tmp_path / "cache" / "rules-x.msgpack"


@pytest.mark.parametrize("which", ["the file", "the folder"])
def test_a_cache_that_others_could_write_to_is_not_read(which: str, stored: Path) -> None:
    open_to_others = stored if which == "the file" else stored.parent
    open_to_others.chmod(0o777)
    assert cache.read(stored.name) is None


def test_a_cache_of_another_user_is_not_read(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    if stored.stat().st_uid:
        assert cache.read(stored.name) is None
    else:
        os.chown(stored, 12345, -1)
        assert cache.read(stored.name) is None


def test_a_pipe_in_the_cache_is_not_waited_for(stored: Path) -> None:
    stored.unlink()
    os.mkfifo(stored, 0o600)
    assert cache.read(stored.name) is None
