"""Workers that die or leave, and Redis outages: what continues, what is refused, which errors."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.talking import TURNS, call, hold
from harness import scenario, sse
from harness.dialects import Style
from harness.model import agent, echo
from harness.post import MESSAGES, Poster, ask
from harness.programs import RedisServer
from harness.provider import UNCOVERED, Provider
from harness.secrets import Planted, joined, leaks
from harness.team import Balancer, Team, Worker
from harness.wire import Gate
from secretgate.demo.planted import Maker

pytestmark = pytest.mark.e2e


def test_a_worker_that_dies_takes_its_streams_along_and_nothing_else(
    balancer: Balancer, team: Team, provider: Provider, planted: Planted
) -> None:
    victim = team.workers[0]

    def between(turn: int) -> None:
        if turn == 2:
            victim.kill()

    try:
        hold(TURNS[0], balancer.access, provider, planted, between)
    finally:
        victim.start()
    balancer.wait_for("UP", "UP")


def test_a_stream_breaks_off_with_its_worker_and_the_next_turn_finds_all(
    balancer: Balancer, team: Team, provider: Provider
) -> None:
    value = Maker(33).github()
    gate = Gate(after=3)
    said = ask(MESSAGES, f"token {value}", stream=True)
    victim = team.workers[0]
    with provider.manner(script=echo, style=Style(delta=4), gate=gate):
        poster = Poster(victim.access(), provider)
        with poster.stream(MESSAGES, said) as response:
            chunks = response.iter_bytes()
            next(chunks)
            assert gate.reached.wait(10)
            victim.kill()
            with pytest.raises(httpx.TransportError):
                b"".join(chunks)
    with provider.manner(script=echo):
        got = Poster(balancer.access(), provider).post(MESSAGES, ask(MESSAGES, f"so: {value}"))
    assert value.encode() in got.content
    assert value.encode() not in got.forwarded.raw
    victim.start()
    balancer.wait_for("UP", "UP")


@pytest.fixture
def without_redis(vault: RedisServer, team: Team) -> Iterator[Callable[[], None]]:
    """A function that stops Redis; it is started again after the test."""
    stopped: list[bool] = []

    def stop() -> None:
        vault.stop()
        stopped.append(True)

    yield stop
    if stopped:
        vault.start()
        for worker in team.workers:
            wait_for_vault(worker)


def wait_for_vault(worker: Worker) -> None:
    """Wait until a worker answers requests again."""
    with worker.access().client() as client:
        for _ in range(200):
            url = f"https://{MESSAGES[0]}{MESSAGES[1]}"
            if client.post(url, content=ask(MESSAGES, "hello")).status_code == 200:
                return
            time.sleep(0.05)
    raise AssertionError(worker.output[-2000:].decode())


def test_without_redis_nothing_leaves_and_the_client_is_told_in_the_providers_shape(
    team: Team, provider: Provider, without_redis: Callable[[], None]
) -> None:
    value = Maker(34).github()
    poster = Poster(team.workers[0].access(), provider)
    without_redis()
    got = poster.post(MESSAGES, ask(MESSAGES, f"token {value}"))
    assert got.refused
    assert got.status == 503
    error = json.loads(got.content)
    assert error["type"] == "error"
    assert "vault" in error["error"]["message"]
    with provider.recording() as received, team.workers[0].access().client() as client:
        assert b"vault" in call(client, f"token {value}").content
    assert received == []
    assert value.encode() not in got.content
    status, state = team.workers[0].asked()
    assert (status, state["vault_lost"]) == (200, True)


def test_without_redis_what_needs_no_vault_goes_on(
    team: Team, provider: Provider, without_redis: Callable[[], None]
) -> None:
    """A running stream is restored to its end, models are listed, uncovered hosts are tunnelled."""
    value = Maker(35).github()
    gate = Gate(after=2)
    poster = Poster(team.workers[0].access(), provider)
    with provider.manner(script=echo, style=Style(delta=4), gate=gate):
        said = ask(MESSAGES, f"token {value}", stream=True)
        with poster.stream(MESSAGES, said) as response:
            chunks = response.iter_bytes()
            got = next(chunks)
            without_redis()
            gate.open()
            got += b"".join(chunks)
    message = sse.anthropic(sse.payloads(iter([got])))
    assert value in json.dumps(message)
    assert poster.post(("api.anthropic.com", "/v1/models"), b"", method="GET").status == 200
    with httpx.Client(
        proxy=poster.access.proxy, verify=team.workers[0].context(), trust_env=False, timeout=60
    ) as client:
        assert client.get(f"https://{UNCOVERED}/").status_code == 200


def test_a_conversation_goes_on_when_redis_is_back(
    team: Team, vault: RedisServer, provider: Provider, planted: Planted
) -> None:
    def between(turn: int) -> None:
        if turn == 2:
            vault.stop()
            refused = Poster(team.workers[1].access(), provider).post(
                MESSAGES, ask(MESSAGES, "in between")
            )
            assert refused.refused
            vault.start()
            for worker in team.workers:
                wait_for_vault(worker)

    turns = cycle(team.workers)
    make = Maker(7)
    script = agent(make.github())
    wire = TURNS[3]

    def send(body: Any) -> Any:
        with wire.transport(next(turns).access()) as transport:
            return transport(body)

    with provider.manner(script=script), provider.recording() as received:
        conversation = wire.conversation(scenario.system(planted))
        held = scenario.hold(conversation, send, planted, between)
    assert leaks(joined(each.everything for each in received), planted.secrets) == []
    dialect = provider.dialect(received[0])
    for turn in held:
        assert scenario.said(turn.items) == scenario.expected(dialect, turn.context, script)


def test_where_policy_lets_unreadable_pass_a_worker_goes_on_alone(
    provider: Provider, redis_program: str, tmp_path: Path
) -> None:
    """It redacts what it finds and knows itself, so even an outage lets no found secret out."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(redis_program, folder)
    server.start()
    team = Team(provider, tmp_path, server.url, count=1, on_unreadable="pass")
    try:
        value = Maker(36).github()
        poster = Poster(team.workers[0].access(), provider)
        server.stop()
        with provider.manner(script=echo):
            got = poster.post(MESSAGES, ask(MESSAGES, f"token {value}"))
        assert value.encode() not in got.forwarded.raw
        assert value.encode() in got.content
    finally:
        server.stop()
        team.stop()


