"""The ledger: what has to outlive a process so that the prefix of a conversation does not change.

It holds keyed digests only, no values: which rule named a secret first (that name stays, whichever
rule finds the secret later), and which key-shaped values the *provider* wrote (they are not secret
from it, and redacting them in the history would change what it wrote). It caches what it has seen;
the store behind it is shared by all workers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from secretgate.stores import NoStore, Wrote
from secretgate.stores.line import Line
from secretgate.vault import Scope

DIGEST_BYTES = 16
_CACHE = 200_000


class Ledger:
    """The ledger. `digest` is the keyed digest function of the installation."""

    def __init__(self, line: Line | None, digest: Callable[[bytes], bytes]) -> None:
        self._line = line or Line(NoStore())
        self._digest = digest
        self._lock = threading.Lock()
        self._names: dict[bytes, str] = {}
        self._guessed: dict[bytes, str] = {}
        """Names assigned while the store could not be reached."""
        self._written: dict[tuple[bytes, bytes], bool] = {}

    def look_up(self, scope: Scope, named: Mapping[bytes, str], unknown: Iterable[bytes]) -> None:
        """Fetch at once what later calls of `names` (for `named`) and `written` will need.

        This saves round trips; a store on this machine has none.
        """
        if not self._line.remote:
            return
        place = self.place(scope)
        names = {self._key(b"name", value): rule for value, rule in named.items()}
        digests = {self._key(b"written", value) for value in unknown}
        with self._lock:
            names = {
                key: self._guessed.get(key, rule)
                for key, rule in names.items()
                if key not in self._names
            }
            digests = {key for key in digests if (place, key) not in self._written}
        if names or digests:
            self._ask(place, names, digests)

    def name(self, value: bytes, rule: str) -> str:
        """Return the rule that a secret is named after: the first that ever found it."""
        key = self._key(b"name", value)
        if key not in self._names:
            rule = self._guessed.get(key, rule)
            self._ask(b"", {key: rule}, ())
        known = self._names.get(key)
        if known is None:
            with self._lock:
                known = self._guessed.setdefault(key, rule)
                _bound(self._guessed)
        return known

    def names(self, rules: Mapping[bytes, str]) -> dict[bytes, str]:
        """Like `name` for many values, each with the rule that found it now, in a single query."""
        keys = {self._key(b"name", value): rule for value, rule in rules.items()}
        with self._lock:
            unknown = {
                key: self._guessed.get(key, rule)
                for key, rule in keys.items()
                if key not in self._names
            }
        if unknown:
            self._ask(b"", unknown, ())
        return {
            value: self._names.get(key) or self.name(value, rule)
            for (value, rule), key in zip(rules.items(), keys, strict=True)
        }

    def note_written(self, scope: Scope, values: Iterable[bytes]) -> None:
        """Record that the provider wrote these values itself."""
        place = self.place(scope)
        keys = {self._key(b"written", value) for value in values}
        with self._lock:
            fresh = [key for key in keys if not self._written.get((place, key))]
            self._written.update({(place, key): True for key in fresh})
            _bound(self._written)
        if fresh:
            self._line.write([Wrote(place, fresh)])

    def written(self, scope: Scope, values: Iterable[bytes]) -> set[bytes]:
        """Return those of the values that the provider wrote first."""
        place = self.place(scope)
        keys = {value: self._key(b"written", value) for value in values}
        written = self._written
        if not self._line.remote:
            unknown = [key for key in keys.values() if (place, key) not in written]
            if unknown:
                self._ask(place, {}, unknown)
        return {value for value, key in keys.items() if (place, key) in written}

    def place(self, scope: Scope) -> bytes:
        """Return the keyed digest of a scope."""
        client, provider, account = scope
        return self._key(b"scope", b"\0".join((client.encode(), provider.encode(), account)))

    def close(self) -> None:
        self._line.close()

    def _ask(self, place: bytes, names: Mapping[bytes, str], digests: Iterable[bytes]) -> None:
        told = self._line.ask(place, names, list(digests))
        if told is None:
            return
        with self._lock:
            self._names.update(told.names)
            for key in told.names:
                self._guessed.pop(key, None)
            self._written.update({(place, key): True for key in told.written})
            _bound(self._names)
            _bound(self._written)

    def _key(self, kind: bytes, value: bytes) -> bytes:
        return self._digest(kind + b"\0" + value)[:DIGEST_BYTES]


def _bound(cache: dict[Any, Any]) -> None:
    while len(cache) > _CACHE:
        del cache[next(iter(cache))]
