"""What is remembered is bounded in number and in time: values, chains, names, counters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from addon.kit import SCOPE, Bench, token
from secretgate.counters import Counters
from secretgate.ledger import Ledger
from secretgate.outbound.egress import Egress
from secretgate.outbound.requests import Decision, Verdict
from secretgate.vault import MemoryVault


def test_the_vault_is_bounded() -> None:
    vault = MemoryVault(60, most_values=50, most_chains=50, most_scopes=50)
    bench = Bench()
    for number in range(500):
        scope = SCOPE._replace(account=b"%d" % number)
        vault.learn(scope, {b"value-%d" % number: "rule"})
        vault.link(scope, f"link-{number}", bench.redact(b'"x"').issued)
    assert repr(vault) == "<MemoryVault 50 scopes, 50 chains>"
    vault.learn(SCOPE, {b"value-%d" % number: "rule" for number in range(500)})
    assert len(vault.known(SCOPE)) == 44
    for number in range(500, 1000):
        vault.learn(SCOPE, {b"value-%d" % number: "rule"})
        assert 44 <= len(vault.known(SCOPE)) <= 50


def test_a_value_is_forgotten_after_its_time_also_where_nobody_asks_again() -> None:
    now = [0.0]
    vault = MemoryVault(60, clock=lambda: now[0])
    issued = Bench().redact(b'"x"').issued
    for number in range(10):
        vault.learn(SCOPE._replace(account=b"%d" % number), {b"value-%d" % number: "rule"})
        vault.link(SCOPE, f"link-{number}", issued)
    now[0] = 61.0
    vault.sweep()
    assert repr(vault) == "<MemoryVault 0 scopes, 0 chains>"


@pytest.mark.parametrize("jump", [-1e9, -3600, 3600, 1e9])
def test_jumps_of_the_clock(jump: float) -> None:
    now = [1e9]
    vault = MemoryVault(60, clock=lambda: now[0])
    vault.learn(SCOPE, {b"first-value": "rule"})
    now[0] += jump
    vault.learn(SCOPE, {b"second-value": "rule"})
    assert b"second-value" in vault.known(SCOPE)
    now[0] += 30
    assert b"second-value" in vault.known(SCOPE)


@pytest.mark.thorough
def test_counters_do_not_grow_with_what_others_send() -> None:
    bench = Bench()
    counters = Counters()
    for number in range(200):
        text = json.dumps([token((number, each)) for each in range(5)]).encode()
        found = bench.redact(text)
        decision = Decision(Verdict.REDACTED, found.issued, spots=tuple(found.spots))
        counters.request(f"provider-{number}", decision)
    assert len(counters.recent) <= 50
    assert len(json.dumps(counters.numbers())) < 100_000


@pytest.mark.thorough
def test_the_ledger_survives_a_flood(tmp_path: Path) -> None:
    bench = Bench()
    ledger = Ledger(None, bench.namer.digest)
    ledger.note_written(SCOPE, (b"written-%d" % number for number in range(250_000)))
    assert len(ledger._written) <= 200_000


def test_the_check_of_outgoing_bytes_forgets_values_also_where_nobody_asks_again() -> None:
    now = [0.0]
    egress = Egress(clock=lambda: now[0])
    value = token("checked").encode()
    assert egress.leaks(b"it is " + value, {b"name": value}) == [b"name"]
    now[0] = 59.0
    egress.sweep(60)
    assert len(egress._searches) == len(egress._alive) == 1
    now[0] = 61.0
    egress.sweep(60)
    assert len(egress._searches) == len(egress._alive) == 0
