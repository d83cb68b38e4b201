"""Web pages that attack the proxy: its page, its PAC file, its CA, or requests through it."""

from __future__ import annotations

import contextlib
import socket

import pytest

from harness.proxy import Proxy

pytestmark = pytest.mark.e2e


def ask(proxy: Proxy, request: str) -> tuple[int, bytes]:
    with socket.create_connection((proxy.host, proxy.port), timeout=30) as line:
        line.sendall(request.replace("PORT", str(proxy.port)).encode())
        answer = b""
        line.settimeout(3)
        with contextlib.suppress(TimeoutError):
            while chunk := line.recv(65536):
                answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"access-control-allow-origin" not in head.lower()
    return int(head.split()[1]), body


def get(target: str, host: str, more: str = "", method: str = "GET") -> str:
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n"


SECRETIVE = ("/", "/status.json", "/ca.crt", "/style.css")
PAGE = "secretgate.internal"
REBOUND = {
    "a name that was made to point here": get("/status.json", "evil.example:PORT"),
    "the same, as a proxy is asked": get(
        "http://evil.example:PORT/status.json", "evil.example:PORT"
    ),
    "the page's name, from another name": get(f"http://{PAGE}/status.json", "evil.example"),
    "another name, from the page's": get("http://evil.example:PORT/status.json", PAGE),
    "the proxy's own address": get("/status.json", "127.0.0.1:PORT"),
    "localhost": get("/status.json", "localhost:PORT"),
    "a name under localhost": get("/status.json", "evil.localhost:PORT"),
    "the address with a dot": get("/status.json", "127.0.0.1.:PORT"),
    "the address as a number": get("/status.json", "2130706433:PORT"),
    "no name": get("/status.json", ""),
}
CROSS_SITE = {
    "a script of another site": "Origin: https://evil.example\r\n",
    "a script without an origin": "Origin: null\r\n",
    "the page itself over TLS": f"Origin: https://{PAGE}\r\n",
    "an image": "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
    "a link": "Referer: https://evil.example/\r\n",
    "a page of the same site": "Sec-Fetch-Site: same-site\r\n",
}


@pytest.mark.parametrize("how", REBOUND)
def test_dns_rebinding(how: str, proxy: Proxy) -> None:
    status, body = ask(proxy, REBOUND[how])
    assert status >= 400
    assert b"counters" not in body


@pytest.mark.parametrize("how", CROSS_SITE)
@pytest.mark.parametrize("path", SECRETIVE)
def test_other_sites_get_nothing(how: str, path: str, proxy: Proxy) -> None:
    status, body = ask(proxy, get(f"http://{PAGE}{path}", PAGE, CROSS_SITE[how]))
    assert status == 403
    assert len(body) < 100


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/proxy.pac", "/status.json", "/nothing"])
def test_nothing_can_be_changed(method: str, path: str, proxy: Proxy) -> None:
    status, _ = ask(proxy, get(f"http://{PAGE}{path}", PAGE, "Content-Length: 0\r\n", method))
    assert status in (403, 404, 405)


@pytest.mark.parametrize("how", CROSS_SITE)
def test_a_site_cannot_learn_what_is_covered_from_the_pac_file(how: str, proxy: Proxy) -> None:
    """Browsers fetch it for themselves, without any of these headers."""
    status, _ = ask(proxy, get("/proxy.pac", "127.0.0.1:PORT", CROSS_SITE[how]))
    assert status == 403
    status, body = ask(proxy, get("/proxy.pac", "127.0.0.1:PORT"))
    assert status == 200
    assert b"FindProxyForURL" in body


def test_the_page_is_there_for_who_goes_through_the_proxy(proxy: Proxy) -> None:
    status, body = ask(proxy, get(f"http://{PAGE}/status.json", PAGE))
    assert status == 200
    assert b"counters" in body


def test_the_page_is_not_tunnelled_to(proxy: Proxy) -> None:
    status, _ = ask(proxy, f"CONNECT {PAGE}:443 HTTP/1.1\r\nHost: {PAGE}:443\r\n\r\n")
    assert status == 403
