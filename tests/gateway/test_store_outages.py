"""Stores that are down, slow or empty: no needless waiting; what was learnt is written later."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from addon.kit import SCOPE, random_text
from gateway.sharing import NAMER, VALUE, Worker, redis_store
from harness.programs import RedisServer, free_port
from secretgate.ledger import Ledger
from secretgate.stores import Learn, Mark, NoStore, Pulled, Unreachable, Write
from secretgate.stores.line import Line, Wait, waiting


class Emptied(NoStore):
    """A store that has lost all its data at the next request."""

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


def test_a_worker_that_has_swept_goes_on_as_before() -> None:
    store = Emptied()
    with waiting(Wait.NEEDED):
        one = Worker(store)
        one.vault.learn(SCOPE, {VALUE: "rule"})
        one.vault.sweep()
        one.vault.learn(SCOPE, {VALUE: "rule", VALUE[::-1]: "rule"})
        one.vault.refresh(SCOPE)
        one.line.close()
    assert [len(each.entries) for each in store.learnt] == [1, 1]
    assert VALUE in one.vault.known(SCOPE)
    assert VALUE[::-1] in one.vault.known(SCOPE)


def test_a_server_that_lost_everything_is_told_again(redis_program: str, tmp_path: Path) -> None:
    server = RedisServer(redis_program, tmp_path, durable=False)
    server.start()
    one, two = Worker(redis_store(server.url)), Worker(redis_store(server.url))
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
    password = random_text("password", 12)
    worker = Worker(redis_store(f"redis://user:{password}@127.0.0.1:{free_port()}/0"))
    with waiting(Wait.NEEDED), pytest.raises(Unreachable) as told:
        worker.vault.refresh(SCOPE)
    assert password not in str(told.value)
    with waiting(Wait.NEEDED), pytest.raises(Unreachable):
        worker.vault.learn(SCOPE, {VALUE: "rule"})
    with waiting(Wait.GLADLY):
        worker.vault.refresh(SCOPE)
        assert VALUE in worker.vault.learn(SCOPE, {VALUE: "rule"})
        assert worker.ledger.name(VALUE, "first") == "first"
        assert worker.ledger.name(VALUE, "second") == "first"
    assert len(worker.told) == 1
    assert password not in worker.told[0]


def test_a_name_given_without_the_server_is_everybodys_afterwards(
    redis_server: RedisServer,
) -> None:
    one, two = Worker(redis_store(redis_server.url)), Worker(redis_store(redis_server.url))
    assert one.ledger.name(VALUE, "first") == "first"
    with waiting(Wait.NEEDED):
        one.ledger.look_up(SCOPE, {VALUE: "later"}, [])
        assert two.ledger.name(VALUE, "second") == "first"


def test_a_server_that_does_not_answer_costs_its_time_once(redis_server: RedisServer) -> None:
    worker = Worker(redis_store(redis_server.url, timeout=0.2))
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
    assert worker.told == [worker.told[0], "the shared vault is reachable again"]


class Slow(NoStore):
    """A store that does not answer before it is allowed to."""

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
    one, two = Worker(redis_store(redis_server.url)), Worker(redis_store(redis_server.url))
    redis_server.stop()
    one.line = Line(redis_store(redis_server.url), one.told.append)
    one.ledger = Ledger(one.line, NAMER.digest)
    one.ledger.note_written(SCOPE, [VALUE])
    redis_server.start()
    one.line.close()
    with waiting(Wait.NEEDED):
        assert not two.ledger.written(SCOPE, [b"another"])
        two.ledger.look_up(SCOPE, {}, [VALUE])
    assert two.ledger.written(SCOPE, [VALUE])


class Faulty(NoStore):
    """A store that fails once, with an unexpected exception."""

    remote = True

    def __init__(self) -> None:
        self.written: list[Write] = []
        self.failed = threading.Event()

    def write(self, writes: Sequence[Write]) -> None:
        if not self.failed.is_set():
            self.failed.set()
            raise RuntimeError(f"could not write {VALUE!r}")
        self.written += writes


async def test_a_fault_while_writing_costs_what_was_written_and_nothing_else() -> None:
    """The writing thread goes on, nobody waits in vain, and the failed record is not quoted."""
    said: list[str] = []
    store = Faulty()
    line = Line(store, said.append)
    line.write([Learn(b"place", ((b"digest", b"sealed"),))])
    assert await asyncio.to_thread(store.failed.wait, 10)
    await asyncio.wait_for(line.settled(30), 10)
    line.write([Learn(b"another", ((b"digest", b"sealed"),))])
    await asyncio.wait_for(line.settled(30), 10)
    line.close()
    assert [each.place for each in store.written if isinstance(each, Learn)] == [b"another"]
    assert len(said) == 1
    assert "RuntimeError" in said[0]
    assert VALUE.decode() not in said[0]
