"""Known values: credentials from the environment and from configuration files.

There, credentials have names that identify them as such. Their values are searched for exactly
(`Literals`), so a secret without a recognisable format is found too. Values are kept in memory
only, and a file that changes is read again.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import stat
import threading
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any, Final

from . import judging, rulefile, standins, values
from .literals import Literals
from .model import RuleError
from .names import Tier, tier
from .randomness import entropy

SHORTEST: Final = 8
"""Minimum length of a value, in bytes; shorter ones are not used."""
LEAST_ENTROPY: Final = 2.0
"""Minimum entropy of a value, in bits per character."""
LARGEST: Final = 1 << 20
"""Maximum size of a file, in bytes; larger ones are not read."""
RULE: Final = "known-value"
AGAIN: Final = 10.0
"""Seconds after which the next request for values searches the folder again."""
MOST_FILES: Final = 5000
"""Maximum number of files of a folder that are read."""
_KINDS = re.compile(r"(?:.*\.)?env(?:\..+)?|.+\.(?:json|toml|ya?ml|ini|cfg|conf|properties)")
_PASSED_BY = re.compile(
    r"\.(?!config$).*|node_modules|venv|site-packages|vendor|target|dist|build|__pycache__"
    r"|.*lock.*|.*\.(?:example|sample|template|dist)"
)
_ENV = re.compile(r"(?:.*\.)?env(?:\..+)?")


_State = tuple[int, int]
_NEVER: Final = (-1, -1)


def worth_knowing(value: str) -> bool:
    """Return whether a value is long and varied enough that a match is significant."""
    raw = value.encode("utf-8", "surrogateescape")
    if len(raw) < SHORTEST or entropy(raw) < LEAST_ENTROPY:
        return False
    return not standins.template(raw) and not standins.dummy(raw) and not values.trivial(raw)


def says_credential(name: str) -> bool:
    """Return whether a name says that its value is a credential."""
    return tier(name.encode("utf-8", "surrogateescape")) > Tier.NONE


def of_environment(
    environment: Mapping[str, str], add: Iterable[str] = (), exclude: Iterable[str] = ()
) -> dict[bytes, str]:
    """Return the credentials in an environment, as {value: rule id}.

    These are the variables whose names say so and those that match `add`, without those that match
    `exclude` (both globs).
    """
    added, excluded = tuple(add), tuple(exclude)
    return _taken(
        (name, value, any(fnmatchcase(name, pattern) for pattern in added))
        for name, value in environment.items()
        if not any(fnmatchcase(name, pattern) for pattern in excluded)
    )


def of_file(path: Path, named: bool = True) -> dict[bytes, str]:
    """Return the credentials in a file of JSON, TOML, YAML, INI or `NAME=value` lines.

    The result is {value: rule id}. If the user did not name the file (`named` is false), a value
    must also look like a credential. Raises `RuleError` if the file cannot be parsed; the message
    contains its path but never its content.
    """
    try:
        text = _text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}: cannot be read: {type(error).__name__}") from None
    try:
        pairs = list(_pairs(path.suffix.lower(), text, str(path)))
    except (ValueError, RecursionError, configparser.Error):
        raise RuleError(f"{path}: not valid {path.suffix.lstrip('.').upper() or 'text'}") from None
    return _taken((name, value, False) for name, value in pairs if named or _likely(name, value))


def _text(path: Path) -> str:
    """Return a file's content; raise `RuleError` unless it is a regular file of limited size.

    A repository may contain links to devices and pipes, which have no end.
    """
    with open(path, encoding="utf-8", opener=_opened) as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise RuleError(f"{path}: not a regular file")
        text = file.read(LARGEST + 1) if facts.st_size <= LARGEST else None
    if text is None or len(text) > LARGEST:
        raise RuleError(f"{path}: larger than {LARGEST >> 10} kB, not read for known values")
    return text


def _opened(path: str, flags: int) -> int:
    """Open a file without waiting for a writer if it is a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def files_under(folder: Path) -> Iterator[Path]:
    """Yield the configuration files in a folder; skip what is installed, built or generated."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _PASSED_BY.fullmatch(name))
        for name in sorted(names):
            dotenv = _ENV.fullmatch(name) and not name.endswith(
                (".example", ".sample", ".template")
            )
            if dotenv or (_KINDS.fullmatch(name) and not _PASSED_BY.fullmatch(name)):
                yield Path(place, name)


def _likely(name: str, value: str) -> bool:
    """Return whether name and value look like a credential, by the same criteria as in a text."""
    level = tier(name.encode("utf-8", "surrogateescape"))
    return judging.judge(level, value.encode("utf-8", "surrogateescape"), quoted=True) is not None


def _taken(triples: Iterable[tuple[str, str, bool]]) -> dict[bytes, str]:
    return {
        value.encode("utf-8", "surrogateescape"): RULE
        for name, value, sure in triples
        if (sure or (says_credential(name) and not _is_path(value))) and worth_knowing(value)
    }


def _is_path(value: str) -> bool:
    """Return whether a value is where something is stored, as in `PWD` and `SSH_AUTH_SOCK`."""
    try:
        return Path(value).is_absolute() and Path(value).exists()
    except OSError:
        return False  # It is too long for a path.


def _pairs(kind: str, text: str, name: str) -> Iterator[tuple[str, str]]:
    if kind == ".json":
        yield from _leaves("", json.loads(text))
    elif kind == ".toml":
        yield from _leaves("", tomllib.loads(text))
    elif kind in (".yaml", ".yml"):
        yield from _leaves("", rulefile.parse_yaml(text, name)[0])
    elif kind in (".ini", ".cfg", ".conf", ".properties"):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text if text.lstrip().startswith("[") else f"[all]\n{text}")
        for section in parser.sections():
            yield from parser.items(section)
    else:
        yield from _lines(text)


def _leaves(name: str, node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(str(key), value)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(name, value)
    elif isinstance(node, str):
        yield name, node


_LINE = re.compile(
    r"""(?m)^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s#]*))"""
)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for match in _LINE.finditer(text):
        double, single, bare = match[2], match[3], match[4]
        if double is not None:
            yield match[1], double.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
        else:
            yield match[1], single if single is not None else bare


