"""A store in a SQLite file, shared by all workers on one machine.

A file that SQLite cannot read, or of another format, is put aside, and a new one is begun. While it
cannot be used (the disk is full, another process holds it), the vault and the ledger have only their
in-memory caches; what could not be written is, once it can be used again.
"""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from secretgate.audit.locks import locked
from secretgate.state import StateError, private_file, private_folder
from secretgate.stores import (
    WRITTEN_FOR_DAYS,
    Learn,
    Link,
    Mark,
    Pulled,
    Told,
    Unreachable,
    Write,
    Wrote,
)

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS names (digest BLOB PRIMARY KEY, rule TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS written (
    scope BLOB, digest BLOB, day INTEGER NOT NULL, PRIMARY KEY (scope, digest)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (
    number INTEGER PRIMARY KEY AUTOINCREMENT, scope BLOB NOT NULL, entry BLOB NOT NULL,
    time INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS known_scope ON known (scope, number);
CREATE TABLE IF NOT EXISTS chains (
    link BLOB PRIMARY KEY, blob BLOB NOT NULL, time INTEGER NOT NULL
) WITHOUT ROWID;
"""
_BESIDE = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite keeps next to a database."""
_UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
"""What SQLite answers when it opens a damaged file, one that is no database, and other tables."""
_SWEEP = 600.0
"""Minimum seconds between two deletions of expired rows; they happen on writes."""
_TIMEOUT = 2.0
"""Seconds to wait for another process that writes. Nothing else happens in the proxy meanwhile."""
_BRIEF = 0.05
"""The same, after it was waited for in vain."""
_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
"""Seconds before the file is opened again after a failure; the pause doubles with each failure."""
_MOST_OWED = 10_000
_NAME = "INSERT OR IGNORE INTO names (digest, rule) VALUES (?, ?)"
_NAMES = "SELECT digest, rule FROM names WHERE digest IN (...)"
_WRITTEN = "SELECT digest FROM written WHERE scope = ? AND digest IN (...)"
_BATCH = 500
Statement = tuple[str, Sequence[tuple[object, ...]]]
"""A statement, and the parameters of each time that it is executed."""
_STATEMENTS: Mapping[type, str] = {
    Wrote: "INSERT OR REPLACE INTO written (scope, digest, day) VALUES (?, ?, ?)",
    Learn: "INSERT INTO known (scope, entry, time) VALUES (?, ?, ?)",
    Link: "INSERT OR REPLACE INTO chains (link, blob, time) VALUES (?, ?, ?)",
}


class SQLiteStore:
    """A store in a SQLite file. Values and chains are kept for `lifetime` seconds."""

    remote = False

    def __init__(self, path: Path, lifetime: float, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._swept = time.time()
        self._pause, self._again, self._failing = _PAUSE, 0.0, False
        self._owed: deque[Statement] = deque(maxlen=_MOST_OWED)
        """What could not be written yet."""
        self._db: sqlite3.Connection | None = None
        try:
            self._db = _opened_or_begun(path, lifetime, warn, _TIMEOUT)
        except (OSError, sqlite3.Error) as error:
            self._fail(error)

    def pull(self, place: bytes, mark: Mark, links: Sequence[bytes]) -> Pulled:
        with self._lock:
            # Rows dated in the future were written while the clock was wrong.
            span = (time.time() - self._lifetime, time.time() + self._lifetime)
            rows = self._read(
                "SELECT number, entry FROM known WHERE scope = ? AND number > ? "
                "AND time > ? AND time < ? ORDER BY number",
                (place, mark.read, *span),
            )
            chains = {}
            for link in links:
                query = "SELECT blob FROM chains WHERE link = ? AND time > ? AND time < ?"
                for (blob,) in self._read(query, (link, *span)):
                    chains[link] = blob
            last = rows[-1][0] if rows else mark.read
            return Pulled([entry for _, entry in rows], Mark(b"", last), chains)

    def ask(self, place: bytes, names: Mapping[bytes, str], digests: Sequence[bytes]) -> Told:
        with self._lock:
            if self._database() is None:
                raise Unreachable("the ledger cannot be used")
            if names:
                self._write([(_NAME, list(names.items()))])
            known = dict(names)
            for some in _batches([*names]):
                known.update(self._read(_among(some, _NAMES), some))
            written = set[bytes]()
            for some in _batches(digests):
                rows = self._read(_among(some, _WRITTEN), (place, *some))
                written.update(digest for (digest,) in rows)
            if self._db is None:
                raise Unreachable("the ledger cannot be used")
            return Told(known, written)

    def write(self, writes: Sequence[Write]) -> None:
        now = int(time.time())
        statements = [(_STATEMENTS[type(each)], _rows(each, now)) for each in writes]
        with self._lock:
            if abs(now - self._swept) > min(_SWEEP, self._lifetime / 4):
                self._swept = now
                past = _expired(now, self._lifetime)
                statements += [(statement, [values]) for statement, values in past]
            self._write(statements)

    def close(self) -> None:
        with self._lock:
            if self._owed:
                self._again = 0.0
                self._write([])
            self._again = math.inf
            if self._db is not None:
                self._db.close()
                self._db = None

    def _database(self) -> sqlite3.Connection | None:
        """Return the database, or None while it cannot be used."""
        if self._db is None and time.monotonic() >= self._again:
            try:
                self._db = _opened_or_begun(self._path, self._lifetime, self._warn, _BRIEF)
                self._db.execute(f"PRAGMA busy_timeout = {_TIMEOUT * 1000:.0f}")
            except (OSError, sqlite3.Error, StateError) as error:
                self._fail(error)
        return self._db

    def _read(self, query: str, values: tuple[object, ...]) -> list[Any]:
        db = self._database()
        if db is None:
            return []
        try:
            return db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._fail(error)
            return []

    def _write(self, statements: Sequence[Statement]) -> None:
        self._owed.extend(statements)
        db = self._database()
        if db is None:
            return
        try:
            db.execute("BEGIN IMMEDIATE")
            for statement, rows in self._owed:
                db.executemany(statement, rows)
            db.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(error)
            return
        self._owed.clear()
        if self._failing:
            self._pause, self._failing = _PAUSE, False
            self._warn("the ledger can be used again")

    def _fail(self, error: Exception) -> None:
        if not self._failing:
            self._warn(
                f"the ledger cannot be used ({type(error).__name__}: {error}); names and "
                "provider-written values are kept in memory until it can"
            )
        self._failing = True
        self._again = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()  # rolls back
            self._db = None


def _batches(digests: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    """Yield as many digests at a time as a query may have parameters."""
    for at in range(0, len(digests), _BATCH):
        yield tuple(digests[at : at + _BATCH])


def _among(digests: Sequence[bytes], query: str) -> str:
    return query.replace("...", ",".join("?" * len(digests)))


def _rows(write: Write, now: int) -> list[tuple[object, ...]]:
    match write:
        case Wrote(place, digests):
            return [(place, digest, now // 86400) for digest in digests]
        case Learn(place, entries):
            return [(place, entry, now) for entry in entries]
        case Link(key, blob):
            return [(key, blob, now)]


def _opened_or_begun(
    path: Path, lifetime: float, warn: Callable[[str], None], timeout: float
) -> sqlite3.Connection:
    last = time.monotonic() + timeout
    try:
        while True:
            try:
                return _opened(path, lifetime, timeout)
            except sqlite3.OperationalError as error:
                # SQLite does not wait for others that open a new file at the same time.
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= last:
                    raise
                time.sleep(0.02)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _UNREADABLE:
            raise
        aside = _put_aside(path)
        warn(f"the ledger cannot be read ({error}): it is kept as {aside}, and a new one begins")
        return _opened(path, lifetime, timeout)


def _put_aside(path: Path) -> Path:
    """Rename the file, unless another worker has just done so, and return its new name."""
    aside = path.with_name(f"{path.name}.damaged")
    descriptor = private_file(path, os.O_RDWR | os.O_CREAT)
    try:
        with locked(descriptor):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                for suffix in ("", *_BESIDE):
                    with contextlib.suppress(FileNotFoundError):
                        path.with_name(path.name + suffix).replace(f"{aside}{suffix}")
    finally:
        os.close(descriptor)
    return aside


def _opened(path: Path, lifetime: float, timeout: float) -> sqlite3.Connection:
    private_folder(path.parent)
    os.close(private_file(path, os.O_RDWR | os.O_CREAT))
    for suffix in _BESIDE:
        with contextlib.suppress(FileNotFoundError):
            os.close(private_file(path.with_name(path.name + suffix), os.O_RDWR))
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=timeout)
    try:
        db.executescript(_SCHEMA)
        for statement, values in _expired(int(time.time()), lifetime):
            db.execute(statement, values)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _expired(now: int, lifetime: float) -> list[tuple[str, tuple[float, ...]]]:
    """Return the statements, with parameters, that delete expired rows."""
    span = (now - lifetime, now + lifetime)
    return [
        ("DELETE FROM written WHERE day < ?", (now // 86400 - WRITTEN_FOR_DAYS,)),
        ("DELETE FROM known WHERE time < ? OR time > ?", span),
        ("DELETE FROM chains WHERE time < ? OR time > ?", span),
    ]
