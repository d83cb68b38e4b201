"""Writes files safely: private if needed, atomically, and without following symbolic links.

Everything the CA writes to disk goes through here. A new file with a random name in the target's
folder, opened without following links, is written, synced and then renamed over the target. A
reader sees either the old or the new file, and a symbolic link at the target is replaced, not
followed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644
_ELSEWHERE = "choose another folder: SECRETGATE_HOME names it, or secretgate-ca --confdir"


class CAError(Exception):
    """A problem with the CA that a person has to resolve; the message says what and how."""


def private_folder(path: Path) -> None:
    """Create `path` with mode 0700, or check that only its owner can write to it. Raise CAError.

    Missing folders above it get that mode too, whatever the umask: they may hold files of ours.
    """
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
    except OSError as error:
        raise CAError(f"{path} cannot be created: {error.strerror}; {_ELSEWHERE}") from None
    if not path.is_dir():
        raise CAError(f"{path} is not a folder; {_ELSEWHERE}")
    if os.name == "nt":
        return
    found = path.stat()
    if found.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        raise CAError(f"{path} belongs to another user; {_ELSEWHERE}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise CAError(f"others can write to {path}, so a CA there is not safe: chmod 700 {path}")


def read_private(path: Path) -> bytes:
    """Return the content of a key file; raise CAError if others could have accessed or replaced it."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_symlink():
            raise CAError(f"{path} is a symbolic link; put the key file itself there") from None
        raise CAError(f"cannot read {path}: {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if os.name != "nt" and mode & 0o077:
            raise CAError(
                f"{path} has mode {mode:04o}: others may have read the CA's key. "
                f"Make a new one with: secretgate-ca rotate (or, if you are sure: chmod 600 {path})"
            )
        return file.read()


def write_new(path: Path, content: bytes, mode: int) -> bool:
    """Write `content` to `path` unless the file exists; return whether it was written."""
    temporary = _temporary(path, content, mode)
    try:
        if os.name == "nt":
            temporary.rename(path)
        else:
            os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def write(path: Path, content: bytes, mode: int) -> bool:
    """Replace the content of `path` if it differs; return whether it was written."""
    with contextlib.suppress(OSError):
        if not path.is_symlink() and path.read_bytes() == content:
            return False
    temporary = _temporary(path, content, mode)
    try:
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _temporary(path: Path, content: bytes, mode: int) -> Path:
    name = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(name, flags | getattr(os, "O_BINARY", 0), mode)
        with os.fdopen(handle, "wb") as file:
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        name.unlink(missing_ok=True)
        raise CAError(f"{path} cannot be written: {error.strerror}") from None
    return name
