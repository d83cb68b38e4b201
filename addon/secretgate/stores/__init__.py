"""State shared by workers: known values, conversation chains, names and digests.

All of it outlives a request and a process. A store holds only bytes that mean nothing to whoever
reads them: keyed digests, and values sealed under the installation's key (`sealing.py`). The
interface has three calls, each of which costs one round trip however much is asked for. The vault
and the ledger cache what they have seen and ask only for the rest. `line.py` handles a store that
may be unreachable.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

WRITTEN_FOR_DAYS = 90
"""Days for which names, and digests of values the provider wrote, are kept."""


class Unreachable(Exception):
    """The store does not answer. The message names the store and the reason."""


class Learn(NamedTuple):
    """A write that adds sealed known values to a place."""

    place: bytes
    entries: Sequence[bytes]


class Link(NamedTuple):
    """A write that stores, sealed, what was issued in a conversation."""

    key: bytes
    blob: bytes


class Wrote(NamedTuple):
    """A write that records digests of values the provider wrote itself."""

    place: bytes
    digests: Collection[bytes]


Write = Learn | Link | Wrote


class Mark(NamedTuple):
    """The position up to which a worker has read the values of a place."""

    first: bytes = b""
    """The oldest entry of the place. If it differs, the place was emptied or trimmed."""
    read: int = 0


class Pulled(NamedTuple):
    """The answer to `Store.pull`."""

    entries: Sequence[bytes]
    """The entries added since the mark, or all of them if `anew`."""
    mark: Mark
    chains: Mapping[bytes, bytes]
    anew: bool = False


class Told(NamedTuple):
    """The answer to `Store.ask`."""

    names: Mapping[bytes, str]
    written: Collection[bytes]


class Store(Protocol):
    """The interface of a store. All calls are thread-safe; `place` is the keyed digest of a scope."""

    remote: bool
    """Whether calls may wait for a network. Any store may raise Unreachable."""

    def pull(self, place: bytes, mark: Mark, links: Sequence[bytes]) -> Pulled:
        """Return the values of a place since `mark`, and those of the chains asked for that exist."""

    def ask(self, place: bytes, names: Mapping[bytes, str], digests: Sequence[bytes]) -> Told:
        """Return the name of each digest in `names`, and which of `digests` the provider wrote.

        `names` maps a digest to the name it gets if it has none yet.
        """

    def write(self, writes: Sequence[Write]) -> None: ...

    def close(self) -> None: ...


class NoStore:
    """A store for a single process: shares nothing and persists nothing."""

    remote = False

    def pull(self, place: bytes, mark: Mark, links: Sequence[bytes]) -> Pulled:
        return Pulled((), mark, {})

    def ask(self, place: bytes, names: Mapping[bytes, str], digests: Sequence[bytes]) -> Told:
        return Told(names, ())

    def write(self, writes: Sequence[Write]) -> None:
        return None

    def close(self) -> None:
        return None
