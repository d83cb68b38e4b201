"""Which texts an event ends: those of an item, those with certain identifying members, or all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from secretgate.inbound.event_reader import Event, Identity, as_key, ends_all
from secretgate.providers import Dialect, Piece


class Ending(NamedTuple):
    """The texts that an event ends: `in` tells whether a text is among them."""

    members: Mapping[str, Any] | None = None
    """Values of identifying members: a text without such a member is among them too."""
    items: Sequence[Identity] = ()
    """The beginnings of identities."""

    def __contains__(self, identity: object) -> bool:
        if not isinstance(identity, tuple):
            return False
        if self.members is None:
            return any(identity[: len(item)] == item for item in self.items)
        own = dict(identity[0]) if self.members else {}
        return all(own.get(name) in (None, value) for name, value in self.members.items())


EVERYTHING = Ending({})


def ending(event: Event, dialect: Dialect) -> Ending:
    """Return the texts that an event ends."""
    names = dialect.closing.get(event.kind)
    if names is not None:
        here = event.head
        return Ending({n: as_key(here[n]) for n in (*names, *dialect.lanes) if n in here})
    if ends_all(event, dialect):
        return EVERYTHING
    return Ending(
        items=[item_of(leaf.identity) for leaf in event.leaves if leaf.piece is Piece.CLOSE]
    )


def item_of(identity: Identity) -> Identity:
    """Return the prefix of an identity that names the outermost array item."""
    for at, step in enumerate(identity[1:], 1):
        if not isinstance(step, str):
            return identity[: at + 1]
    return identity[:1]
