"""Detects changes to the files of a policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_FOLDERS = ("packs", "profiles")
_SUFFIXES = (".yaml", ".yml")

_State = frozenset[tuple[str, int, int]]


class Watch:
    """Watches policy files. `changed` returns True once per change, however many files it touches."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = self._now()

    def changed(self) -> bool:
        state = self._now()
        before, self._state = self._state, state
        return state != before

    def _now(self) -> _State:
        return frozenset(self._seen())

    def _seen(self) -> Iterator[tuple[str, int, int]]:
        folder = self._path if self._path.is_dir() else self._path.parent
        around = [place / name for place in (folder, folder.parent) for name in _FOLDERS]
        files = [self._path] if folder != self._path else list(_files(folder))
        for file in [*files, *(each for place in around for each in _files(place))]:
            try:
                stat = file.stat()
            except OSError:
                continue
            yield str(file), stat.st_mtime_ns, stat.st_size


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from (each for each in folder.iterdir() if each.suffix in _SUFFIXES)
    except OSError:
        return
