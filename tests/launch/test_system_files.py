"""The edits of files that `system on` makes, each undone without what others wrote since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secretgate.system import linux, shells
from secretgate.system.changes import ChangeError, Write, do_file, file_change, undo_file
from secretgate.system.editors import proxy_setting


def edited(step_edit: Any, old: bytes | None, folder: Path) -> tuple[Path, Any]:
    path = folder / "file"
    if old is not None:
        path.write_bytes(old)
    change = file_change(Write("a file", path, step_edit))
    assert change is not None
    do_file(change)
    return path, change


def test_what_others_wrote_since_stays(tmp_path: Path) -> None:
    block = f"{shells.BEGIN}\nours\n{shells.END}\n"
    path, change = edited(shells.append(block), b"before\n", tmp_path)
    path.write_bytes(b"new first line\n" + path.read_bytes() + b"new last line\n")
    undo_file(change)
    assert path.read_bytes() == b"new first line\nbefore\nnew last line\n"


def test_what_others_took_out_is_out(tmp_path: Path) -> None:
    path, change = edited(shells.append("ours\n"), b"before\n", tmp_path)
    path.write_bytes(b"something else\n")
    undo_file(change)
    assert path.read_bytes() == b"something else\n"


def test_a_file_that_cannot_be_put_back_is_told_and_left(tmp_path: Path) -> None:
    path, change = edited(shells.append("ours\n"), b"", tmp_path)
    path.write_bytes(b"ours\nours\n")
    with pytest.raises(ChangeError, match="was edited since"):
        undo_file(change)
    assert path.read_bytes() == b"ours\nours\n"


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").write_bytes(b"mine\n")
    link = tmp_path / "file"
    link.symlink_to("dotfiles")
    _, change = edited(shells.append("ours\n"), None, tmp_path)
    assert link.is_symlink()
    assert (tmp_path / "dotfiles").read_bytes() == b"mine\nours\n"
    undo_file(change)
    assert (tmp_path / "dotfiles").read_bytes() == b"mine\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", '{\n    "http.proxy": "U"\n}\n'),
        ("{}", '{\n    "http.proxy": "U"}'),
        ("// { no\n{ // c\n}", '// { no\n{\n    "http.proxy": "U" // c\n}'),
        ('{"a": 1}', '{\n    "http.proxy": "U","a": 1}'),
        ('{"http.proxy": "mine"}', '{"http.proxy": "mine"}'),
        ("[1]", "[1]"),
        ("{\r\n}", '{\r\n    "http.proxy": "U"\r\n}'),
    ],
)
def test_settings_of_editors(old: str, new: str) -> None:
    assert proxy_setting("U")(old.encode()) == new.encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "[S]\nk=v\n"),
        ("[S]\n", "[S]\nk=v\n"),
        ("[S]\nk=old\nl=1\n[T]\nk=other\n", "[S]\nk=v\nl=1\n[T]\nk=other\n"),
        ("[T]\nk=1", "[T]\nk=1\n\n[S]\nk=v\n"),
    ],
)
def test_ini(old: str, new: str) -> None:
    assert linux.ini("S", {"k": "v"})(old.encode()) == new.encode()


@given(old=st.binary(max_size=60), new=st.binary(max_size=60))
def test_every_edit_is_undone(
    old: bytes, new: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("edit") / "file"
    path.write_bytes(old)
    change = file_change(Write("a file", path, lambda _: new))
    if change is None:
        assert old == new
        return
    do_file(change)
    assert path.read_bytes() == new
    undo_file(change)
    assert path.read_bytes() == old
