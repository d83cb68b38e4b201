"""The stores behind vault and ledger: what one worker learns the others know, and nobody else does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from addon.kit import KEY, SCOPE, random_text
from harness.programs import RedisServer, free_port
from secretgate.ledger import Ledger
from secretgate.placeholders import Issued, Namer, Template
from secretgate.stores import Learn, Mark, NoStore, Pulled, Store, Unreachable, Write
from secretgate.stores.line import Line, Wait, waiting
from secretgate.stores.sealing import Sealer
from secretgate.stores.shared_vault import SharedVault
from secretgate.stores.sqlite import SQLiteStore

NAMER = Namer(Template(), KEY)
OTHERS = [
    SCOPE._replace(client="another user"),
    SCOPE._replace(provider="openai"),
    SCOPE._replace(account=b"another account"),
]
VALUE = random_text("shared", 32).encode()
ISSUED = Issued(Template(), {NAMER.name("rule", VALUE): VALUE}, {b"cmVkYWN0ZWQ=": b"b3JpZ2luYWw="})


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Worker:
    """A vault and a ledger over a store, as one process has them; it may wait for the store."""

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


Start = Callable[..., Worker]


@pytest.fixture(params=["sqlite", "redis"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts workers over one store."""
    workers: list[Worker] = []
    tmp_path.chmod(0o700)
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url

        def store() -> Store:
            return _redis(url)
    else:

        def store() -> Store:
            return SQLiteStore(tmp_path / "store.sqlite3", 3600, pytest.fail)

    def made(**arguments: object) -> Worker:
        workers.append(Worker(store(), **arguments))  # type: ignore[arg-type]
        return workers[-1]

    with waiting(Wait.NEEDED):
        yield made
    for worker in workers:
        worker.line.close()


def _redis(url: str, timeout: float = 2.0) -> Store:
    from secretgate.stores.redis import RedisStore

    return RedisStore(url, "test", 3600, timeout)


def test_what_one_learns_the_others_know(start: Start) -> None:
    one, two = start(), start()
    one.vault.learn(SCOPE, {VALUE: "rule"})
    assert VALUE not in two.vault.known(SCOPE)
    two.vault.refresh(SCOPE)
    assert VALUE in two.vault.known(SCOPE)
    (finding,) = two.vault.known(SCOPE).find(b"x " + VALUE)
    assert finding.rule == "rule"


def test_what_comes_later_is_read_from_where_the_last_look_ended(start: Start) -> None:
    one, two = start(), start()
    values = [random_text(each, 20).encode() for each in range(30)]
    for at, value in enumerate(values):
        one.vault.learn(SCOPE, {value: "rule"})
        if at % 7 == 0:
            two.vault.refresh(SCOPE)
    two.vault.learn(SCOPE, {VALUE: "rule"})
    for worker in (one, two):
        worker.vault.refresh(SCOPE)
        assert all(value in worker.vault.known(SCOPE) for value in [*values, VALUE])


@pytest.mark.parametrize("other", OTHERS)
def test_nobody_else_knows(start: Start, other: object) -> None:
    one, two = start(), start()
    one.vault.learn(SCOPE, {VALUE: "rule"})
    one.vault.link(SCOPE, "resp_1", ISSUED)
    one.ledger.note_written(SCOPE, [VALUE])
    two.vault.refresh(other, ["resp_1"])  # type: ignore[arg-type]
    assert VALUE not in two.vault.known(other)  # type: ignore[arg-type]
    assert two.vault.chain(other, "resp_1") is None  # type: ignore[arg-type]
    assert not two.ledger.was_written(other, VALUE)  # type: ignore[arg-type]


def test_a_conversation_goes_on_elsewhere(start: Start) -> None:
    one, two = start(), start()
    one.vault.link(SCOPE, "resp_1", ISSUED)
    two.vault.refresh(SCOPE, ["resp_2", "resp_1"])
    found = two.vault.chain(SCOPE, "resp_1")
    assert found is not None
    assert (found.values, found.aliases) == (ISSUED.values, ISSUED.aliases)
    assert two.vault.chain(SCOPE, "resp_2") is None


