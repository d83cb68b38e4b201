"""Clocks that jump while the proxy runs: a waking laptop, a resumed machine, a corrected clock.

Durations are measured by a monotonic clock; code that needs the date tolerates jumps both ways.
"""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path

import pytest

from addon.kit import KEY, SCOPE, Bench, random_text
from secretgate.audit.journal import Journal
from secretgate.audit.record import stamp
from secretgate.audit.verify import records, verify
from secretgate.ledger import Ledger
from secretgate.placeholders import Issued, Namer, Template
from secretgate.policy.rates import Rates
from secretgate.stores.line import Line
from secretgate.stores.shared_vault import SharedVault
from secretgate.stores.sqlite import SQLiteStore
from secretgate.vault import MemoryVault
from secretgate_ca import Leaves, ensure_ca

DAY = 86400.0
JUMPS = [-400 * DAY, -30 * DAY, -3600.0, 3600.0, 30 * DAY, 400 * DAY]
NAMER = Namer(Template(), KEY)


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A function that shifts the date by some seconds."""
    wrong = [0.0]
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + wrong[0])
    return wrong


@pytest.mark.parametrize("jump", [-400, -100, -3, 3, 60, 89, 100])
def test_a_leaf_is_valid_at_the_time_that_the_machine_believes_in(
    jump: int, tmp_path: Path
) -> None:
    """Within the CA's own validity, unless that is impossible."""
    now = [datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=200)]
    authority = ensure_ca(tmp_path / "ca", ["example.com"])
    leaves = Leaves(authority, now=lambda: now[0])
    leaves.leaf(["api.example.com"])
    now[0] += datetime.timedelta(days=jump)
    leaf = leaves.leaf(["api.example.com"])
    issuing = authority.issuing
    believed = min(max(now[0], issuing.not_valid_before_utc), issuing.not_valid_after_utc)
    assert leaf.not_valid_before_utc <= believed <= leaf.not_valid_after_utc
    assert leaves.leaf(["api.example.com"]) is leaf or jump == -400


@pytest.mark.parametrize("jump", JUMPS)
def test_what_is_counted_in_seconds_does_not_notice(jump: float, shift: list[float]) -> None:
    rates, vault = Rates(), MemoryVault(60)
    vault.learn(SCOPE, {b"first-value": "rule"})
    assert [rates.count("key", "1m") for _ in range(3)] == [1, 2, 3]
    shift[0] = jump
    vault.sweep()
    assert rates.count("key", "1m") == 4
    assert b"first-value" in vault.known(SCOPE)


@pytest.mark.parametrize("jump", JUMPS)
def test_the_ledger_keeps_its_names_and_what_was_written(
    jump: float, shift: list[float], tmp_path: Path
) -> None:
    path = tmp_path / "ledger" / "ledger.sqlite3"

    def ledger() -> Ledger:
        return Ledger(Line(SQLiteStore(path, 3600, pytest.fail)), NAMER.digest)

    first = ledger()
    assert first.name(b"value", "first") == "first"
    shift[0] = jump
    first.note_written(SCOPE, [b"written-by-the-provider"])
    assert first.name(b"value", "second") == "first"
    first.close()
    second = ledger()
    assert second.name(b"value", "third") == "first"
    assert second.written(SCOPE, [b"written-by-the-provider"])
    second.close()


@pytest.mark.parametrize("jump", JUMPS)
def test_a_shared_vault_learns_and_forgets_after_a_jump(
    jump: float, shift: list[float], tmp_path: Path
) -> None:
    """Whatever the date was when it was learnt, no value is kept longer than twice its lifetime."""
    path = tmp_path / "vault" / "vault.sqlite3"
    values = [random_text(number, 32).encode() for number in range(2)]

    def vault() -> SharedVault:
        line = Line(SQLiteStore(path, 3600, pytest.fail))
        return SharedVault(line, KEY, NAMER.digest, Template(), 3600, clock=time.time)

    one = vault()
    one.learn(SCOPE, {values[0]: "rule"})
    one.link(SCOPE, "link", Issued(Template(), {b"name": values[0]}))
    shift[0] = jump
    one.learn(SCOPE, {values[1]: "rule"})
    other = vault()
    other.refresh(SCOPE)
    assert values[1] in other.known(SCOPE)
    shift[0] = 0.0 if jump > 0 else 2 * 3600.0
    last = vault()
    last.refresh(SCOPE, ["link"])
    assert (values[1] in last.known(SCOPE)) == (jump == 3600.0)
    assert (last.chain(SCOPE, "link") is not None) == (jump == 3600.0)


@pytest.mark.parametrize("jump", JUMPS)
def test_records_stay_in_the_order_in_which_they_were_made(
    jump: float, shift: list[float], tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "audit", KEY)
    for number in range(6):
        shift[0] = jump if number in (2, 3) else 0.0
        told = {"time": stamp(time.time()), "event": "request", "process": number}
        journal.append([json.dumps(told).encode()])
    verdict = verify(tmp_path / "audit", KEY)
    assert (verdict.problems, verdict.records) == ([], 6)
    assert [each.process for each in records(tmp_path / "audit")] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_conversation_reads_the_same(jump: float, shift: list[float]) -> None:
    bench = Bench()
    raw = json.dumps({"messages": [{"role": "user", "content": f"tok_{'aB3d' * 6}"}]}).encode()
    before = bench.redact(raw).raw
    shift[0] = jump
    assert bench.redact(raw).raw == before