class KnownValues:
    """Known values from an environment, from files and from a folder, kept up to date."""

    def __init__(
        self,
        files: Iterable[Path] = (),
        environment: Mapping[str, str] | None = None,
        add: Iterable[str] = (),
        exclude: Iterable[str] = (),
        under: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fixed = of_environment(environment or {}, add, exclude)
        self._files = tuple(Path(path).expanduser() for path in files)
        self._states: dict[Path, _State | None] = {}
        self._folder = _Folder(under, self._states, clock) if under else None
        self._found: dict[Path, dict[bytes, str]] = {}
        self._told: dict[Path, str] = {}
        self._literals = Literals(self._fixed)
        self._literals.prepare()
        self.problems: list[str] = []
        """Errors of the last attempt to read the named files, without content."""

    @property
    def literals(self) -> Literals:
        """The current values; files that changed are read again.

        The values of a file that can no longer be read stay known.
        """
        changed = False
        for path in self._watched():
            state = _state(path)
            if state != self._states.get(path, _NEVER):
                self._states[path] = state
                changed |= self._read(path, state)
        if changed:
            self.problems = [self._told[path] for path in self._files if path in self._told]
            found = dict(self._fixed)
            for values_of_file in self._found.values():
                found.update(values_of_file)
            gone = any(value not in found for value, _ in self._literals.items())
            self._literals = (Literals({}) if gone else self._literals).with_values(found)
            self._literals.prepare()
        return self._literals

    def _watched(self) -> list[Path]:
        """Return the named files, other files that contain values, and new ones in the folder."""
        watched = [*self._files, *(path for path in self._found if path not in self._files)]
        return [*watched, *self._folder.changed()] if self._folder else watched

    def _read(self, path: Path, state: _State | None) -> bool:
        """Read a file's current values; return whether the known values may have changed."""
        named = path in self._files
        self._told.pop(path, None)
        if state is None:
            self._told[path] = f"{path}: no such file"
            return named
        try:
            found = of_file(path, named)
        except RuleError as error:
            self._told[path] = str(error)
            return named
        before = self._found.pop(path, {})
        if found:
            self._found[path] = found
        return named or found != before

    def settle(self) -> None:
        """Wait until a running search of the folder has finished."""
        if self._folder:
            self._folder.settle()


class _Folder:
    """New and changed files in a folder.

    The folder may be large, and callers must not wait. So only the first search runs in the calling
    thread; later ones run in the background, and the next call returns their results.
    """

    def __init__(
        self, path: Path, states: Mapping[Path, _State | None], clock: Callable[[], float]
    ) -> None:
        """`states` holds the state in which each file was last read."""
        self._path = path
        self._states = states
        self._clock = clock
        self._looked: float | None = None
        self._thread: threading.Thread | None = None
        self._changed: list[Path] = []

    def changed(self) -> list[Path]:
        """Return the files that are new or changed and have not been returned before."""
        if self._thread and self._thread.is_alive():
            return []
        now = self._clock()
        if self._looked is None:
            self._look()
        changed, self._changed = self._changed, []
        if self._looked is not None and now - self._looked < AGAIN:
            return changed
        if self._looked is not None:
            self._thread = threading.Thread(target=self._look, name="known files", daemon=True)
            self._thread.start()
        self._looked = now
        return changed

    def settle(self) -> None:
        if self._thread:
            self._thread.join()

    def _look(self) -> None:
        self._changed = [
            path
            for path in islice(files_under(self._path), MOST_FILES)
            if _state(path) != self._states.get(path, _NEVER)
        ]


def _state(path: Path) -> _State | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
