"""First bytes that make mitmproxy mistake a connection for non-HTTP and pass it unread."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.model import PLACEHOLDER
from harness.post import MESSAGES, Poster, ask
from harness.provider import UNCOVERED, Provider
from harness.proxy import Proxy
from harness.raw import Line
from harness.rogue import Wire, before
from harness.secrets import Planted, joined, leaks

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("echoing")]

HOST = MESSAGES[0]
_APART = 0.1
"""Seconds between two writes that must arrive separately."""


def request(planted: Planted, host: str = HOST, more: bytes = b"") -> bytes:
    body = ask(MESSAGES, f"the token is {planted.values['GITHUB_TOKEN']} so")
    return (
        b"POST /v1/messages HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%s"
        b"Content-Length: %d\r\n\r\n%s" % (host.encode(), more, len(body), body)
    )


FIRST: dict[str, Callable[[bytes], Sequence[bytes]]] = {
    "a letter, then the rest": lambda whole: (whole[:1], whole[1:]),
    "half of the method": lambda whole: (whole[:2], whole[2:]),
    "the method without what follows": lambda whole: (whole[:4], whole[4:]),
    "an empty line": lambda whole: (b"\r\n", whole),
    "an empty line, at once": lambda whole: (b"\r\n" + whole,),
    "a space": lambda whole: (b" " + whole,),
    "a null": lambda whole: (b"\0\0\0", whole),
    "a method that is no word": lambda whole: (b"M-SEARCH" + whole[4:],),
    "a digit before the method": lambda whole: (b"1" + whole,),
    "a greeting of SSH": lambda whole: (b"SSH-2.0-x\r\n", whole),
    "the first byte of TLS": lambda whole: (b"\x16", whole),
    "TLS of a version to come": lambda whole: (b"\x16\x03\x07", whole),
}


@pytest.mark.parametrize("first", FIRST)
def test_what_does_not_look_like_http_is_not_passed_on(
    first: str, proxy: Proxy, poster: Poster, provider: Provider, planted: Planted
) -> None:
    at = len(provider.received)
    with contextlib.suppress(OSError), Line(proxy, HOST, alpn=()) as line:
        for piece in FIRST[first](request(planted)):
            line.send(piece)
            time.sleep(_APART)
        line.read(quiet=0.1, limit=0.5)
    assert leaks(joined(each.everything for each in provider.received[at:]), planted.secrets) == []
    clean = ask(MESSAGES, "still there?")
    assert poster.post(MESSAGES, clean).forwarded.raw == clean


def by_hand(proxy: Proxy, host: str, size: int, data: bytes) -> tuple[bytes, bytes]:
    """Send TLS whose first `size` bytes arrive alone; return the answer and the certificate."""
    context = proxy.context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(into, out, server_hostname=host)
    with socket.create_connection((proxy.host, proxy.port), timeout=5) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert b" 200 " in plain.recv(4096)
        cut = size

        def pumped(step: Callable[[], object]) -> object:
            nonlocal cut
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    sent = out.read()
                    if sent and cut:
                        plain.sendall(sent[:cut])
                        time.sleep(_APART)
                        sent, cut = sent[cut:], 0
                    plain.sendall(sent)
                    into.write(plain.recv(65536))

        pumped(tls.do_handshake)
        tls.write(data)
        return bytes(pumped(lambda: tls.read(65536))), tls.getpeercert(True) or b""  # type: ignore[call-overload]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 60])
def test_tls_that_begins_with_a_few_bytes(
    size: int, proxy: Proxy, provider: Provider, planted: Planted
) -> None:
    with provider.recording() as arrived:
        answer, _ = by_hand(proxy, HOST, size, request(planted))
    assert b" 200 " in answer.partition(b"\r\n")[0]
    assert PLACEHOLDER.search(arrived[0].raw.decode())
    assert leaks(arrived[0].everything, planted.secrets) == []


@pytest.mark.parametrize("size", [1, 2, 60])
def test_a_host_that_is_not_covered_is_tunnelled_however_its_tls_begins(
    size: int, proxy: Proxy, provider: Provider, planted: Planted
) -> None:
    """With its own certificate."""
    from cryptography import x509

    data = request(planted, UNCOVERED)
    with provider.recording() as arrived:
        answer, certificate = by_hand(proxy, UNCOVERED, size, data)
    assert b"HTTP/1.1 " in answer
    issuer = x509.load_der_x509_certificate(certificate).issuer.rfc4514_string()
    assert "Test providers" in issuer
    assert leaks(arrived[0].everything, planted.secrets)


def _upgrade(wire: Wire) -> None:
    wire.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tunnel\r\nConnection: Upgrade\r\n\r\n"
    )
    with contextlib.suppress(OSError):
        while True:
            wire.request += wire.read()


@pytest.mark.parametrize("kind", [b"tunnel", b"h2c", b"websocket"])
def test_an_upgrade_that_the_provider_takes(
    kind: bytes, provider: Provider, planted: Planted, tmp_path: Path
) -> None:
    """Nobody would read what follows, even if it is called a WebSocket."""
    wires: list[Wire] = []

    def behave(wire: Wire) -> None:
        wires.append(wire)
        _upgrade(wire)

    ask_for = (
        b"GET /v1/responses HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
    )
    with (
        before(provider, tmp_path, behave) as (_, proxy),
        contextlib.suppress(OSError),
        Line(proxy, HOST) as line,
    ):
        line.exchange(ask_for % (HOST.encode(), kind))
        line.exchange(request(planted))
    assert wires
    assert leaks(joined(wire.request for wire in wires), planted.secrets) == []
    assert leaks(proxy.output, planted.secrets) == []
