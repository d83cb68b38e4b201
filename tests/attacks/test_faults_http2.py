"""Connections that break in the middle of HTTP/2 streams and WebSockets, from either side."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from websockets.exceptions import WebSocketException

from harness.model import echo
from harness.post import MESSAGES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.raw import Line, Line2
from harness.rogue import Http2Wire, Rogue, Wire, before
from harness.secrets import Planted, leaks
from harness.sockets import dial
from harness.wire import Gate
from harness.wires import Access

pytestmark = pytest.mark.e2e
SOON = 15.0
OURS = re.compile(rb'File "[^"]*[/\\]secretgate[/\\][^"]*", line|secretgate failed')
"""A traceback through our code.

mitmproxy has its own when it resets a stream over a broken TLS connection; that connection ends,
and others go on.
"""
SOCKET = ("api.openai.com", "/v1/responses")


def good(wire: Wire) -> None:
    two = Http2Wire(wire)
    body = json.dumps({"type": "message", "content": [{"type": "text", "text": "fine"}]}).encode()
    two.state.send_headers(two.stream, [(":status", "200"), ("content-type", "application/json")])
    two.state.send_data(two.stream, body, end_stream=True)
    two.flush()


def after(beginning: bool, act: Callable[[Http2Wire], object]) -> Callable[[Wire], None]:
    def behave(wire: Wire) -> None:
        two = Http2Wire(wire)
        if beginning:
            two.begin()
        act(two)
        two.flush()

    return behave


BREAKS: dict[str, Callable[[Http2Wire], object]] = {
    "the stream is reset": lambda two: two.state.reset_stream(two.stream, 2),
    "the connection ends by GOAWAY": lambda two: two.state.close_connection(1, b"no", two.stream),
    "GOAWAY for streams that were never heard of": lambda two: two.state.close_connection(
        0, None, 0
    ),
    "bytes that are no TLS": lambda two: two.wire.raw(b"\x17\x03\x03\x00\x20" + b"x" * 32),
    "a TLS alert": lambda two: two.wire.raw(b"\x15\x03\x03\x00\x02\x02\x28"),
    "a frame that is none": lambda two: two.wire.write(b"\xff\xff\xff\x99\xff\xff\xff\xff\xff"),
    "half-closed": lambda two: two.wire.half_close(),
    "reset": lambda two: two.wire.reset(),
}


@pytest.fixture(scope="module")
def two(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Rogue, Proxy]]:
    folder = tmp_path_factory.mktemp("rogue2")
    with before(provider, folder, good, MESSAGES[0], "h2") as both:
        yield both


@pytest.mark.parametrize("begun", [False, True], ids=["before the answer", "in the answer"])
@pytest.mark.parametrize("how", BREAKS)
def test_a_provider_that_breaks_off_a_stream(
    how: str, begun: bool, two: tuple[Rogue, Proxy], planted: Planted
) -> None:
    server, proxy = two
    access = Access.through(proxy)
    secret = planted.values["GITHUB_TOKEN"]
    headers = {"content-type": "application/json"}
    start = time.monotonic()
    server.behave = after(begun, BREAKS[how])
    body = ask(MESSAGES, f"it is {secret}", stream=True)
    status = 0
    with access.client(http2=True) as client, contextlib.suppress(httpx.HTTPError):
        status = client.post(access.url(*MESSAGES), content=body, headers=headers).status_code
    assert status in (0, 200, 502)
    assert time.monotonic() - start < SOON
    server.behave = good
    with access.client(http2=True) as client:
        content = ask(MESSAGES, "hello")
        answer = client.post(access.url(*MESSAGES), content=content, headers=headers)
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    assert not OURS.search(proxy.output)
    assert secret.encode() not in proxy.output


@pytest.mark.parametrize("how", ["the stream is reset", "GOAWAY", "closed"])
def test_a_client_that_breaks_off_a_stream(
    how: str, proxy: Proxy, poster: Poster, provider: Provider, planted: Planted
) -> None:
    body = ask(MESSAGES, planted.env, stream=True)
    gate = Gate(after=1)
    with provider.manner(script=echo, gate=gate):
        line = Line2(proxy, MESSAGES[0])
        stream = line.state.get_next_available_stream_id()
        line.state.send_headers(
            stream,
            [
                (b":method", b"POST"),
                (b":authority", MESSAGES[0].encode()),
                (b":scheme", b"https"),
                (b":path", MESSAGES[1].encode()),
                (b"content-type", b"application/json"),
            ],
        )
        line.state.send_data(stream, body, end_stream=True)
        line.flush()
        assert gate.reached.wait(10)
        if how == "the stream is reset":
            line.state.reset_stream(stream)
        elif how == "GOAWAY":
            line.state.close_connection()
        line.flush()
        line.close()
        gate.open()
    with provider.manner(script=echo):
        exchange = poster.post(MESSAGES, ask(MESSAGES, planted.env), http2=True)
    assert exchange.leaks(planted.secrets) == []
    assert leaks(exchange.content, planted.secrets)
    assert not OURS.search(proxy.output)


def _upgraded(wire: Wire) -> None:
    key = re.search(rb"(?i)sec-websocket-key: (\S+)", wire.request)
    assert key
    magic = key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(magic).digest())
    wire.write(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-accept: " + accept + b"\r\n\r\n"
    )
    wire.read()


def _frame(content: bytes, first: int = 0x81) -> bytes:
    return bytes([first, len(content)]) + content


PING = b'{"type":"response.ping"}'
SOCKET_BREAKS: dict[str, Callable[[Wire], object]] = {
    "closed without a close frame": lambda wire: wire.socket.close(),
    "reset": Wire.reset,
    "half-closed": Wire.half_close,
    "closed in a message": lambda wire: (wire.write(_frame(PING, 0x01)), wire.socket.close()),
    "closed in a frame": lambda wire: (wire.write(_frame(PING)[:9]), wire.socket.close()),
    "a masked frame": lambda wire: wire.write(b"\x81\x85abcdefghi"),
    "a frame of no kind": lambda wire: wire.write(_frame(PING, 0x8F)),
    "text that is no UTF-8": lambda wire: wire.write(_frame(b"\xff\xfe{}")),
    "a TLS alert": lambda wire: wire.raw(b"\x15\x03\x03\x00\x02\x02\x28"),
}


@pytest.fixture(scope="module")
def socket(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Rogue, Proxy]]:
    folder = tmp_path_factory.mktemp("rogue3")
    with before(provider, folder, Wire.reset, SOCKET[0]) as both:
        yield both


def _talk(proxy: Proxy, message: bytes) -> list[str | bytes]:
    access = Access.through(proxy)
    url = access.url(*SOCKET).replace("https", "wss", 1)
    heard: list[str | bytes] = []
    with (
        contextlib.suppress(WebSocketException, OSError),
        dial(url, access.context(), proxy.url) as line,
    ):
        with contextlib.suppress(WebSocketException):
            line.send(message.decode())  # the other side may have ended before, and sent something
        heard.extend(line)
    return heard


@pytest.mark.parametrize("how", SOCKET_BREAKS)
def test_a_provider_that_breaks_off_a_websocket(
    how: str, socket: tuple[Rogue, Proxy], planted: Planted
) -> None:
    server, proxy = socket
    secret = planted.values["GITHUB_TOKEN"]
    body = json.dumps({"type": "response.create", "model": "m", "input": f"it is {secret}"})

    def breaking(wire: Wire) -> None:
        _upgraded(wire)
        wire.write(_frame(PING))
        SOCKET_BREAKS[how](wire)

    def closing(wire: Wire) -> None:
        _upgraded(wire)
        wire.write(_frame(PING) + b"\x88\x02\x03\xe8")
        with contextlib.suppress(OSError):
            wire.read()

    start = time.monotonic()
    server.behave = breaking
    _talk(proxy, body.encode())
    assert time.monotonic() - start < SOON
    server.behave = closing
    assert _talk(proxy, body.encode()) == [PING.decode()]
    assert not OURS.search(proxy.output)
    assert secret.encode() not in proxy.output


@pytest.mark.parametrize("how", ["closed", "closed in a frame", "closed in a message"])
def test_a_client_that_breaks_off_a_websocket(
    how: str, proxy: Proxy, poster: Poster, provider: Provider, planted: Planted
) -> None:
    """The received part of a message that never ends is not forwarded."""
    body = json.dumps({"type": "response.create", "model": "m", "input": planted.env}).encode()
    head = bytes([0x01, 0xFE]) + len(body).to_bytes(2, "big") + bytes(4)
    sent = {
        "closed": b"",
        "closed in a frame": head + body[:-9],
        "closed in a message": head + body,
    }
    with provider.recording() as arrived, Line(proxy, SOCKET[0]) as line:
        line.send(
            f"GET {SOCKET[1]} HTTP/1.1\r\nHost: {SOCKET[0]}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert b" 101 " in line.read()
        line.send(sent[how])
    with provider.manner(script=echo):
        assert poster.post(MESSAGES, ask(MESSAGES, "hello")).status == 200
    assert leaks(b"\0".join(each.everything for each in arrived), planted.secrets) == []
    assert not OURS.search(proxy.output)
