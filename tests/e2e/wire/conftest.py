"""One server for all hosts, and proxies with settings for these tests."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from harness.proxy import Proxy
from harness.secrets import Planted
from harness.wire_formats import Peer, Reply, Start, concrete
from secretgate import hosts

NAMED = ("api2.cursor.sh", "agentn.global.api5.cursor.sh", "llm.example.org")
ALL = sorted({*NAMED, *(concrete(host) for host in hosts.ca_domains())})


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    made = Peer(tmp_path_factory.mktemp("peer"), ALL)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _plain(peer: Peer) -> None:
    peer.respond = lambda asked: Reply(b"{}")
    peer.talk = lambda message: [message]


@pytest.fixture(scope="module")
def start(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    running: dict[str, Proxy] = {}

    def given(**options: str) -> Proxy:
        key = json.dumps(options)
        if key not in running:
            shown = {f"secretgate_{name}": value for name, value in options.items()}
            home = tmp_path_factory.mktemp("proxy")
            running[key] = Proxy(peer, home, options=shown).start()  # type: ignore[arg-type]
        return running[key]

    yield given
    for proxy in running.values():
        proxy.stop()


@pytest.fixture(scope="module")
def proxy(start: Start) -> Proxy:
    return start()


@pytest.fixture(scope="module")
def token(planted: Planted) -> str:
    return planted.values["GITHUB_TOKEN"]