def test_a_rolling_restart_breaks_no_stream(
    balancer: Balancer, team: Team, provider: Provider
) -> None:
    value = Maker(37).github()
    leaving, staying = team.workers
    gate = Gate(after=2)
    with provider.manner(script=echo, style=Style(delta=4), gate=gate):
        said = ask(MESSAGES, f"token {value}", stream=True)
        with Poster(leaving.access(), provider).stream(MESSAGES, said) as response:
            chunks = response.iter_bytes()
            got = next(chunks)
            assert gate.reached.wait(10)
            assert leaving._process is not None
            leaving._process.send_signal(signal.SIGTERM)
            balancer.wait_for("DOWN", "UP")
            status, state = leaving.asked()
            assert (status, state["ready"], state["draining"]) == (503, False, True)
            assert leaving.asked("/livez")[0] == 200
            before = staying.requests
            with provider.manner(gate=None):
                other = Poster(balancer.access(), provider).post(MESSAGES, ask(MESSAGES, "hello"))
            assert other.status == 200
            assert staying.requests == before + 1
            with pytest.raises(httpx.ConnectError):
                Poster(leaving.access(), provider).post(MESSAGES, ask(MESSAGES, "hello"))
            gate.open()
            got += b"".join(chunks)
    assert value in json.dumps(sse.anthropic(sse.payloads(iter([got]))))
    assert leaving._process.wait(15) == 0
    leaving.kill()
    leaving.start()
    balancer.wait_for("UP", "UP")
