"""Files that can be made again: kept under the user's cache folder, readable by the user only.

Every file is sealed with a digest of its content, so a damaged one reads as missing. Nothing here
ever holds a secret: what is kept is made from rules.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import platformdirs

_DIGEST = 32


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
    """A file's content, or None where there is none or it is damaged."""
    try:
        data = (folder() / name).read_bytes()
    except OSError:
        return None
    seal, content = data[:_DIGEST], data[_DIGEST:]
    return content if hashlib.sha256(content).digest() == seal else None


def write(name: str, content: bytes) -> None:
    """Keep a file. A cache that cannot be written to is no error."""
    with contextlib.suppress(OSError):
        place = folder()
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=place)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            os.replace(temporary, place / name)
        except OSError:
            os.unlink(temporary)
            raise
