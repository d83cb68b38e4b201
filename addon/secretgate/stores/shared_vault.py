"""The vault of several workers: an in-memory cache over a store that all of them share.

Values, and what a conversation was issued, are sealed for their scope (`stores/sealing.py`). One
round trip per request (`refresh`) fetches what other workers have learnt; a new value is in the
store before the request that contained it leaves.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from secretgate.placeholders import Issued, Template, template_of
from secretgate.stores import Learn, Link, Mark
from secretgate.stores.line import Line
from secretgate.stores.sealing import Sealer
from secretgate.vault import MemoryVault, Scope
from secretgate_rules import Literals

_KNOWN = b"known"
_CHAIN = b"chain"
_NOTE = b"note"
_KINDS = {_CHAIN: b"link\0", _NOTE: b"note\0"}
"""What the digest of a key begins with."""
_MOST_SCOPES = 20_000


class _Value(msgspec.Struct, array_like=True):
    value: bytes
    rule: str
    time: float

    def __repr__(self) -> str:
        return f"<value of {self.rule}>"


class _Chain(msgspec.Struct, array_like=True):
    values: dict[bytes, bytes]
    aliases: dict[bytes, bytes]
    limits: dict[bytes, str] = {}
    templates: list[str] = []
    """The templates of the placeholders; of chains stored without them, the one in force."""

    def __repr__(self) -> str:
        return f"<chain of {len(self.values)}>"


class _Side:
    """This worker's cache of one scope of the store."""

    def __init__(self, place: bytes, sealer: Sealer) -> None:
        self.place = place
        self.sealer = sealer
        self.mark = Mark()
        self.shared: dict[bytes, tuple[str, float]] = {}
        """Values known to be in the store, with rule and time."""


