"""The ledger: what must outlive a process so that a conversation's prefix does not change.

Keyed digests only, no values: the rule that named a secret first (it stays the name, whichever
rule finds it next), and which key-shaped values the *provider* wrote (they are no secret to it, and
redacting them in the history would change what it wrote). SQLite, shared by every worker on
the machine. Where the disk fails, the ledger goes on in memory and says so once.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from secretgate.state import private_folder
from secretgate.vault import Scope

DIGEST_BYTES = 16
_WRITTEN_FOR_DAYS = 90
_CACHE = 200_000
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS names (digest BLOB PRIMARY KEY, rule TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS written (
    scope BLOB, digest BLOB, day INTEGER NOT NULL, PRIMARY KEY (scope, digest)
) WITHOUT ROWID;
"""


class Ledger:
    """`digest` is the keyed digest of the installation; `path` None keeps all in memory."""

    def __init__(
        self,
        path: Path | None,
        digest: Callable[[bytes], bytes],
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._digest = digest
        self._warn = warn
        self._lock = threading.Lock()
        self._names: dict[bytes, str] = {}
        self._written: dict[tuple[bytes, bytes], bool] = {}
        self._db = self._open(path)

    def name(self, value: bytes, rule: str) -> str:
        """The rule that a secret is named after: the first that ever found it."""
        key = self._key(b"name", value)
        with self._lock:
            known = self._names.get(key)
            if known is None:
                self._write("INSERT OR IGNORE INTO names VALUES (?, ?)", [(key, rule)])
                rows = self._read("SELECT rule FROM names WHERE digest = ?", (key,))
                known = self._names[key] = rows[0][0] if rows else rule
                _bound(self._names)
            return known

    def note_written(self, scope: Scope, values: Iterable[bytes]) -> None:
        """The provider wrote these values itself."""
        place = self._scope(scope)
        keys = {self._key(b"written", value) for value in values}
        day = int(time.time() // 86400)
        with self._lock:
            fresh = [key for key in keys if not self._written.get((place, key))]
            if not fresh:
                return
            self._written.update({(place, key): True for key in fresh})
            _bound(self._written)
            self._write(
                "INSERT OR REPLACE INTO written VALUES (?, ?, ?)",
                [(place, key, day) for key in fresh],
            )

    def was_written(self, scope: Scope, value: bytes) -> bool:
        """Whether the provider wrote this value first."""
        entry = (self._scope(scope), self._key(b"written", value))
        with self._lock:
            known = self._written.get(entry)
            if known is None:
                query = "SELECT 1 FROM written WHERE scope = ? AND digest = ?"
                known = bool(self._read(query, entry))
                if known:
                    self._written[entry] = True
                    _bound(self._written)
            return known

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _key(self, kind: bytes, value: bytes) -> bytes:
        return self._digest(kind + b"\0" + value)[:DIGEST_BYTES]

    def _scope(self, scope: Scope) -> bytes:
        client, provider, account = scope
        return self._key(b"scope", b"\0".join((client.encode(), provider.encode(), account)))

    def _open(self, path: Path | None) -> sqlite3.Connection | None:
        if path is None:
            return None
        try:
            private_folder(path.parent)
            path.touch(mode=0o600)
            path.chmod(0o600)
            db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=2)
            db.executescript(_SCHEMA)
            oldest = int(time.time() // 86400) - _WRITTEN_FOR_DAYS
            db.execute("DELETE FROM written WHERE day < ?", (oldest,))
        except (OSError, sqlite3.Error) as error:
            self._fail(error)
            return None
        return db

    def _read(self, query: str, values: tuple[bytes, ...]) -> list[tuple[str]]:
        if self._db is None:
            return []
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._fail(error)
            return []

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if self._db is None:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._warn(
            f"the ledger cannot be used ({type(error).__name__}: {error}); names and "
            "provider-written values are kept in memory until the next start"
        )
        self._db = None


def _bound(cache: dict[Any, Any]) -> None:
    while len(cache) > _CACHE:
        del cache[next(iter(cache))]
