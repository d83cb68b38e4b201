"""MCP over HTTP: a real client and a real server, with a real mitmdump in between."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

from harness.proxy import ADDON
from harness.secrets import plant
from secretgate.demo.process import Mitmdump

pytestmark = pytest.mark.e2e
KEY = plant(43).values["AWS_ACCESS_KEY_ID"]
HOST = "mcp.corp.test"
SERVER = Path(__file__).with_name("real_server.py")
RULES = """
scope: files
mode: enforce
rules:
  - name: no-drops
    match: {operation: mcp.tool_call, server: mcp.corp.test, when: "params.arguments.sql.contains('drop')"}
    action: deny
    message: No tables are dropped here.
  - name: nothing-for-the-model
    match: {operation: mcp.tool_result}
    action: redact
    redact: {secrets: true, restore: tools}
  - name: no-salaries
    match: {operation: mcp.tool_result, when: "params.content.contains('salary')"}
    action: deny
    message: Salaries stay here.
"""


class World:
    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        (folder / "config.env").write_text(f"AWS_ACCESS_KEY_ID={KEY}\n")
        command = [sys.executable, str(SERVER), str(folder), kind]
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.server.stdout is not None
        self.port = int(self.server.stdout.readline())
        self.proxies: dict[str, Mitmdump] = {}

    def proxy(self, **settings: str) -> Mitmdump:
        if str(settings) in self.proxies:
            return self.proxies[str(settings)]
        options = {f"secretgate_{name}": value for name, value in settings.items()}
        home = self.folder / f"proxy{len(self.proxies)}"
        home.mkdir()
        trusted = home / "none.pem"
        trusted.write_text("")
        proxy = Mitmdump(
            home,
            self.port,
            trusted,
            addon=ADDON,
            options={"secretgate_hosts": f"{HOST}=mcp", **options},
        )
        self.proxies[str(settings)] = proxy
        return proxy.start()

    def ruled(self) -> Mitmdump:
        rules = self.folder / "rules.yaml"
        rules.write_text(RULES)
        return self.proxy(policy=str(rules))

    def close(self) -> None:
        for proxy in self.proxies.values():
            proxy.stop()
        self.server.kill()
        self.server.wait()


@pytest.fixture(scope="module", params=["sse", "json"])
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("mcp"), request.param)
    yield made
    made.close()


@pytest.fixture
def world(started: World) -> World:
    (started.folder / "queries.txt").unlink(missing_ok=True)
    return started


@asynccontextmanager
async def connected(proxy: Mitmdump) -> AsyncIterator[ClientSession]:
    client = httpx2.AsyncClient(proxy=f"http://127.0.0.1:{proxy.port}", timeout=30)
    streams: Any = streamable_http_client(f"http://{HOST}/mcp", http_client=client)
    async with client, streams as (read, write, *_), ClientSession(read, write) as session:
        await session.initialize()
        yield session


def text(result: Any) -> str:
    return "".join(each.text for each in result.content if isinstance(each, TextContent))


async def test_by_default_a_remote_server_gets_no_secret_and_the_tool_its_own_words(
    world: World,
) -> None:
    async with connected(world.proxy()) as session:
        ran = await session.call_tool("run_query", {"sql": f"use {KEY}"})
    sent = (world.folder / "queries.txt").read_text()
    assert sent.startswith("use REDACTED<")
    assert text(ran) == f"ran: use {KEY}"


async def test_block_mode_says_so_and_the_session_goes_on(world: World) -> None:
    async with connected(world.proxy(mode="block")) as session:
        ran = await session.call_tool("run_query", {"sql": f"use {KEY}"})
        assert ran.is_error
        assert "secret detected" in text(ran)
        assert not (world.folder / "queries.txt").exists()
        again = await session.call_tool("run_query", {"sql": "use nothing"})
    assert text(again) == "ran: use nothing"


async def test_a_denied_call_is_not_made(world: World) -> None:
    async with connected(world.ruled()) as session:
        ran = await session.call_tool("run_query", {"sql": "drop it"})
    assert ran.is_error
    assert text(ran) == "No tables are dropped here."
    assert not (world.folder / "queries.txt").exists()


async def test_results_are_judged(world: World) -> None:
    async with connected(world.ruled()) as session:
        config = text(await session.call_tool("read_config", {}))
        assert KEY not in config
        name = config.strip().partition("=")[2]
        assert name.startswith("REDACTED<")
        await session.call_tool("run_query", {"sql": f"use {name}"})
        denied = await session.call_tool("run_query", {"sql": "my salary"})
    assert denied.is_error
    assert text(denied) == "Salaries stay here."


async def test_a_placeholder_of_a_result_comes_back_as_the_value(world: World) -> None:
    async with connected(world.ruled()) as session:
        name = text(await session.call_tool("read_config", {})).strip().partition("=")[2]
        await session.call_tool("run_query", {"sql": f"use {name}"})
    assert (world.folder / "queries.txt").read_text() == f"use {KEY}"
