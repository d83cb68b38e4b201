"""One Hyperscan database for all patterns.

Compiling takes the better part of a second, so a database is kept, serialised, under the user's
cache folder, named by the digest of what went into it; a file that cannot be read is made again.
A scan needs a scratch of its own per thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import platform
import threading
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import hyperscan as hs
from ahocorasick_rs import BytesAhoCorasick, Implementation

from . import cache

CASELESS: Final = hs.HS_FLAG_CASELESS

_ALWAYS = hs.HS_FLAG_MULTILINE | hs.HS_FLAG_ALLOWEMPTY


class Expression(NamedTuple):
    """A pattern as Hyperscan gets it."""

    pattern: str
    flags: int = 0


class Database:
    """Patterns compiled together. `scan` is safe from any thread."""

    def __init__(self, expressions: Sequence[Expression], keep: bool = True) -> None:
        self._size = len(expressions)
        self._local = threading.local()
        digest = hashlib.sha256(repr((_version(), list(expressions))).encode()).hexdigest()
        name = f"patterns-{digest[:32]}.hs"
        stored = cache.read(name) if keep else None
        database = _load(stored) if stored else None
        if database is None:
            database = compile_all(expressions)
            if keep:
                cache.write(name, hs.dumpb(database))
        self._database = database

    def scan(self, text: bytes) -> list[tuple[int, int]]:
        """`(index of the expression, end offset)` of every match, in order of end."""
        if not self._size:
            return []
        found: list[tuple[int, int]] = []
        add = found.append

        def on_match(index: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            add((index, end))

        self._database.scan(text, match_event_handler=on_match, scratch=self._scratch())
        return found

    def _scratch(self) -> Any:
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hs.Scratch(self._database)
        return scratch


_COMPILING: Final = 37e-6
"""Seconds that Hyperscan takes to compile one more string."""
_AT_ONCE: Final = 32
"""Strings that are compiled while somebody waits."""
_COMPILER: Final = threading.Lock()
_SMALL: Final = 256
_SLOWER: Final = (1.6e-9, 6e-9)
"""Seconds that an automaton of few strings, and one of many, takes longer than Hyperscan for a byte of text."""
_KEY: Final = 8
_VARIED: Final = 4


class Literals:
    """Fixed strings, by the thousand. `scan` is safe from any thread.

    Hyperscan reads several times as fast as an Aho-Corasick automaton, and takes many times as long to prepare. So
    there is an automaton at first, which knows strings by their last few bytes. Hyperscan is prepared once there is, or
    has been, enough to read to make up for that; of many strings in a thread of its own, and nobody waits for it.
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._places: dict[bytes, list[int]] = {}
        for index, text in enumerate(texts):
            self._places.setdefault(text, []).append(index)
        self._texts = list(self._places)
        self._owners = list(self._places.values())
        self._local = threading.local()
        self._lock = threading.Lock()
        self._read = 0
        # Hyperscan's literals end at a NUL.
        self._stays = any(b"\0" in text for text in self._texts)
        self._small = len(self._texts) <= _SMALL
        self._automaton: BytesAhoCorasick | None = None
        self._ending: list[list[int]] = []
        """Of each string that the automaton knows, the numbers of the texts that end in it."""
        self._database: Any = None

    def prepare(self) -> None:
        """Makes ready for what is to be read: the automaton now, Hyperscan as soon as may be."""
        with self._lock:
            if self._automaton is None and self._database is None:
                self._automaton = self._automated()
            self._compile_aside()

    def scan(self, text: bytes) -> list[tuple[int, int]]:
        """`(index of the string, start offset)` of every occurrence."""
        with self._lock:
            if self._database is None:
                self._read += len(text)
                if self._read * _SLOWER[not self._small] > len(self._texts) * _COMPILING:
                    self._compile_aside()
                if self._database is None and self._automaton is None:
                    self._automaton = self._automated()
            automaton = self._automaton
            database: Any = self._database
        if automaton is not None:
            return self._matches(automaton, text)
        owners = self._owners
        found: list[tuple[int, int]] = []

        def on_match(index: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            start = end - len(self._texts[index])
            found.extend((owner, start) for owner in owners[index])

        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hs.Scratch(database)
        database.scan(text, match_event_handler=on_match, scratch=scratch)
        return found

    def _automated(self) -> BytesAhoCorasick:
        ending: dict[bytes, list[int]] = {}
        for number, text in enumerate(self._texts):
            key = text[-_KEY:]
            # A rule of dashes would be met at every turn.
            ending.setdefault(key if len({*key}) >= _VARIED else text, []).append(number)
        self._ending = list(ending.values())
        kind = Implementation.DFA if self._small else Implementation.ContiguousNFA
        return BytesAhoCorasick(list(ending), implementation=kind)

    def _matches(self, automaton: BytesAhoCorasick, text: bytes) -> list[tuple[int, int]]:
        texts, owners, ending = self._texts, self._owners, self._ending
        found: list[tuple[int, int]] = []
        for key, _, end in automaton.find_matches_as_indexes(text, overlapping=True):
            for number in ending[key]:
                start = end - len(texts[number])
                if start >= 0 and text.startswith(texts[number], start):
                    found.extend((owner, start) for owner in owners[number])
        return found

    def _compile_aside(self) -> None:
        """Has Hyperscan prepared; the lock is held."""
        if self._stays:
            return
        if len(self._texts) <= _AT_ONCE:
            self._database, self._automaton = self._compiled(), None
            return
        self._stays = True
        threading.Thread(target=self._take_over, name="literals", daemon=True).start()

    def _take_over(self) -> None:
        with _COMPILER, contextlib.suppress(hs.error):
            database = self._compiled()
            with self._lock:
                self._database, self._automaton = database, None

    def _compiled(self) -> Any:
        database = hs.Database(mode=hs.HS_MODE_BLOCK)
        count = len(self._texts)
        database.compile(
            expressions=self._texts,
            ids=list(range(count)),
            elements=count,
            flags=[0] * count,
            literal=True,
        )
        return database


def compile_all(expressions: Sequence[Expression]) -> Any:
    """Compile; an expression outside Hyperscan's subset goes in as a prefilter."""
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
    """The flags under which Hyperscan takes a pattern; `ValueError` with its reason if none."""
    reason = ""
    for extra in (0, hs.HS_FLAG_PREFILTER):
        flags = expression.flags | _ALWAYS | extra
        try:
            _compile(hs.Database(mode=hs.HS_MODE_BLOCK), [expression.pattern.encode()], [flags])
        except hs.error as error:
            reason = str(error)
        else:
            return int(flags)
    raise ValueError(f"Hyperscan cannot take the pattern: {reason}")


def _load(stored: bytes) -> Any:
    try:
        return hs.loadb(stored, hs.HS_MODE_BLOCK)
    except (hs.error, ValueError, TypeError):
        return None


def _version() -> str:
    return f"{vars(hs)['__version__']} {platform.machine()} {platform.system()}"
