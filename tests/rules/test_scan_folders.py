"""`secretgate scan FOLDER`: what is read of it, and what is said of the rest."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.conftest import github_token
from secretgate.cli.scan_files import list_paths, read, walk

TOKEN = github_token(92).decode()


def _walked(folder: Path) -> tuple[list[str], list[str]]:
    """Return the files of a folder, relative to it, and what is said of others."""
    said: list[str] = []
    files = [Path(file).relative_to(folder).as_posix() for file in walk(folder, said.append)]
    return files, said


def _repository(folder: Path, *files: str, commit: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    _git(folder, "init", "-q")
    for file in files:
        (folder / file).write_text(f"TOKEN={TOKEN}\n")
    if commit:
        _git(folder, "add", "-A")
        _git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "a")
    return folder


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_repositories_in_a_repository_are_read(tmp_path: Path) -> None:
    other = _repository(tmp_path / "other", "c.env", commit=True)
    outer = _repository(tmp_path / "outer", "a.env")
    inner = _repository(outer / "vendor" / "inner", "b.env", "d.log")
    (inner / ".gitignore").write_text("*.log\n")
    allowed = ("-c", "protocol.file.allow=always")
    _git(outer, *allowed, "submodule", "--quiet", "add", str(other), "sub")
    files, said = _walked(outer)
    assert sorted(files) == [
        ".gitmodules",
        "a.env",
        "sub/c.env",
        "vendor/inner/.gitignore",
        "vendor/inner/b.env",
    ]
    assert not said


@pytest.mark.parametrize("git", [True, False])
def test_links_in_a_folder_are_not_followed(tmp_path: Path, git: bool) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.env").write_text(f"TOKEN={TOKEN}\n")
    for name, target in (("b", "a.env"), ("loop", "."), ("gone", "nowhere"), ("etc", "/etc")):
        (folder / name).symlink_to(target)
    if git:
        _repository(folder)
        _git(folder, "add", "-A")
    assert _walked(folder) == (["a.env"], [])


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder `closed` that this user may not read, in a folder beside `z.env`."""
    inner = tmp_path / "folder" / "closed"
    inner.mkdir(parents=True)
    (inner / "a.env").write_text(f"TOKEN={TOKEN}\n")
    (inner.parent / "z.env").write_text(f"TOKEN={TOKEN}\n")
    inner.chmod(0)
    if os.access(inner, os.R_OK):
        pytest.skip("this user may read every folder")
    yield inner
    inner.chmod(0o700)


@pytest.mark.parametrize("git", ["none", "untracked", "tracked"])
def test_a_folder_that_may_not_be_read_is_told_and_the_rest_is_read(closed: Path, git: str) -> None:
    if git != "none":
        _git(closed.parent, "init", "-q")
    if git == "tracked":
        closed.chmod(0o700)
        _git(closed.parent, "add", "-A")
        closed.chmod(0)
    files, said = _walked(closed.parent)
    assert files == ["z.env"]
    assert said
    assert all("closed" in line and "Permission denied" in line for line in said)


def test_a_file_that_may_not_be_reached_is_told(closed: Path) -> None:
    said: list[str] = []
    assert not list(list_paths([closed / "a.env"], said.append))
    assert said == [f"{closed / 'a.env'}: Permission denied"]


def test_a_binary_file_is_told_by_name(tmp_path: Path) -> None:
    files = {"a.zip": b"PK\x03\x04 ...", "b.bin": bytes(100), "c.txt": b"text"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    said: list[str] = []
    unread: list[str] = []
    paths = [str(tmp_path / name) for name in files]
    assert [source.text for source in read(paths, unread.append, said.append)] == [b"text"]
    assert (said, unread) == (paths[:2], [])
