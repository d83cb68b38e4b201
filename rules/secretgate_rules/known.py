"""Values that are known to be secret because of where they are kept.

The environment and configuration files hold credentials under names that say so. Their values are
searched for exactly (`Literals`), so a secret of no recognisable form is found all the same. They
stay in memory, and a file that changes is read again.
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

from . import context, rulefile, values
from .literals import Literals
from .model import RuleError
from .names import Tier, tier
from .randomness import entropy

SHORTEST: Final = 8
"""Values shorter than this are not taken."""
LEAST_ENTROPY: Final = 2.0
"""Nor are those with less entropy, in bits a character."""
LARGEST: Final = 1 << 20
"""Files larger than this are not read."""
RULE: Final = "known-value"
AGAIN: Final = 10.0
"""Seconds after which a folder is looked through again, once somebody asks."""
MOST_FILES: Final = 5000
"""Files of a folder that are read."""
_KINDS = re.compile(r"(?:.*\.)?env(?:\..+)?|.+\.(?:json|toml|ya?ml|ini|cfg|conf|properties)")
_PASSED_BY = re.compile(
    r"\.(?!config$).*|node_modules|venv|site-packages|vendor|target|dist|build|__pycache__"
    r"|.*lock.*|.*\.(?:example|sample|template|dist)"
)
_ENV = re.compile(r"(?:.*\.)?env(?:\..+)?")


_State = tuple[int, int]
_NEVER: Final = (-1, -1)


def worth_knowing(value: str) -> bool:
    """Whether a value is long and varied enough that finding it means something."""
    raw = value.encode("utf-8", "surrogateescape")
    if len(raw) < SHORTEST or entropy(raw) < LEAST_ENTROPY:
        return False
    return not values.template(raw) and not values.dummy(raw) and not values.trivial(raw)


def says_credential(name: str) -> bool:
    """Whether a name promises a credential as its value."""
    return tier(name.encode("utf-8", "surrogateescape")) > Tier.NONE


def of_environment(
    environment: Mapping[str, str], add: Iterable[str] = (), exclude: Iterable[str] = ()
) -> dict[bytes, str]:
    """The credentials in an environment: names that say so, and those of `add` (globs)."""
    added, excluded = tuple(add), tuple(exclude)
    return _taken(
        (name, value, any(fnmatchcase(name, pattern) for pattern in added))
        for name, value in environment.items()
        if not any(fnmatchcase(name, pattern) for pattern in excluded)
    )


def of_file(path: Path, named: bool = True) -> dict[bytes, str]:
    """The credentials in a file: JSON, TOML, YAML, INI or `NAME=value` lines.

    In a file that the user did not name, a value must look like one as well.

    Raises `RuleError` naming the file where it cannot be read as what it is; never its content.
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
    """What is in a file. A repository may bring links to devices and pipes along, which have no end."""
    with open(path, encoding="utf-8", opener=_opened) as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise RuleError(f"{path}: is no file")
        text = file.read(LARGEST + 1) if facts.st_size <= LARGEST else None
    if text is None or len(text) > LARGEST:
        raise RuleError(f"{path}: larger than {LARGEST >> 10} kB, not read for known values")
    return text


def _opened(path: str, flags: int) -> int:
    """Opened without waiting for who writes to a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def files_under(folder: Path) -> Iterator[Path]:
    """Files in a folder that may hold settings; what is installed, built or generated is passed by."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _PASSED_BY.fullmatch(name))
        for name in sorted(names):
            dotenv = _ENV.fullmatch(name) and not name.endswith(
                (".example", ".sample", ".template")
            )
            if dotenv or (_KINDS.fullmatch(name) and not _PASSED_BY.fullmatch(name)):
                yield Path(place, name)


def _likely(name: str, value: str) -> bool:
    """Whether a pair of a file that nobody named is a credential: as in a text, not by its name alone."""
    level = tier(name.encode("utf-8", "surrogateescape"))
    return context.judge(level, value.encode("utf-8", "surrogateescape"), quoted=True) is not None


def _taken(triples: Iterable[tuple[str, str, bool]]) -> dict[bytes, str]:
    return {
        value.encode("utf-8", "surrogateescape"): RULE
        for name, value, sure in triples
        if (sure or says_credential(name)) and worth_knowing(value)
    }


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
    """Known values from an environment, files and what is found in a folder, up to date whenever asked for."""

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
        """What of the files named could not be read the last time, without content."""

    @property
    def literals(self) -> Literals:
        """The values as they are now. A file that changed is read again; what one held that can be
        read no longer stays known."""
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
        """The files named, those that gave something, and what is new in the folder."""
        watched = [*self._files, *(path for path in self._found if path not in self._files)]
        return [*watched, *self._folder.changed()] if self._folder else watched

    def _read(self, path: Path, state: _State | None) -> bool:
        """Take what a file holds now; whether that makes a difference."""
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
        """Waits for a look through the folder that goes on."""
        if self._folder:
            self._folder.settle()


class _Folder:
    """What is new in a folder. It may be large, and whoever asks has no time: after the first time it is looked
    through by a thread, and who asks next gets to know what that has found."""

    def __init__(
        self, path: Path, states: Mapping[Path, _State | None], clock: Callable[[], float]
    ) -> None:
        """`states`: of the files that have been read."""
        self._path = path
        self._states = states
        self._clock = clock
        self._looked: float | None = None
        self._thread: threading.Thread | None = None
        self._changed: list[Path] = []

    def changed(self) -> list[Path]:
        """Files to be read that nobody has been told of."""
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
