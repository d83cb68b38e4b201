"""Client connections that break in the middle of a request, and a process out of descriptors."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from harness.fixtures import Launch
from harness.model import echo
from harness.post import MESSAGES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.raw import Line
from harness.secrets import Planted, joined, leaks
from harness.wires import Access

pytestmark = pytest.mark.e2e
CLEAN = ask(MESSAGES, "hello")
SOON = 15.0


def _reset(line: Line) -> None:
    line._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def _past_tls(data: bytes) -> Callable[[Line], None]:
    return lambda line: (os.write(line._socket.fileno(), data), None)[1]


ENDS: dict[str, Callable[[Line], None]] = {
    "reset": _reset,
    "closed": Line.close,
    "half-closed": lambda line: line._socket.shutdown(socket.SHUT_WR),
    "bytes that are no TLS": _past_tls(b"\x17\x03\x03\x00\x20" + b"x" * 32),
    "plain text in place of TLS": _past_tls(b"POST / HTTP/1.1\r\n\r\n"),
    "a TLS alert": _past_tls(b"\x15\x03\x03\x00\x02\x02\x28"),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("coding", ["content-length", "transfer-encoding"])
def test_a_client_that_breaks_off_in_a_request(
    how: str, coding: str, proxy: Proxy, poster: Poster, provider: Provider, planted: Planted
) -> None:
    """Nobody receives half a request, with a secret or without."""
    before = len(proxy.output)
    body = ask(MESSAGES, planted.env)
    head = (
        f"content-length: {len(body) + 9}" if coding == "content-length" else f"{coding}: chunked"
    )
    sent = body if coding == "content-length" else b"%x\r\n%b\r\n" % (len(body), body)
    request = f"POST {MESSAGES[1]} HTTP/1.1\r\nhost: {MESSAGES[0]}\r\ncontent-type: application/json\r\n{head}\r\n\r\n"
    with provider.recording() as arrived:
        with contextlib.closing(Line(proxy, MESSAGES[0])) as line:
            line.send(request.encode() + sent)
            ENDS[how](line)
            with contextlib.suppress(OSError, ValueError):
                line.read(limit=2)
        with provider.manner(script=echo):
            assert poster.post(MESSAGES, CLEAN).forwarded.raw == CLEAN
    assert leaks(joined(each.raw for each in arrived), planted.secrets) == []
    assert [each.raw for each in arrived] == [CLEAN]
    assert b"has crashed" not in proxy.output[before:]
    assert leaks(proxy.output[before:], planted.secrets) == []


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit")
def test_without_a_descriptor_left_nothing_passes_and_all_goes_on_later(
    launch: Launch, provider: Provider, planted: Planted
) -> None:
    import resource

    proxy = launch()
    poster = Poster(Access.through(proxy), provider)
    body = ask(MESSAGES, planted.env)
    with provider.manner(script=echo):
        assert poster.post(MESSAGES, body).leaks(planted.secrets) == []
    used = len(list((Path("/proc") / str(proxy.pid) / "fd").iterdir()))
    resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (used + 8, used + 8))
    with contextlib.ExitStack() as stack, provider.recording() as arrived:
        for _ in range(40):
            with contextlib.suppress(OSError):
                plain = socket.create_connection((proxy.host, proxy.port), timeout=2)
                stack.enter_context(plain).sendall(b"CONNECT api.anth")
        with (
            contextlib.suppress(httpx.HTTPError, OSError, ssl.SSLError),
            poster.access.client() as client,
        ):
            client.post(poster.access.url(*MESSAGES), content=body, timeout=3)
        assert leaks(joined(each.raw for each in arrived), planted.secrets) == []
    end = time.monotonic() + SOON
    served = False
    while not served and time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError, OSError), provider.manner(script=echo):
            exchange = poster.post(MESSAGES, body)
            assert exchange.leaks(planted.secrets) == []
            served = exchange.status == 200
    assert served
    assert proxy.alive
    assert leaks(proxy.output, planted.secrets) == []
