"""What the health port tells a load balancer."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from secretgate.gateway.health import HealthServer, State, routes

READY = State(
    ready=True,
    draining=False,
    alive=True,
    vault_lost=False,
    connections=3,
    installation="0123456789ab",
)


class Asked:
    state = READY

    def __init__(self) -> None:
        self.server = HealthServer("127.0.0.1", 0, routes(lambda: self.state))

    def __call__(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.server.close()


@pytest.fixture
def asked(server: Asked) -> Asked:
    server.state = READY
    return server


@pytest.mark.parametrize(
    ("changes", "ready", "alive"),
    [
        ({}, 200, 200),
        ({"ready": False}, 503, 200),
        ({"ready": False, "draining": True}, 503, 200),
        ({"alive": False}, 503, 503),
        ({"vault_lost": True}, 200, 200),
    ],
)
def test_a_balancer_learns_what_it_has_to(
    asked: Asked, changes: dict[str, bool], ready: int, alive: int
) -> None:
    asked.state = replace(READY, **changes)  # type: ignore[arg-type]
    assert asked("/readyz")[0] == asked("/healthz")[0] == ready
    assert asked("/livez")[0] == alive
    assert asked("/readyz?from=haproxy", "OPTIONS")[0] == ready
    assert asked("/readyz", "HEAD") == (ready, b"")


def test_people_read_more(asked: Asked) -> None:
    told = json.loads(asked("/readyz")[1])
    assert told == {
        "ready": True,
        "draining": False,
        "vault_lost": False,
        "connections": 3,
        "installation": "0123456789ab",
    }


@pytest.mark.parametrize("path", ["/", "/status.json", "http://secretgate.internal/status.json"])
def test_there_is_nothing_else(asked: Asked, path: str) -> None:
    assert asked(path)[0] == 404


def test_nothing_can_be_sent_to_it(asked: Asked) -> None:
    assert asked("/readyz", "POST")[0] == 501
