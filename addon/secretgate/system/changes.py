"""Changes to files and settings that can be undone byte for byte.

A file change is recorded as the replaced and the inserted bytes, with digests of the whole file
before and after, so no copy of the file is kept. If the file has been edited since, only our part
is reverted.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secretgate_ca.runner import Runner

Edit = Callable[[bytes], bytes]
Command = tuple[str, ...]


class ChangeError(Exception):
    """A change could not be made or undone; the message says which, and what to do."""


@dataclass(frozen=True)
class Write:
    """A change to a file: `edit` maps its current content, empty if it does not exist, to the new one."""

    what: str
    path: Path
    edit: Edit = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True)
class Run:
    """Commands to run, and the commands that undo them."""

    what: str
    do: tuple[Command, ...] = ()
    undo: tuple[Command, ...] = ()
    impossible: str = ""
    """Why the step cannot be taken on this machine, if it cannot."""


Step = Write | Run


@dataclass(frozen=True)
class FileChange:
    """A recorded change to a file, sufficient to undo it."""

    what: str
    path: Path
    at: int
    removed: bytes = field(repr=False)
    inserted: bytes = field(repr=False)
    before: str
    """SHA-256 of the previous content; empty if the file did not exist."""
    after: str
    mode: int
    folders: tuple[Path, ...] = ()
    """Folders to create for the file, innermost first."""

    def json(self) -> dict[str, Any]:
        return {
            "kind": "file",
            "what": self.what,
            "path": str(self.path),
            "at": self.at,
            "removed": base64.b64encode(self.removed).decode(),
            "inserted": base64.b64encode(self.inserted).decode(),
            "before": self.before,
            "after": self.after,
            "mode": self.mode,
            "folders": [str(folder) for folder in self.folders],
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> FileChange:
        return cls(
            row["what"],
            Path(row["path"]),
            row["at"],
            base64.b64decode(row["removed"]),
            base64.b64decode(row["inserted"]),
            row["before"],
            row["after"],
            row["mode"],
            tuple(Path(folder) for folder in row["folders"]),
        )


def file_change(step: Write) -> FileChange | None:
    """Return the change that a step makes; None if the file is already as it should be."""
    path = step.path.resolve() if step.path.is_symlink() else step.path
    old = _read(path)
    new = step.edit(old or b"")
    if new == old:
        return None
    start, tail = _difference(old or b"", new)
    folders = []
    folder = path.parent
    while not folder.exists():
        folders.append(folder)
        folder = folder.parent
    mode = stat.S_IMODE(path.stat().st_mode) if old is not None else step.mode
    return FileChange(
        step.what,
        path,
        start,
        (old or b"")[start : len(old or b"") - tail],
        new[start : len(new) - tail],
        "" if old is None else digest(old),
        digest(new),
        mode,
        tuple(folders),
    )


def do_file(change: FileChange) -> None:
    """Apply a change; raise ChangeError if the file has changed since it was planned."""
    old = _read(change.path) or b""
    for folder in reversed(change.folders):
        folder.mkdir(mode=0o700, exist_ok=True)
    new = old[: change.at] + change.inserted + old[change.at + len(change.removed) :]
    if digest(new) != change.after:
        raise ChangeError(f"{change.path} has changed in the meantime: run the command again")
    replace_file(change.path, new, change.mode)


def undo_file(change: FileChange) -> None:
    """Revert a change; raise ChangeError if that would lose edits made by others."""
    now = _read(change.path)
    if now is None or digest(now) == change.before:
        return
    if digest(now) == change.after:
        old = now[: change.at] + change.removed + now[change.at + len(change.inserted) :]
    elif change.inserted and now.count(change.inserted) == 1:
        old = now.replace(change.inserted, change.removed)
    elif not change.inserted or change.inserted not in now:
        return
    else:
        raise ChangeError(f"{change.path} was edited since: remove the secretgate entries from it")
    if not change.before and not old:
        change.path.unlink()
        for folder in change.folders:
            try:
                folder.rmdir()
            except OSError:
                break
    else:
        replace_file(change.path, old, stat.S_IMODE(change.path.stat().st_mode))


def run_all(commands: tuple[Command, ...], runner: Runner) -> list[str]:
    """Run the commands; return the error messages of those that failed."""
    complaints = []
    for command in commands:
        result = runner.change(command)
        if result.code:
            complaints.append(f"{' '.join(command)}: {result.complaint}")
    return complaints


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _difference(old: bytes, new: bytes) -> tuple[int, int]:
    """Return the lengths of the common prefix and the common suffix."""
    most = min(len(old), len(new))
    start = next((at for at in range(most) if old[at] != new[at]), most)
    most -= start
    tail = 0
    while tail < most and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return start, tail


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ChangeError(f"{path} cannot be read: {error.strerror}") from None


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Replace a file's content atomically; raise ChangeError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.chmod(mode)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ChangeError(f"{path} cannot be written: {error.strerror}") from None
