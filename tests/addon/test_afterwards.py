"""Work on an answer that is done after its end was sent, and before the next turn is read."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from secretgate.proxy import afterwards

TURNS = 200


def engine(remote: bool) -> Any:
    return SimpleNamespace(line=SimpleNamespace(remote=remote))


@pytest.fixture
def dumping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afterwards, "ctx", SimpleNamespace(master=SimpleNamespace()))


@pytest.mark.usefixtures("dumping")
def test_the_next_turn_finds_it_done() -> None:
    """However soon it comes: the client is another thread, and answers what it gets at once."""
    done: list[int] = []
    found: list[tuple[int, bool]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        soon = afterwards.postponing(engine(remote=False))
        lock = asyncio.Lock()
        while await reader.read(1):
            found.append((len(found), len(done) == len(found)))
            # As mitmproxy does: the end is sent by a task that waits for a lock.
            async with lock:
                soon(lambda: done.append(1))
                sending = asyncio.ensure_future(_send(lock, writer))
            await sending

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        await asyncio.to_thread(_turns, port)
        server.close()

    asyncio.run(serve())
    assert found == [(turn, True) for turn in range(TURNS)]


async def _send(lock: asyncio.Lock, writer: asyncio.StreamWriter) -> None:
    async with lock:
        writer.write(b"x")


def _turns(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        for _ in range(TURNS):
            client.sendall(b"x")
            assert client.recv(1)


@pytest.mark.usefixtures("dumping")
def test_nothing_is_postponed_if_another_worker_may_get_the_next_turn() -> None:
    async def postponed(remote: bool) -> bool:
        done = threading.Event()
        afterwards.postponing(engine(remote))(done.set)
        return not done.is_set()

    assert not asyncio.run(postponed(remote=True))
    assert asyncio.run(postponed(remote=False))


def test_nothing_is_postponed_where_flows_are_displayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afterwards, "ctx", SimpleNamespace(master=SimpleNamespace(view=None)))
    assert afterwards.postponing(engine(remote=False)) is afterwards.at_once
