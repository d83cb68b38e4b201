"""Cache files in the user's cache folder, readable by the user only; all can be rebuilt.

Every file starts with a digest of its content, so a damaged file is treated as missing. Only the
most recently used files of each kind (`patterns-*.hs`, `rules-*.msgpack`) are kept. No cache file
contains a secret, because all are computed from rules.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Final

import platformdirs

_DIGEST = 32
_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
KEPT: Final = 16
"""Maximum number of files of one kind."""
_ABANDONED: Final = 3600.0
"""Seconds after which an unfinished temporary file counts as abandoned."""
_LOG: Final = logging.getLogger("secretgate.rules")


@lru_cache(maxsize=1)
def announce() -> None:
    """Log that rules are being compiled, once per process: it takes seconds."""
    _LOG.info(
        "compiling rules",
        extra={"fields": {"takes": "some seconds, the first time with these rules"}},
    )


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return a digest of this package's code; cache files are valid only for the same code."""
    seal = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.*")):
        if path.suffix in (".py", ".bin"):
            seal.update(path.read_bytes())
    return seal.hexdigest()


def folder() -> Path:
    """Return the cache folder; the environment variable `SECRETGATE_CACHE_DIR` overrides it."""
    return Path(os.environ.get("SECRETGATE_CACHE_DIR") or platformdirs.user_cache_dir("secretgate"))


def read(name: str) -> bytes | None:
    """Return a file's content; None if it is missing, damaged or writable by other users."""
    path = folder() / name
    try:
        if not _ours(path.parent.stat()):
            return None
        with os.fdopen(os.open(path, _READ), "rb") as file:
            facts = os.fstat(file.fileno())
            data = file.read() if stat.S_ISREG(facts.st_mode) and _ours(facts) else b""
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    seal, content = data[:_DIGEST], data[_DIGEST:]
    return content if hashlib.sha256(content).digest() == seal else None


def _ours(facts: os.stat_result) -> bool:
    """Return whether only this user and root could have written to the file or folder."""
    if os.name != "posix":
        return True
    return facts.st_uid in (os.geteuid(), 0) and not stat.S_IMODE(facts.st_mode) & 0o022


_UNFINISHED: Final = ".new-"


def write(name: str, content: bytes) -> None:
    """Write a file atomically; errors are ignored, since a cache is optional."""
    with contextlib.suppress(OSError):
        place = folder()
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=place, prefix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            Path(temporary).replace(place / name)
        except OSError:
            Path(temporary).unlink()
            raise
        _prune(place, name)


def _prune(place: Path, name: str) -> None:
    """Remove the least recently used files of one kind, and abandoned temporary files.

    Other processes may do the same or read a removed file at the same time. This is safe, because
    a file is read in one go, and a missing one is rebuilt.
    """
    kind = f"{name.partition('-')[0]}-*{Path(name).suffix}"
    used = sorted(((_used(path), path) for path in place.glob(kind)), reverse=True)
    limit = time.time() - _ABANDONED
    unfinished = [path for path in place.glob(f"{_UNFINISHED}*") if _used(path) < limit]
    for path in [*(path for _, path in used[KEPT:]), *unfinished]:
        with contextlib.suppress(OSError):
            path.unlink()


def _used(path: Path) -> float:
    """Return when a file was last used; a file removed in the meantime counts as used now."""
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
