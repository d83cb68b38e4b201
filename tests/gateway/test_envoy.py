"""Two workers behind a real Envoy with the documented configuration."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from gateway.talking import TURNS, hold
from harness import envoy
from harness.envoy import Envoy
from harness.post import MESSAGES, Poster, ask
from harness.provider import Provider
from harness.secrets import Planted
from harness.team import Team
from harness.wires import Wire

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return envoy.program(tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="module")
def balancer(program: str, team: Team, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    made = Envoy(program, team, tmp_path_factory.mktemp("envoy"))
    with made.running():
        yield made


def test_it_takes_its_configuration(program: str, balancer: Envoy) -> None:
    command = [program, "--mode", "validate", "-c", str(balancer.configuration)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warning]" not in done.stderr


@pytest.mark.parametrize("wire", [TURNS[0], TURNS[3]], ids=str)
def test_a_conversation_holds(
    wire: Wire, balancer: Envoy, team: Team, provider: Provider, planted: Planted
) -> None:
    hold(wire, balancer.access, provider, planted)


def test_connections_that_stay_open_are_shared_out(
    balancer: Envoy, team: Team, provider: Provider
) -> None:
    balancer.wait_for_connections(0, 0)
    before = [worker.requests for worker in team.workers]
    with ExitStack() as stack:
        for _ in range(10):
            client = stack.enter_context(balancer.access().client())
            url = f"https://{MESSAGES[0]}{MESSAGES[1]}"
            assert client.post(url, content=ask(MESSAGES, "hello")).status_code == 200
        balancer.wait_for_connections(5, 5)
    took = [worker.requests - was for worker, was in zip(team.workers, before, strict=True)]
    assert took == [5, 5]


def test_a_worker_that_is_killed_costs_no_connection(
    balancer: Envoy, team: Team, provider: Provider
) -> None:
    first = team.workers[0]
    balancer.wait_for_connections(0, 0)
    first.stop()
    try:
        for _ in range(4):
            got = Poster(balancer.access(), provider).post(MESSAGES, ask(MESSAGES, "hello"))
            assert got.status == 200
        balancer.wait_for(False, True)
    finally:
        first.start()
    balancer.wait_for(True, True)
    assert Poster(balancer.access(), provider).post(MESSAGES, ask(MESSAGES, "hello")).status == 200


def test_users_are_asked_for_their_password(balancer: Envoy, provider: Provider) -> None:
    access = balancer.access(password="wrong")
    with provider.recording() as received, pytest.raises(httpx.ProxyError, match="407"):
        Poster(access, provider).post(MESSAGES, ask(MESSAGES, "hello"))
    assert received == []
