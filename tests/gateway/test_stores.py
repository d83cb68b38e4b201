"""The stores behind vault and ledger: what one worker learns, all others know, and nobody else."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from addon.kit import KEY, SCOPE, random_text
from gateway.sharing import ISSUED, NAMER, VALUE, Worker, redis_store
from harness.programs import RedisServer
from secretgate.placeholders import Issued, Template
from secretgate.policy.called import CalledTools
from secretgate.stores import Learn, Link, NoStore, Store
from secretgate.stores.line import Wait, waiting
from secretgate.stores.sealing import Sealer
from secretgate.stores.sqlite import SQLiteStore

OTHERS = [
    SCOPE._replace(client="another user"),
    SCOPE._replace(provider="openai"),
    SCOPE._replace(account=b"another account"),
]
Start = Callable[..., Worker]


@pytest.fixture(params=["sqlite", "redis"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """A function that starts workers on one store."""
    workers: list[Worker] = []
    tmp_path.chmod(0o700)
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url

        def store() -> Store:
            return redis_store(url)
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


def test_what_one_learns_the_others_know(start: Start) -> None:
    one, two = start(), start()
    one.vault.learn(SCOPE, {VALUE: "rule"})
    assert VALUE not in two.vault.known(SCOPE)
    two.vault.refresh(SCOPE)
    assert VALUE in two.vault.known(SCOPE)
    (finding,) = two.vault.known(SCOPE).find(b"x " + VALUE)
    assert finding.rule == "rule"


def test_what_one_notes_the_others_read(start: Start) -> None:
    one, two = start(), start()
    one.vault.note(SCOPE, "tool of call_1", "bash")
    one.vault.learn(SCOPE, {VALUE: "rule"})
    asked = ["tool of call_1", "tool of call_2"]
    assert two.vault.noted(SCOPE, asked) == {"tool of call_1": "bash"}
    assert VALUE in two.vault.known(SCOPE)
    for other in OTHERS:
        assert two.vault.noted(other, asked) == {}
    assert two.vault.chain(SCOPE, "tool of call_1") is None
    one.vault.note(OTHERS[0], "tool of call_1", "another")
    three = start()
    assert three.vault.noted(SCOPE, asked) == {"tool of call_1": "bash"}
    assert three.vault.noted(OTHERS[0], asked) == {"tool of call_1": "another"}
    for worker in (one, two, three):
        worker.line.close()
    assert two.vault.noted(SCOPE, asked[:1]) == {"tool of call_1": "bash"}


def test_a_rule_about_results_knows_the_tools_that_other_workers_saw_being_called(
    start: Start,
) -> None:
    call = {"item": {"type": "function_call", "call_id": "call_1", "name": "bash"}}
    CalledTools(start().vault).see(SCOPE, "openai-responses", call)
    assert CalledTools(start().vault).names(SCOPE, ["call_1"]) == {"call_1": "bash"}


def test_a_note_expires(start: Start) -> None:
    one = start(lifetime=60.0)
    one.vault._local._clock = one.clock
    one.vault.note(SCOPE, "tool of call_1", "bash")
    one.clock.now += 61
    one.vault.sweep()
    assert not one.vault._local._notes


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
    assert not two.ledger.written(other, [VALUE])  # type: ignore[arg-type]


def test_a_conversation_goes_on_elsewhere(start: Start) -> None:
    one, two = start(), start()
    one.vault.link(SCOPE, "resp_1", ISSUED)
    two.vault.refresh(SCOPE, ["resp_2", "resp_1"])
    found = two.vault.chain(SCOPE, "resp_1")
    assert found is not None
    assert (found.values, found.aliases) == (ISSUED.values, ISSUED.aliases)
    assert two.vault.chain(SCOPE, "resp_2") is None


def test_what_may_not_be_restored_may_not_be_elsewhere(start: Start) -> None:
    """If a rule forbids restoring a placeholder, it does so for all workers, with any ids."""
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
    assert two.ledger.written(SCOPE, [VALUE])
    assert not two.ledger.written(SCOPE, [b"a value it did not write"])


def test_many_are_asked_about_at_once(start: Start) -> None:
    one, two = start(), start()
    values = [random_text(each, 20).encode() for each in range(1200)]
    one.ledger.note_written(SCOPE, values[::2])
    names = one.ledger.names({value: f"rule {at % 3}" for at, value in enumerate(values)})
    two.ledger.look_up(SCOPE, dict.fromkeys(values, "another"), values)
    assert two.ledger.written(SCOPE, values) == {*values[::2]}
    assert two.ledger.names(dict.fromkeys(values, "another")) == names
    assert {*names.values()} == {"rule 0", "rule 1", "rule 2"}


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


def test_a_file_forgets_what_is_past_its_time_while_it_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy runs for months."""
    tmp_path.chmod(0o700)
    path = tmp_path / "store.sqlite3"
    store = SQLiteStore(path, 3600, pytest.fail)
    now = time.time()
    for later in (0, 2000, 4000):
        monkeypatch.setattr("secretgate.stores.sqlite.time.time", lambda at=now + later: at)
        store.write([Learn(b"scope", [b"entry %d" % later]), Link(b"link %d" % later, b"blob")])
    with contextlib.closing(sqlite3.connect(path)) as db:
        entries = {row[0] for row in db.execute("SELECT entry FROM known")}
        links = {row[0] for row in db.execute("SELECT link FROM chains")}
    store.close()
    assert entries == {b"entry 2000", b"entry 4000"}
    assert links == {b"link 2000", b"link 4000"}


def test_no_store_holds_a_value_in_clear(tmp_path: Path, redis_server: RedisServer) -> None:
    tmp_path.chmod(0o700)
    with waiting(Wait.NEEDED):
        for store in (
            SQLiteStore(tmp_path / "s.sqlite3", 60, pytest.fail),
            redis_store(redis_server.url),
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

    worker = Worker(redis_store(redis_server.url))
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
