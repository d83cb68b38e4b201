"""Surveys, installs and uninstalls the CA across all trust stores.

A store that fails does not prevent the others from being processed; each result names its place.
Installing a root that is already trusted, or removing one that is absent, does nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

from secretgate_ca.files import CAError
from secretgate_ca.stores import STORES, Machine, Root, State, Store


@dataclass(frozen=True)
class Place:
    """One trust store on this machine, and whether it trusts our CA."""

    store: str
    place: str
    state: State
    detail: str = ""
    old: tuple[Root, ...] = ()
    """Roots of earlier CAs that are still trusted there."""


class Installation:
    """The current and earlier roots of one CA folder in the trust stores of one machine."""

    def __init__(
        self,
        machine: Machine,
        current: Root | None,
        old: Sequence[Root] = (),
        *,
        only: Sequence[str] = (),
        stores: Sequence[type[Store]] = STORES,
        dry: bool = False,
    ) -> None:
        known = [store.name for store in stores]
        for name in only:
            if name not in known:
                raise CAError(f"no trust store is called {name!r}; there are: {', '.join(known)}")
        self._stores = [store(machine) for store in stores if not only or store.name in only]
        self._current = current
        self._old = tuple(old)
        self._dry = dry

    def survey(self) -> Iterator[Place]:
        """Yield every place in its current state."""
        for store in self._stores:
            for place in store.places():
                yield self._look(store, place)

    def install(self, within: Container[tuple[str, str]] | None = None) -> Iterator[Place]:
        """Make the CA trusted everywhere; yield each place in its new state.

        `within` restricts this to the given (store, place) pairs. Raises CAError if there is no CA.
        """
        if self._current is None:
            raise CAError("there is no CA to install yet: secretgate-ca init")
        for store in self._stores:
            for place in store.places():
                if within is not None and (store.name, place) not in within:
                    continue
                found = self._look(store, place)
                if found.state in (State.MISSING, State.STALE):
                    found = self._do(store, place, found, (self._current,), ())
                yield found

    def uninstall(self, *, old_only: bool = False) -> Iterator[Place]:
        """Remove our roots everywhere; yield each place that had one, in its new state."""
        for store in self._stores:
            for place in store.places():
                found = self._look(store, place)
                mine = found.state is State.TRUSTED and self._current is not None and not old_only
                ours = (*found.old, *([self._current] if mine and self._current else ()))
                if ours:
                    yield self._do(store, place, found, (), ours)
                elif found.state is State.UNKNOWN:
                    yield found

    def _look(self, store: Store, place: str) -> Place:
        roots = [*([self._current] if self._current else ()), *self._old]
        try:
            trusted = store.check(place, roots)
        except (CAError, OSError) as error:
            return Place(store.name, place, State.UNKNOWN, str(error))
        old = tuple(root for root in self._old if root.sha256 in trusted)
        if self._current and self._current.sha256 in trusted:
            return Place(store.name, place, State.TRUSTED, old=old)
        return Place(store.name, place, State.STALE if old else State.MISSING, old=old)

    def _do(
        self,
        store: Store,
        place: str,
        before: Place,
        add: Sequence[Root],
        remove: Sequence[Root],
    ) -> Place:
        try:
            for root in add:
                store.install(place, root)
            for root in remove:
                store.uninstall(place, root)
        except (CAError, OSError) as error:
            return replace(before, state=State.UNKNOWN, detail=str(error))
        if self._dry:
            return before
        after = self._look(store, place)
        if add and after.state is not State.TRUSTED:
            return replace(after, detail="the store accepted the CA but does not trust it")
        left = {*after.old, *([self._current] if after.state is State.TRUSTED else ())}
        if left.intersection(remove):
            return replace(after, detail="the store still trusts the CA after its removal")
        return after
