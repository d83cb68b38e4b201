"""Failures around the proxy: connections, the disk, its files, its process.

It ends what is broken in bounded time, leaks nothing, and serves the next request.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from addon.kit import SCOPE, Bench
from harness.fixtures import Launch
from harness.model import PLACEHOLDER, echo
from harness.post import MESSAGES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.raw import Line
from harness.rogue import Rogue, Wire, before
from harness.secrets import Planted
from harness.sockets import dial
from harness.wire import Gate
from harness.wires import Access
from secretgate.demo.process import Failed
from secretgate.ledger import Ledger

CLEAN = ask(MESSAGES, "hello")
SOON = 15.0


def good(wire: Wire) -> None:
    body = json.dumps({"type": "message", "content": [{"type": "text", "text": "fine"}]}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    wire.write(head % len(body) + body)


def _slow(wire: Wire) -> None:
    wire.begin()
    for _ in range(20):
        wire.write(b"1\r\n:\r\n")
        time.sleep(0.05)
    wire.reset()


BREAKS: dict[str, Callable[[Wire], None]] = {
    "reset before the answer": Wire.reset,
    "closed before the answer": lambda wire: wire.socket.close(),
    "half-closed before the answer": Wire.half_close,
    "reset in the answer": lambda wire: (wire.begin(), wire.reset())[0],
    "closed in the answer": lambda wire: (wire.begin(), wire.socket.close())[0],
    "half-closed in the answer": lambda wire: (wire.begin(), wire.half_close())[0],
    "bytes that are no TLS": lambda wire: (
        wire.begin(),
        wire.raw(b"\x17\x03\x03\x00\x20" + b"x" * 32),
    )[0],
    "plain text in place of TLS": lambda wire: (wire.begin(), wire.raw(b"HTTP/1.1 500 No\r\n\r\n"))[
        0
    ],
    "a TLS alert": lambda wire: (wire.begin(), wire.raw(b"\x15\x03\x03\x00\x02\x02\x28"))[0],
    "a chunk that lies": lambda wire: (wire.begin(), wire.write(b"zz\r\nno\r\n"))[0],
    "a header without an end": lambda wire: wire.write(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000),
    "no HTTP": lambda wire: wire.write(b"SSH-2.0-OpenSSH_9.0\r\n\r\n"),
    "one byte at a time, then gone": _slow,
}


@pytest.fixture(scope="module")
def rogue(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Rogue, Proxy]]:
    with before(provider, tmp_path_factory.mktemp("rogue"), good) as both:
        yield both


@pytest.mark.e2e
@pytest.mark.parametrize("how", BREAKS)
def test_a_provider_that_breaks_off(how: str, rogue: tuple[Rogue, Proxy], planted: Planted) -> None:
    server, proxy = rogue
    access = Access.through(proxy)
    url = access.url(*MESSAGES)
    secret = planted.values["GITHUB_TOKEN"]
    start = time.monotonic()
    server.behave = BREAKS[how]
    headers = {"content-type": "application/json"}
    body = ask(MESSAGES, f"it is {secret}", stream=True)
    status = 0
    with access.client() as client, contextlib.suppress(httpx.HTTPError):
        status = client.post(url, content=body, headers=headers).status_code
    assert status in (0, 502), "an answer that was cut off is not taken for a whole one"
    assert time.monotonic() - start < SOON
    server.behave = good
    with access.client() as client:
        assert client.post(url, content=CLEAN, headers=headers).status_code == 200
    assert b"has crashed" not in proxy.output
    assert secret.encode() not in proxy.output


@pytest.mark.e2e
def test_slow_clients_do_not_stop_others(proxy: Proxy, poster: Poster, provider: Provider) -> None:
    """Half a request line, half a header, half a body, and a client that reads nothing."""
    host = MESSAGES[0]
    with contextlib.ExitStack() as stack:
        for beginning in (
            b"POST /v1/mess",
            b"POST /v1/messages HTTP/1.1\r\nHost: " + host.encode() + b"\r\nX-A: ",
            b"POST /v1/messages HTTP/1.1\r\nHost: %s\r\nContent-Length: 99999\r\n\r\n{"
            % host.encode(),
        ):
            for _ in range(8):
                stack.enter_context(Line(proxy, host)).send(beginning)
        for _ in range(8):
            plain = stack.enter_context(socket.create_connection((proxy.host, proxy.port)))
            plain.sendall(b"CONNECT api.anth")
        start = time.monotonic()
        with provider.manner(script=echo):
            for _ in range(5):
                assert poster.post(MESSAGES, CLEAN).forwarded.raw == CLEAN
        assert time.monotonic() - start < SOON


@pytest.mark.e2e
def test_a_provider_that_waits_does_not_stop_others(poster: Poster, provider: Provider) -> None:
    streamed = ask(MESSAGES, "wait", stream=True)
    gate = Gate(after=1)
    with provider.manner(script=echo, gate=gate), poster.stream(MESSAGES, streamed) as response:
        lines = response.iter_lines()
        next(lines)
        with provider.manner(script=echo, gate=None):
            start = time.monotonic()
            assert poster.post(MESSAGES, CLEAN).status == 200
            assert time.monotonic() - start < SOON
        gate.open()
        assert any("message_stop" in line for line in lines)


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_it_ends_in_bounded_time_with_streams_in_flight(
    number: signal.Signals, launch: Launch, provider: Provider
) -> None:
    proxy = launch()
    poster = Poster(Access.through(proxy), provider)
    gate = Gate(after=1)
    ended: list[str] = []

    def stream() -> None:
        try:
            with poster.stream(MESSAGES, ask(MESSAGES, "wait", stream=True)) as response:
                ended.append("whole" if b"message_stop" in response.read() else "cut")
        except httpx.HTTPError as error:
            ended.append(type(error).__name__)

    with provider.manner(script=echo, gate=gate):
        threads = [threading.Thread(target=stream) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert gate.reached.wait(10)
        os.kill(proxy.pid, number)
        assert proxy.ends(SOON)
        gate.open()
        for thread in threads:
            thread.join(SOON)
    assert len(ended) == 4
    # mitmproxy 11 prints where its own connections were when it cancelled them.
    assert not re.search(rb'File "[^"]*[/\\]secretgate[/\\][^"]*", line', proxy.output)


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_it_ends_in_bounded_time_with_websockets_open(launch: Launch, provider: Provider) -> None:
    proxy = launch()
    access = Access.through(proxy)
    url = access.url("api.openai.com", "/v1/responses").replace("https", "wss", 1)
    with provider.manner(script=echo), contextlib.ExitStack() as stack:
        lines = [stack.enter_context(dial(url, access.context(), proxy.url)) for _ in range(3)]
        request = {"type": "response.create", "model": "m", "input": "hello"}
        lines[0].send(json.dumps(request))
        assert lines[0].recv(timeout=SOON)
        os.kill(proxy.pid, signal.SIGTERM)
        assert proxy.ends(SOON)
        for line in lines:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    line.recv(timeout=SOON)


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="prlimit")
def test_a_full_disk(launch: Launch, provider: Provider, planted: Planted) -> None:
    """No file can grow by a single byte: nothing is let through, and nothing stops."""
    import resource

    proxy = launch()
    poster = Poster(Access.through(proxy), provider)
    resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE, (0, 0))
    with provider.manner(script=echo):
        for name in ("GITHUB_TOKEN", "STRIPE_SECRET_KEY", "AWS_ACCESS_KEY_ID"):
            body = ask(MESSAGES, f"{name}={planted.values[name]}")
            exchange = poster.post(MESSAGES, body)
            assert exchange.leaks(planted.secrets) == []
            assert exchange.status == 200
            assert PLACEHOLDER.search(exchange.forwarded.raw.decode())
            assert planted.values[name].encode() in exchange.content
    proxy.kill()


GARBAGE = {
    "no YAML": b"{{{{",
    "binary": bytes(range(256)),
    "another type": b"- a\n- b\n",
    "a setting that is none": b"mode: redact\nmdoe: audit\n",
    "a value that is none": b"mode: everything\n",
    "nested deep": b"[" * 20_000,
}


@pytest.mark.e2e
def test_a_configuration_replaced_by_garbage(
    launch: Launch, provider: Provider, planted: Planted
) -> None:
    """The running proxy keeps its settings; a new one reports what is wrong, and where."""
    proxy = launch()
    poster = Poster(Access.through(proxy), provider)
    file = proxy.home / "secretgate" / "secretgate.yaml"
    body = ask(MESSAGES, planted.env)
    for content in GARBAGE.values():
        file.write_bytes(content)
        with provider.manner(script=echo):
            assert poster.post(MESSAGES, body).leaks(planted.secrets) == []
    proxy.stop()
    for content in list(GARBAGE.values())[:2]:
        file.write_bytes(content)
        with pytest.raises(Failed, match=r"secretgate\.yaml"):
            proxy.start()


@pytest.mark.e2e
@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33], ids=len)
def test_a_key_replaced_by_garbage(content: bytes, launch: Launch) -> None:
    proxy = launch()
    proxy.stop()
    key = proxy.home / "secretgate" / "placeholder.key"
    key.write_bytes(content)
    with pytest.raises(Failed, match=r"placeholder\.key is not a key"):
        proxy.start()


def _half(path: Path) -> bytes:
    """Return a database whose second half is garbage."""
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE written (scope BLOB, digest BLOB, day INTEGER)")
        rows = [(bytes(100), bytes([each % 256]) * 100, each) for each in range(2000)]
        made.executemany("INSERT INTO written VALUES (?, ?, ?)", rows)
        made.commit()
    whole = path.read_bytes()
    return whole[: len(whole) // 2] + b"\xff" * (len(whole) // 2)


def _of_another_format(path: Path) -> bytes:
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE written (provider TEXT)")
        made.commit()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "unread"),
    [
        (lambda path: b"", False),
        (lambda path: b"garbage", True),
        (lambda path: b"SQLite format 3\0" + b"\xff" * 4000, True),
        (_half, True),
        (_of_another_format, True),
    ],
    ids=["empty", "garbage", "only a head", "half", "another format"],
)
def test_a_ledger_replaced_by_garbage(
    content: Callable[[Path], bytes], unread: bool, tmp_path: Path
) -> None:
    """It is put aside, which is reported once; the new one outlives the process like any other."""
    from secretgate.settings import Settings
    from secretgate.state import private_folder
    from secretgate.stores.line import Line
    from secretgate.stores.opening import open_store

    bench = Bench()
    path = private_folder(tmp_path / "home") / "ledger.sqlite3"
    path.write_bytes(content(tmp_path / "made"))
    said: list[str] = []
    for wanted in ("first", "second"):
        store = open_store(Settings(), path, bench.namer, said.append)
        line = Line(store, said.append)
        ledger = Ledger(line, bench.namer.digest)
        assert ledger.name(b"value", wanted) == "first"
        if wanted == "first":
            ledger.note_written(SCOPE, [b"written-by-the-provider"])
        assert ledger.written(SCOPE, [b"written-by-the-provider"])
        line.close()
    assert [line.partition(" (")[0] for line in said] == ["the ledger cannot be read"] * unread
    assert path.with_name("ledger.sqlite3.damaged").exists() == unread
