"""Files that can be made again: kept under the user's cache folder, readable by the user only.

Every file is sealed with a digest of its content, so a damaged one reads as missing. Of each kind
(`patterns-*.hs`, `rules-*.msgpack`) those used last are kept and the others removed. Nothing here
ever holds a secret: what is kept is made from rules.
"""

from __future__ import annotations

import contextlib
import hashlib
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
"""Files of one kind that are kept."""
_ABANDONED: Final = 3600.0
"""Seconds after which a file that was never finished belongs to nobody."""


@lru_cache(maxsize=1)
def code_digest() -> str:
    """A digest of this package's own files: what they make may be kept only as long as they last."""
    seal = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.*")):
        if path.suffix in (".py", ".bin"):
            seal.update(path.read_bytes())
    return seal.hexdigest()


def folder() -> Path:
    """Where the files are; `SECRETGATE_CACHE_DIR` moves it."""
    return Path(os.environ.get("SECRETGATE_CACHE_DIR") or platformdirs.user_cache_dir("secretgate"))


def read(name: str) -> bytes | None:
    """A file's content, or None where there is none, it is damaged, or another could have written it."""
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
    """Whether nobody but this user and root could have written to it."""
    if os.name != "posix":
        return True
    return facts.st_uid in (os.geteuid(), 0) and not stat.S_IMODE(facts.st_mode) & 0o022


def write(name: str, content: bytes) -> None:
    """Keep a file. A cache that cannot be written to is no error."""
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


_UNFINISHED: Final = ".new-"


def _prune(place: Path, name: str) -> None:
    """Remove what was not used for longest among the files of one kind, and what nobody finished.

    Others may do the same at this moment, or read what is removed: a file is read in one go, and one
    that is gone is made again.
    """
    kind = f"{name.partition('-')[0]}-*{Path(name).suffix}"
    used = sorted(((_used(path), path) for path in place.glob(kind)), reverse=True)
    limit = time.time() - _ABANDONED
    unfinished = [path for path in place.glob(f"{_UNFINISHED}*") if _used(path) < limit]
    for path in [*(path for _, path in used[KEPT:]), *unfinished]:
        with contextlib.suppress(OSError):
            path.unlink()


def _used(path: Path) -> float:
    """When a file was used last; one that is gone meanwhile counts as used just now."""
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
