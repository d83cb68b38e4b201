"""Real Redis (or Valkey) and HAProxy for the tests of the team gateway; skipped without them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.programs import RedisServer, installed
from harness.provider import Provider
from harness.team import Balancer, Team


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "gateway" in item.path.parts:
            item.add_marker(pytest.mark.gateway)


@pytest.fixture(scope="session")
def haproxy() -> str:
    """The path of the program."""
    return installed("haproxy")


@pytest.fixture(scope="session")
def redis_program() -> str:
    pytest.importorskip("redis", reason="the redis package is missing: pip install redis")
    return installed("valkey-server", "redis-server")


@pytest.fixture
def redis_server(redis_program: str, tmp_path: Path) -> Iterator[RedisServer]:
    """An empty server for this test alone."""
    server = RedisServer(redis_program, tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def vault(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The Redis of `team`; a test that stops it starts it again."""
    server = RedisServer(redis_program, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def team(
    provider: Provider, vault: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """Two workers; a test that ends one starts it again."""
    made = Team(provider, tmp_path_factory.mktemp("team"), vault.url)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def balancer(haproxy: str, team: Team) -> Iterator[Balancer]:
    made = Balancer(haproxy, team)
    with made.running():
        yield made