class SharedVault:
    """The vault over a shared store.

    `digest` computes the installation's keyed digest and `key` is its key; `lifetime` is as in
    MemoryVault.
    """

    def __init__(
        self,
        line: Line,
        key: bytes,
        digest: Callable[[bytes], bytes],
        template: Template,
        lifetime: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._line = line
        self._key = key
        self._digest = digest
        self._template = template
        self._lifetime = lifetime
        self._clock = clock
        self._local = MemoryVault(lifetime)
        self._lock = threading.Lock()
        self._sides: OrderedDict[Scope, _Side] = OrderedDict()

    def __repr__(self) -> str:
        return f"<SharedVault over {self._local!r}>"

    def refresh(self, scope: Scope, links: Sequence[str] = ()) -> None:
        side = self._side(scope)
        wanted = {self._key_of(side, _CHAIN, link): link for link in links}
        for key, blob in self._pulled(scope, side, list(wanted)).items():
            issued = self._issued(side, key, blob)
            if issued is not None:
                self._local.link(scope, wanted[key], issued)

    def _pulled(self, scope: Scope, side: _Side, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Learn what is new in a scope, and return what the store has under these keys."""
        pulled = self._line.pull(side.place, side.mark, keys)
        if pulled is None:
            return {}
        values = dict(self._opened(side, pulled.entries))
        with self._lock:
            lost = (
                {
                    value: rule
                    for value, (rule, at) in side.shared.items()
                    if value not in values and at > self._clock() - self._lifetime
                }
                if pulled.anew
                else {}
            )
            if pulled.anew:
                side.shared.clear()
            side.shared.update(values)
            side.mark = pulled.mark
        self._local.learn(scope, {value: rule for value, (rule, _) in values.items()})
        if lost:
            self._share(side, lost)
        return pulled.chains

    def known(self, scope: Scope) -> Literals:
        return self._local.known(scope)

    def learn(self, scope: Scope, values: Mapping[bytes, str], share: bool = True) -> Literals:
        known = self._local.learn(scope, values)
        if values and share:
            side = self._side(scope)
            soon = self._clock() - self._lifetime / 2
            with self._lock:
                fresh = {
                    value: rule
                    for value, rule in values.items()
                    if value not in side.shared or side.shared[value][1] < soon
                }
            if fresh:
                self._share(side, fresh)
        return known

    def chain(self, scope: Scope, link: str) -> Issued | None:
        return self._local.chain(scope, link)

    def link(self, scope: Scope, link: str, issued: Issued) -> None:
        self._local.link(scope, link, issued)
        side = self._side(scope)
        key = self._key_of(side, _CHAIN, link)
        texts = list(issued.template.texts)
        plain = msgspec.msgpack.encode(_Chain(issued.values, issued.aliases, issued.limits, texts))
        self._line.write([Link(key, side.sealer.seal(_CHAIN, key, plain))])

    def note(self, scope: Scope, name: str, text: str) -> None:
        self._local.note(scope, name, text)
        side = self._side(scope)
        key = self._key_of(side, _NOTE, name)
        sealed = side.sealer.seal(_NOTE, key, text.encode("utf-8", "surrogatepass"))
        self._line.write([Link(key, sealed)])

    def noted(self, scope: Scope, names: Sequence[str]) -> dict[str, str]:
        found = self._local.noted(scope, names)
        side = self._side(scope)
        wanted = {self._key_of(side, _NOTE, name): name for name in names if name not in found}
        sealed = self._pulled(scope, side, list(wanted)) if wanted else {}
        for key, blob in sealed.items():
            plain = side.sealer.opened(_NOTE, key, blob)
            if plain is not None:
                found[wanted[key]] = plain.decode("utf-8", "surrogatepass")
                self._local.note(scope, wanted[key], found[wanted[key]])
        return found

    def sweep(self) -> None:
        self._local.sweep()
        since = self._clock() - self._lifetime
        with self._lock:
            for side in self._sides.values():
                side.shared = {
                    value: told for value, told in side.shared.items() if told[1] > since
                }

    def _share(self, side: _Side, values: Mapping[bytes, str]) -> None:
        """Write values to the store; mark them as shared only if that succeeds."""
        now = self._clock()
        self._line.write(
            [
                Learn(
                    side.place,
                    [
                        side.sealer.seal(
                            _KNOWN, b"", msgspec.msgpack.encode(_Value(value, rule, now))
                        )
                        for value, rule in values.items()
                    ],
                )
            ]
        )
        with self._lock:
            side.shared.update({value: (rule, now) for value, rule in values.items()})

    def _side(self, scope: Scope) -> _Side:
        with self._lock:
            side = self._sides.get(scope)
            if side is None:
                client, provider, account = scope
                parts = (client.encode(), provider.encode(), account)
                place = self._digest(b"scope\0" + b"\0".join(parts))[:16]
                side = self._sides[scope] = _Side(place, Sealer(self._key, parts))
            self._sides.move_to_end(scope)
            while len(self._sides) > _MOST_SCOPES:
                self._sides.popitem(last=False)
            return side

    def _key_of(self, side: _Side, kind: bytes, name: str) -> bytes:
        what = _KINDS[kind] + side.place + name.encode("utf-8", "surrogatepass")
        return self._digest(what)[:16]

    def _opened(
        self, side: _Side, entries: Sequence[bytes]
    ) -> list[tuple[bytes, tuple[str, float]]]:
        """Return the entries that can be opened and have not expired, the latest of each value last.

        Entries dated in the future were learnt while a clock was wrong, and are skipped.
        """
        since = self._clock() - self._lifetime
        until = self._clock() + self._lifetime
        found = []
        for entry in entries:
            plain = side.sealer.opened(_KNOWN, b"", entry)
            if plain is not None:
                each = msgspec.msgpack.decode(plain, type=_Value)
                if since < each.time < until:
                    found.append((each.value, (each.rule, each.time)))
        return found

    def _issued(self, side: _Side, key: bytes, blob: bytes) -> Issued | None:
        plain = side.sealer.opened(_CHAIN, key, blob)
        if plain is None:
            return None
        each = msgspec.msgpack.decode(plain, type=_Chain)
        template = template_of(*each.templates) if each.templates else self._template
        return Issued(template, each.values, each.aliases, each.limits)