def test_what_may_not_be_restored_may_not_be_elsewhere(start: Start) -> None:
    """Where a rule keeps a placeholder back, it does for all workers; and ids may hold any character."""
    one, two = start(), start()
    name = NAMER.name("rule", VALUE)
    link = "resp_\ud800"
    one.vault.link(SCOPE, link, Issued(Template(), {name: VALUE}, limits={name: "never"}))
    two.vault.refresh(SCOPE, [link])
    found = two.vault.chain(SCOPE, link)
    assert found is not None
    assert found.limits == {name.lower(): "never"}
    assert not found.allowed(name, tool=False)


def test_a_conversation_goes_on_where_it_began() -> None:
    with waiting(Wait.NEEDED):
        one = Worker(NoStore())
        one.vault.link(SCOPE, "resp_1", ISSUED)
        assert one.vault.chain(SCOPE, "resp_1") is ISSUED


class Emptied(NoStore):
    """A store that has lost everything when it is next asked."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        self.learnt: list[Learn] = []
        self.anew = False

    def pull(self, place: bytes, mark: Mark, links: Sequence[bytes]) -> Pulled:
        self.marks.append(mark)
        return Pulled((), Mark(b"first", 7), {}, self.anew)

    def write(self, writes: Sequence[Write]) -> None:
        self.learnt += [each for each in writes if isinstance(each, Learn)]


def test_each_look_begins_where_the_last_one_ended() -> None:
    store = Emptied()
    with waiting(Wait.NEEDED):
        one = Worker(store)
        one.vault.refresh(SCOPE)
        one.vault.refresh(SCOPE)
        one.line.close()
    assert store.marks == [Mark(), Mark(b"first", 7)]


@pytest.mark.parametrize(("later", "told"), [(3599.0, 2), (3600.0, 1)])
def test_a_store_that_was_emptied_is_told_again_what_still_counts(later: float, told: int) -> None:
    store = Emptied()
    with waiting(Wait.NEEDED):
        one = Worker(store)
        one.vault.learn(SCOPE, {VALUE: "rule"})
        store.anew = True
        one.clock.now += later
        one.vault.refresh(SCOPE)
        one.line.close()
    assert [len(each.entries) for each in store.learnt] == [1] * told
    assert len({each.place for each in store.learnt}) == 1


def test_what_stays_with_a_worker_is_not_shared(start: Start) -> None:
    one, two = start(), start()
    assert VALUE in one.vault.learn(SCOPE, {VALUE: "rule"}, share=False)
    two.vault.refresh(SCOPE)
    assert VALUE not in two.vault.known(SCOPE)


def test_the_first_name_is_everybodys(start: Start) -> None:
    one, two = start(), start()
    assert one.ledger.name(VALUE, "first") == "first"
    two.ledger.look_up(SCOPE, {VALUE: "second"}, [])
    assert two.ledger.name(VALUE, "third") == "first"


def test_what_the_provider_wrote_is_known_to_all(start: Start) -> None:
    one, two = start(), start()
    one.ledger.note_written(SCOPE, [VALUE, b"another value of its"])
    two.ledger.look_up(SCOPE, {}, [VALUE, b"a value it did not write"])
    assert two.ledger.was_written(SCOPE, VALUE)
    assert not two.ledger.was_written(SCOPE, b"a value it did not write")


def test_workers_with_another_key_open_nothing(start: Start) -> None:
    one, two = start(), start(key=bytes(32))
    one.vault.learn(SCOPE, {VALUE: "rule"})
    one.vault.link(SCOPE, "resp_1", ISSUED)
    two.vault.refresh(SCOPE, ["resp_1"])
    assert not len(two.vault.known(SCOPE))
    assert two.vault.chain(SCOPE, "resp_1") is None


def test_a_value_in_use_is_written_again_before_its_time_is_over(start: Start) -> None:
    one, late = start(), start()
    one.vault.learn(SCOPE, {VALUE: "rule"})
    one.clock.now += 2000
    one.vault.learn(SCOPE, {VALUE: "rule"})
    late.clock.now += 4000
    late.vault.refresh(SCOPE)
    assert VALUE in late.vault.known(SCOPE)


def test_a_value_that_is_over_its_time_is_not_taken(start: Start) -> None:
    one, late = start(), start()
    one.vault.learn(SCOPE, {VALUE: "rule"})
    late.clock.now += 4000
    late.vault.refresh(SCOPE)
    assert VALUE not in late.vault.known(SCOPE)


def test_no_store_holds_a_value_in_clear(tmp_path: Path, redis_server: RedisServer) -> None:
    tmp_path.chmod(0o700)
    with waiting(Wait.NEEDED):
        for store in (
            SQLiteStore(tmp_path / "s.sqlite3", 60, pytest.fail),
            _redis(redis_server.url),
        ):
            worker = Worker(store)
            worker.vault.learn(SCOPE, {VALUE: "rule"})
            worker.vault.link(SCOPE, "resp_1", ISSUED)
            worker.ledger.name(VALUE, "rule")
            worker.ledger.note_written(SCOPE, [VALUE])
            worker.line.close()
    stored = {each.name: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}
    assert any(b"secretgate:test" in content for content in stored.values())
    for content in stored.values():
        assert VALUE not in content
        assert SCOPE.client.encode() + b"\0" not in content
        assert b"resp_1" not in content


def test_a_record_moved_elsewhere_does_not_open() -> None:
    mine, theirs = (Sealer(KEY, (each.encode(), b"p", b"a")) for each in ("me", "them"))
    sealed = mine.seal(b"chain", b"link", VALUE)
    assert mine.opened(b"chain", b"link", sealed) == VALUE
    assert theirs.opened(b"chain", b"link", sealed) is None
    assert mine.opened(b"chain", b"other", sealed) is None
    assert mine.opened(b"known", b"link", sealed) is None
    assert mine.opened(b"chain", b"link", sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert mine.opened(b"chain", b"link", b"short") is None
    assert mine.seal(b"chain", b"link", VALUE) != sealed


def test_parts_of_a_scope_cannot_be_shifted() -> None:
    sealed = Sealer(KEY, (b"ab", b"c")).seal(b"known", b"", VALUE)
    assert Sealer(KEY, (b"a", b"bc")).opened(b"known", b"", sealed) is None


def test_everything_in_redis_expires_and_is_ours(redis_server: RedisServer) -> None:
    import redis

    worker = Worker(_redis(redis_server.url))
    with waiting(Wait.NEEDED):
        worker.vault.learn(SCOPE, {VALUE: "rule"})
        worker.vault.link(SCOPE, "resp_1", ISSUED)
        worker.ledger.name(VALUE, "rule")
        worker.ledger.note_written(SCOPE, [VALUE])
    client = redis.Redis(port=redis_server.port)
    keys = client.keys("*")
    assert len(keys) == 4
    for key in keys:
        assert key.startswith(b"secretgate:test:")
        assert client.ttl(key) > 0
    worker.line.close()


def test_a_server_that_lost_everything_is_told_again(redis_program: str, tmp_path: Path) -> None:
    server = RedisServer(redis_program, tmp_path, durable=False)
    server.start()
    one, two = Worker(_redis(server.url)), Worker(_redis(server.url))
    try:
        with waiting(Wait.NEEDED):
            one.vault.learn(SCOPE, {VALUE: "rule"})
            server.stop()
            server.start()
            one.vault.refresh(SCOPE)
            two.vault.refresh(SCOPE)
        assert VALUE in two.vault.known(SCOPE)
    finally:
        server.stop()


def test_without_a_server_whoever_needs_it_is_told_and_others_go_on() -> None:
    worker = Worker(_redis(f"redis://user:of-the-test@127.0.0.1:{free_port()}/0"))
    with waiting(Wait.NEEDED), pytest.raises(Unreachable) as told:
        worker.vault.refresh(SCOPE)
    assert "of-the-test" not in str(told.value)
    with waiting(Wait.NEEDED), pytest.raises(Unreachable):
        worker.vault.learn(SCOPE, {VALUE: "rule"})
    with waiting(Wait.GLADLY):
        worker.vault.refresh(SCOPE)
        assert VALUE in worker.vault.learn(SCOPE, {VALUE: "rule"})
        assert worker.ledger.name(VALUE, "first") == "first"
        assert worker.ledger.name(VALUE, "second") == "first"
    assert len(worker.told) == 1
    assert "of-the-test" not in worker.told[0]


def test_a_name_given_without_the_server_is_everybodys_afterwards(
    redis_server: RedisServer,
) -> None:
    one, two = Worker(_redis(redis_server.url)), Worker(_redis(redis_server.url))
    assert one.ledger.name(VALUE, "first") == "first"
    with waiting(Wait.NEEDED):
        one.ledger.look_up(SCOPE, {VALUE: "later"}, [])
        assert two.ledger.name(VALUE, "second") == "first"


def test_a_server_that_does_not_answer_costs_its_time_once(redis_server: RedisServer) -> None:
    worker = Worker(_redis(redis_server.url, timeout=0.2))
    asked = 0
    pull = worker.line.store.pull

    def counted(place: bytes, mark: Mark, links: object) -> object:
        nonlocal asked
        asked += 1
        return pull(place, mark, links)  # type: ignore[arg-type]

    worker.line.store.pull = counted  # type: ignore[assignment, method-assign]
    with waiting(Wait.NEEDED):
        worker.vault.refresh(SCOPE)
        redis_server.freeze()
        for _ in range(5):
            with pytest.raises(Unreachable):
                worker.vault.refresh(SCOPE)
        assert asked == 2
        redis_server.thaw()
        worker.line_clock.now += 2
        worker.vault.refresh(SCOPE)
    assert asked == 3
    assert worker.told == [worker.told[0], "the shared vault answers again"]


class Slow(NoStore):
    """A store that waits until it may answer."""

    remote = True

    def __init__(self) -> None:
        self.may = threading.Event()
        self.writes: list[object] = []

    def write(self, writes: object) -> None:
        assert self.may.wait(10)
        self.writes += writes  # type: ignore[operator]


async def test_nothing_waits_on_the_event_loop() -> None:
    store = Slow()
    line = Line(store)
    line.write([Learn(b"place", [b"entry"])])
    assert line.pull(b"place", Mark(), ()) is None
    assert store.writes == []
    settled = asyncio.create_task(line.settled(10))
    await asyncio.sleep(0)
    assert not settled.done()
    store.may.set()
    await settled
    assert store.writes == [Learn(b"place", [b"entry"])]
    line.close()


async def test_waiting_for_the_queue_ends() -> None:
    store = Slow()
    line = Line(store)
    line.write([Learn(b"place", [b"entry"])])
    await asyncio.wait_for(line.settled(0.05), 5)
    assert store.writes == []
    store.may.set()
    line.close()


def test_what_was_queued_during_an_outage_is_written_after_it(redis_server: RedisServer) -> None:
    one, two = Worker(_redis(redis_server.url)), Worker(_redis(redis_server.url))
    redis_server.stop()
    one.line = Line(_redis(redis_server.url), one.told.append)
    one.ledger = Ledger(one.line, NAMER.digest)
    one.ledger.note_written(SCOPE, [VALUE])
    redis_server.start()
    one.line.close()
    with waiting(Wait.NEEDED):
        assert not two.ledger.was_written(SCOPE, b"another")
        two.ledger.look_up(SCOPE, {}, [VALUE])
    assert two.ledger.was_written(SCOPE, VALUE)
