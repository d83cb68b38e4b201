"""What workers share: the values, chains, names and digests that outlive a request and a process.

A store holds bytes that say nothing to whoever reads it: keyed digests, and values sealed under the
installation's key (`sealing.py`). Four calls, each one round trip however much is asked; the vault
and the ledger keep what they have seen themselves and ask only for the rest. `line.py` stands
between them and a store that may be out of reach.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

WRITTEN_FOR_DAYS = 90
"""How long names and digests of what providers wrote are kept."""


class Unreachable(Exception):
    """The store does not answer; says which store, and why."""


class Learn(NamedTuple):
    """Sealed values, to be known in a place."""

    place: bytes
    entries: Sequence[bytes]


class Link(NamedTuple):
    """What was issued in a conversation, sealed."""

    key: bytes
    blob: bytes


class Wrote(NamedTuple):
    """Digests of what a provider wrote itself."""

    place: bytes
    digests: Collection[bytes]


Write = Learn | Link | Wrote


class Mark(NamedTuple):
    """How far a worker has read the values of a place."""

    first: bytes = b""
    """The oldest entry; another one means that the place was emptied, or cut."""
    read: int = 0


class Pulled(NamedTuple):
    entries: Sequence[bytes]
    """What has come since the mark; everything, where `anew`."""
    mark: Mark
    chains: Mapping[bytes, bytes]
    anew: bool = False


class Told(NamedTuple):
    names: Mapping[bytes, str]
    written: Collection[bytes]


class Store(Protocol):
    """`place` is the keyed digest of a scope. Calls are safe from any thread."""

    remote: bool
    """Whether a call may wait for a network, and raise Unreachable."""

    def pull(self, place: bytes, mark: Mark, links: Sequence[bytes]) -> Pulled:
        """The values of a place since `mark`, and the chains that are there of those asked for."""

    def ask(self, place: bytes, names: Mapping[bytes, str], digests: Sequence[bytes]) -> Told:
        """The name of each digest in `names`, the given one where it has none yet; and which of
        `digests` the provider wrote."""

    def write(self, writes: Sequence[Write]) -> None: ...

    def close(self) -> None: ...


class NoStore:
    """Nothing is shared and nothing outlives the process."""

    remote = False

    def pull(self, place: bytes, mark: Mark, links: Sequence[bytes]) -> Pulled:
        return Pulled((), mark, {})

    def ask(self, place: bytes, names: Mapping[bytes, str], digests: Sequence[bytes]) -> Told:
        return Told(names, ())

    def write(self, writes: Sequence[Write]) -> None:
        return None

    def close(self) -> None:
        return None
