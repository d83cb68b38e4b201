"""Real Redis (or Valkey) and HAProxy for the team gateway's tests; without them the tests are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.programs import RedisServer, installed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "gateway" in item.path.parts:
            item.add_marker(pytest.mark.gateway)


@pytest.fixture(scope="session")
def haproxy() -> str:
    """The program."""
    return installed("haproxy")


@pytest.fixture(scope="session")
def redis_program() -> str:
    pytest.importorskip("redis", reason="the redis package is missing: pip install redis")
    return installed("valkey-server", "redis-server")


@pytest.fixture
def redis_server(redis_program: str, tmp_path: Path) -> Iterator[RedisServer]:
    """An empty server of this test's own."""
    server = RedisServer(redis_program, tmp_path)
    server.start()
    yield server
    server.stop()
