"""The vault: which secrets are known for whom, and which conversation may have them restored.

It answers two questions. *Which values are secret here?* For a client, provider and account, every
value found before is secret wherever it occurs. *Which placeholders may this answer restore?* Those
of its own request, and, if the provider keeps the conversation, those of the chain of requests
before it. Beside that, it keeps short notes, such as which tool a call in an answer was for. Entries
are bounded in number and expire.
`MemoryVault` is all that one machine needs; `stores/shared_vault.py` adds a store.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from secretgate.placeholders import Issued
from secretgate_rules import Literals

T = TypeVar("T")


class Scope(NamedTuple):
    """Identifies whose secrets they are: they are shared within a scope and never across."""

    client: str
    provider: str
    account: bytes
    """A keyed digest of what identifies the account in the request."""


class Vault(Protocol):
    """The interface of all vaults."""

    def refresh(self, scope: Scope, links: Sequence[str] = ()) -> None:
        """Fetch what other workers have learned in a scope, and the chains of `links`."""

    def known(self, scope: Scope) -> Literals:
        """Return the values that are secret in a scope."""

    def learn(self, scope: Scope, values: Mapping[bytes, str], share: bool = True) -> Literals:
        """Add values, each with the rule that found it, and return what is known then.

        Without `share` they stay with this worker, because others get them from elsewhere.
        """

    def chain(self, scope: Scope, link: str) -> Issued | None:
        """Return what was issued in the conversation that a provider's id identifies."""

    def link(self, scope: Scope, link: str, issued: Issued) -> None:
        """Record what was issued in a conversation, besides what is recorded already."""

    def note(self, scope: Scope, name: str, text: str) -> None:
        """Remember a short text, such as which tool a call in an answer is for."""

    def noted(self, scope: Scope, names: Sequence[str]) -> dict[str, str]:
        """Return the texts that are remembered under these names."""

    def sweep(self) -> None:
        """Remove expired entries, including those that are no longer requested."""


class IssuedMeanwhile:
    """What has been issued for an answer to which other requests may still add."""

    def __init__(self, vault: Vault, scope: Scope, links: Sequence[str], issued: Issued) -> None:
        """`links`: the ids of what the answer is about, such as a session."""
        self._vault = vault
        self._scope = scope
        self._seen: dict[str, Issued | None] = dict.fromkeys(links)
        self._issued = issued

    @property
    def issued(self) -> Issued:
        for link, seen in self._seen.items():
            now = self._vault.chain(self._scope, link)
            if now is not None and now is not seen:
                self._seen[link] = now
                self._issued = self._issued.joined(now.afresh())
        return self._issued


class _Known:
    __slots__ = ("literals", "seen")

    def __init__(self) -> None:
        self.literals = Literals({})
        self.seen: OrderedDict[bytes, tuple[str, float]] = OrderedDict()


class MemoryVault:
    """A vault in memory. `lifetime`: seconds a value or a chain is kept after its last use."""

    def __init__(
        self,
        lifetime: float = 24 * 3600,
        most_values: int = 10_000,
        most_chains: int = 10_000,
        most_scopes: int = 1_000,
        most_notes: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lifetime = lifetime
        self._most_values = most_values
        self._most_chains = most_chains
        self._most_scopes = most_scopes
        self._most_notes = most_notes
        self._clock = clock
        self._lock = threading.Lock()
        self._scopes: OrderedDict[Scope, _Known] = OrderedDict()
        self._chains: OrderedDict[tuple[Scope, str], tuple[Issued, float]] = OrderedDict()
        self._notes: OrderedDict[tuple[Scope, str], tuple[str, float]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<MemoryVault {len(self._scopes)} scopes, {len(self._chains)} chains>"

    def refresh(self, scope: Scope, links: Sequence[str] = ()) -> None:
        return None

    def known(self, scope: Scope) -> Literals:
        with self._lock:
            return self._of(scope, self._clock()).literals

    def learn(self, scope: Scope, values: Mapping[bytes, str], share: bool = True) -> Literals:
        now = self._clock()
        with self._lock:
            known = self._of(scope, now)
            fresh = {value: rule for value, rule in values.items() if value not in known.seen}
            for value, rule in values.items():
                known.seen[value] = (known.seen.get(value, (rule, now))[0], now)
                known.seen.move_to_end(value)
            if len(known.seen) > self._most_values:
                # Several at once, as what is searched for has to be compiled again.
                while len(known.seen) > self._most_values - self._most_values // 8:
                    known.seen.popitem(last=False)
                known.literals = Literals({value: rule for value, (rule, _) in known.seen.items()})
            elif fresh:
                known.literals = known.literals.with_values(fresh)
            return known.literals

    def _of(self, scope: Scope, now: float) -> _Known:
        known = self._scopes.get(scope)
        if known is None:
            known = self._scopes[scope] = _Known()
            while len(self._scopes) > self._most_scopes:
                self._scopes.popitem(last=False)
        self._scopes.move_to_end(scope)
        self._expire(known, now)
        return known

    def chain(self, scope: Scope, link: str) -> Issued | None:
        now = self._clock()
        with self._lock:
            found = self._chains.get((scope, link))
            if found is None or found[1] < now - self.lifetime:
                return None
            self._chains[scope, link] = (found[0], now)
            self._chains.move_to_end((scope, link))
            return found[0]

    def link(self, scope: Scope, link: str, issued: Issued) -> None:
        now = self._clock()
        with self._lock:
            before = self._chains.get((scope, link))
            if before is not None and not issued.covers(before[0]):
                issued = issued.joined(before[0])
            self._chains[scope, link] = (issued, now)
            self._chains.move_to_end((scope, link))
            self._trim(self._chains, self._most_chains, now)

    def note(self, scope: Scope, name: str, text: str) -> None:
        now = self._clock()
        with self._lock:
            self._notes[scope, name] = (text, now)
            self._notes.move_to_end((scope, name))
            self._trim(self._notes, self._most_notes, now)

    def noted(self, scope: Scope, names: Sequence[str]) -> dict[str, str]:
        since = self._clock() - self.lifetime
        with self._lock:
            found = ((name, self._notes.get((scope, name))) for name in names)
            return {name: each[0] for name, each in found if each and each[1] >= since}

    def sweep(self) -> None:
        now = self._clock()
        with self._lock:
            for scope, known in list(self._scopes.items()):
                self._expire(known, now)
                if not known.seen:
                    del self._scopes[scope]
            self._trim(self._chains, self._most_chains, now)
            self._trim(self._notes, self._most_notes, now)

    def _expire(self, known: _Known, now: float) -> None:
        before = len(known.seen)
        while known.seen and next(iter(known.seen.values()))[1] < now - self.lifetime:
            known.seen.popitem(last=False)
        if len(known.seen) < before:
            known.literals = Literals({value: rule for value, (rule, _) in known.seen.items()})

    def _trim(
        self, entries: OrderedDict[tuple[Scope, str], tuple[T, float]], most: int, now: float
    ) -> None:
        """Drop the entries that have expired, and the oldest ones beyond `most`."""
        while entries and (
            len(entries) > most or next(iter(entries.values()))[1] < now - self.lifetime
        ):
            entries.popitem(last=False)
