"""Hyperscan databases of patterns, and searches for many fixed strings.

Compiling takes seconds, so a database is serialised to the user's cache
folder, named by the digest of its input; an unreadable file is rebuilt. Hyperscan needs a scratch
space per thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import platform
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final, NamedTuple

import hyperscan as hs

from . import cache
from .keys import Keys

CASELESS: Final = hs.HS_FLAG_CASELESS

_ALWAYS = hs.HS_FLAG_MULTILINE | hs.HS_FLAG_ALLOWEMPTY

EVERY: Final = sys.maxsize
"""A limit that is never reached."""
_MANY: Final = 100
"""A number of expressions that takes long to compile."""


class TooMany(Exception):
    """The texts have more places to examine than the caller allows."""


class Expression(NamedTuple):
    """A pattern and its Hyperscan flags."""

    pattern: str
    flags: int = 0


class Database:
    """Patterns compiled together; `scan` is thread-safe."""

    def __init__(self, expressions: Sequence[Expression], keep: bool = True) -> None:
        self._size = len(expressions)
        self._local = threading.local()
        digest = hashlib.sha256(repr((_version(), list(expressions))).encode()).hexdigest()
        name = f"patterns-{digest[:32]}.hs"
        stored = cache.read(name) if keep else None
        database = _load(stored) if stored else None
        if database is None:
            if keep and len(expressions) > _MANY:
                cache.announce()
            database = compile_all(expressions)
            if keep:
                cache.write(name, hs.dumpb(database))
                _give_back()
        self._database = database

    def scan(self, text: bytes, most: int = EVERY) -> list[tuple[int, int]]:
        """Return `(index of the expression, end offset)` of every match, ordered by end offset.

        Raises `TooMany` as soon as there are more than `most` of them.
        """
        if not self._size:
            return []
        found: list[tuple[int, int]] = []
        add = found.append

        def on_match(index: int, _start: int, end: int, _flags: int, _context: Any) -> bool:
            add((index, end))
            return len(found) > most

        try:
            self._database.scan(text, match_event_handler=on_match, scratch=self._scratch())
        except hs.error:
            if len(found) > most:
                raise TooMany from None
            raise
        return found

    def scan_halves(self, text: bytes, middle: int) -> list[tuple[int, int]]:
        """Return the same as `scan` does if no match spans `middle`; uses two cores.

        Hyperscan releases the GIL.
        """
        with ThreadPoolExecutor(1, "scan") as other:
            later = other.submit(self.scan, text[middle:])
            found = self.scan(text[:middle])
            found += [(index, end + middle) for index, end in later.result()]
        return found

    def _scratch(self) -> Any:
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hs.Scratch(self._database)
        return scratch


_COMPILING: Final = 37e-6
"""Seconds that Hyperscan takes to compile one string."""
_SCANNING: Final = 0.2e-9
"""Seconds that Hyperscan takes per byte of text."""
_COMPILER: Final = threading.Lock()
_KEY: Final = 8
_VARIED: Final = 4


class FixedStrings:
    """A search for thousands of fixed strings; `scan` is thread-safe.

    Hyperscan scans many strings several times as fast as `Keys`, but takes many times as long to
    compile. So searches start with `Keys`, which identify strings by their last few bytes.
    Hyperscan is compiled once the text scanned so far would have made up for it: in a background
    thread, for which nobody waits.
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        # Tuples of these, unlike lists, are not visited by the garbage collector again and again.
        self._texts = tuple(texts)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._read = 0
        # Hyperscan literals end at a NUL byte.
        self._stays = b"\0" in b"".join(texts)
        self._keys: Keys | None = None
        self._last: tuple[int, ...] = ()
        """For each key, the index of the last text that ends with it."""
        self._before: tuple[int, ...] = ()
        """For each text, the index of the one before it with the same key, or -1."""
        self._database: Any = None

    def prepare(self) -> None:
        """Build the search, and start compiling for Hyperscan if that can ever pay."""
        with self._lock:
            if self._database is None and self._built().cost > _SCANNING:
                self._compile_aside()

    def scan(self, text: bytes) -> list[tuple[int, int]]:
        """Return `(index of the string, start offset)` of every occurrence."""
        with self._lock:
            database: Any = self._database
            if database is None:
                keys = self._built()
                self._read += len(text)
                if self._read * (keys.cost - _SCANNING) > len(self._texts) * _COMPILING:
                    self._compile_aside()
        if database is None:
            return self._matches(keys, text)
        found: list[tuple[int, int]] = []

        def on_match(index: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            found.append((index, end - len(self._texts[index])))

        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hs.Scratch(database)
        database.scan(text, match_event_handler=on_match, scratch=scratch)
        return found

    def _built(self) -> Keys:
        """Return the keys; the lock must be held."""
        if self._keys is None:
            last: dict[bytes, int] = {}
            before: list[int] = []
            for index, text in enumerate(self._texts):
                key = text[-_KEY:]
                if len({*key}) < _VARIED:
                    # It would match far too often, as in a line of dashes.
                    key = text
                before.append(last.get(key, -1))
                last[key] = index
            self._last, self._before = tuple(last.values()), tuple(before)
            self._keys = Keys(tuple(last))
        return self._keys

    def _matches(self, keys: Keys, text: bytes) -> list[tuple[int, int]]:
        texts, last, before = self._texts, self._last, self._before
        found: list[tuple[int, int]] = []
        for key, _, end in keys.find(text):
            index = last[key]
            while index >= 0:
                start = end - len(texts[index])
                if start >= 0 and text.startswith(texts[index], start):
                    found.append((index, start))
                index = before[index]
        return found

    def _compile_aside(self) -> None:
        """Compile for Hyperscan in a background thread; the lock must be held."""
        if not self._stays:
            self._stays = True
            threading.Thread(target=self._take_over, name="literals", daemon=True).start()

    def _take_over(self) -> None:
        with _COMPILER, contextlib.suppress(hs.error):
            database = self._compiled()
            with self._lock:
                self._database, self._keys = database, None
            _give_back()

    def _compiled(self) -> Any:
        database = hs.Database(mode=hs.HS_MODE_BLOCK)
        count = len(self._texts)
        database.compile(
            expressions=list(self._texts),
            ids=list(range(count)),
            elements=count,
            flags=[0] * count,
            literal=True,
        )
        return database


def _give_back() -> None:
    """Return freed memory to the system: compiling leaves 50 MB. Only glibc can be asked to."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def compile_all(expressions: Sequence[Expression]) -> Any:
    """Return the compiled database; expressions that Hyperscan cannot match exactly are prefilters.

    Raises `ValueError` if Hyperscan rejects an expression even as a prefilter.
    """
    database = hs.Database(mode=hs.HS_MODE_BLOCK)
    if not expressions:
        return database
    flags = [expression.flags | _ALWAYS for expression in expressions]
    sources = [expression.pattern.encode() for expression in expressions]
    try:
        _compile(database, sources, flags)
    except hs.error:
        for index in range(len(sources)):
            flags[index] = supported(expressions[index])
        _compile(database, sources, flags)
    return database


def _compile(database: Any, sources: list[bytes], flags: list[int]) -> None:
    database.compile(
        expressions=sources, ids=list(range(len(sources))), elements=len(sources), flags=flags
    )


def supported(expression: Expression) -> int:
    """Return the flags with which Hyperscan accepts a pattern; raise `ValueError` if none."""
    reason = ""
    for extra in (0, hs.HS_FLAG_PREFILTER):
        flags = expression.flags | _ALWAYS | extra
        try:
            _compile(hs.Database(mode=hs.HS_MODE_BLOCK), [expression.pattern.encode()], [flags])
        except hs.error as error:
            reason = str(error)
        else:
            return int(flags)
    raise ValueError(f"Hyperscan does not accept the pattern: {reason}")


@lru_cache(maxsize=1)
def misses() -> bool:
    """Return whether the installed Hyperscan misses matches, as Vectorscan 5.4.12 inside it does.

    It passes over bytes before a match: https://github.com/VectorCamp/vectorscan/issues/358.
    """
    return not Database([Expression(r"\)\s{0,40}values")], keep=False).scan(b"." * 40 + b") values")


def _load(stored: bytes) -> Any:
    try:
        return hs.loadb(stored, hs.HS_MODE_BLOCK)
    except (hs.error, ValueError, TypeError):
        return None


def _version() -> str:
    return f"{vars(hs)['__version__']} {platform.machine()} {platform.system()}"
