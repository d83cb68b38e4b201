"""Shared by the tests of stores: workers on a common store, and values to share."""

from __future__ import annotations

from addon.kit import KEY, random_text
from secretgate.ledger import Ledger
from secretgate.placeholders import Issued, Namer, Template
from secretgate.stores import Store
from secretgate.stores.line import Line
from secretgate.stores.shared_vault import SharedVault

NAMER = Namer(Template(), KEY)
VALUE = random_text("shared", 32).encode()
ISSUED = Issued(Template(), {NAMER.name("rule", VALUE): VALUE}, {b"cmVkYWN0ZWQ=": b"b3JpZ2luYWw="})


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Worker:
    """A vault and a ledger on a store, as in one process; it may wait for the store."""

    def __init__(self, store: Store, key: bytes = KEY, lifetime: float = 3600.0) -> None:
        namer = Namer(Template(), key)
        self.told: list[str] = []
        self.line_clock = Clock()
        self.line = Line(store, self.told.append, self.line_clock)
        self.clock = Clock()
        self.vault = SharedVault(
            self.line, key, namer.digest, Template(), lifetime, clock=self.clock
        )
        self.ledger = Ledger(self.line, namer.digest)


def redis_store(url: str, timeout: float = 2.0) -> Store:
    """Return a store on a Redis server; imports the redis package only when called."""
    from secretgate.stores.redis import RedisStore

    return RedisStore(url, "test", 3600, timeout)
