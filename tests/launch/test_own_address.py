"""To whom a request is addressed, and who sent it."""

from __future__ import annotations

import pytest
from mitmproxy.proxy import mode_specs
from mitmproxy.test import tflow

from secretgate.proxy import flows
from secretgate.proxy.own_address import (
    from_another_site,
    linked_from_another_site,
    local_client,
    to_us,
)


def flow(host: str, port: int = 8080, listening: str = "127.0.0.1", peer: str = "127.0.0.1"):
    made = tflow.tflow()
    made.client_conn.sockname = (listening, 8080)
    made.client_conn.peername = (peer, 50000)
    made.request.port = port
    made.request.host = host
    made.request.headers["host"] = f"{host}:{port}"
    return made


@pytest.mark.parametrize(
    ("host", "listening"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("LOCALHOST", "0.0.0.0"),
        ("::1", "::1"),
        ("10.0.0.5", "10.0.0.5"),
        ("127.0.0.2", "0.0.0.0"),
    ],
)
def test_our_address(host: str, listening: str) -> None:
    assert to_us(flow(host, listening=listening))


@pytest.mark.parametrize(
    ("host", "port"),
    [("127.0.0.1", 80), ("10.0.0.6", 8080), ("localhost.evil.example", 8080), ("evil", 8080)],
)
def test_another_address(host: str, port: int) -> None:
    assert not to_us(flow(host, port))


@pytest.mark.parametrize("mode", ["transparent", "wireguard", "local"])
def test_what_was_captured_on_its_way_is_not_for_us(mode: str) -> None:
    """mitmproxy says that such a connection arrived where the client wanted to connect to."""
    made = flow("192.0.2.7", listening="192.0.2.7")
    made.client_conn.proxy_mode = mode_specs.ProxyMode.parse("regular")
    assert to_us(made)
    made.client_conn.proxy_mode = mode_specs.ProxyMode.parse(mode)
    assert not to_us(made)


@pytest.mark.parametrize(
    ("sni", "header", "name"),
    [
        ("api.openai.com", "other.example", "api.openai.com"),
        (None, "api.openai.com:8443", "api.openai.com"),
        (None, "", "192.0.2.7"),
    ],
)
def test_a_request_to_an_address_goes_by_the_name_of_its_host(
    sni: str | None, header: str, name: str
) -> None:
    """Policy rules and the audit log name hosts; what is captured, or sent through SOCKS, has addresses."""
    made = flow("192.0.2.7", port=443)
    made.request.scheme, made.request.path = "https", "/v1/responses?a=b"
    made.client_conn.sni = sni
    made.request.headers["host"] = header
    assert flows.url(made) == f"https://{name}/v1/responses?a=b"
    made.request.host = "asked-for.example"
    assert flows.url(made) == "https://asked-for.example/v1/responses?a=b"


@pytest.mark.parametrize(
    ("headers", "other"),
    [
        ({}, False),
        ({"origin": "http://127.0.0.1:8080"}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "null"}, True),
        ({"origin": "http://127.0.0.1:8080.evil.example"}, True),
        ({"origin": ""}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8080"}, True),
    ],
)
def test_pages_of_other_sites(headers: dict[str, str], other: bool) -> None:
    made = flow("127.0.0.1")
    made.request.headers.update(headers)
    assert from_another_site(made) == other


@pytest.mark.parametrize(
    ("referer", "other"),
    [
        ("", False),
        ("http://127.0.0.1:8080", False),
        ("http://127.0.0.1:8080/x", False),
        ("http://127.0.0.1:8080.evil.example/", True),
        ("https://127.0.0.1:8080/", True),
    ],
)
def test_links_on_other_sites(referer: str, other: bool) -> None:
    made = flow("127.0.0.1")
    made.request.headers["referer"] = referer
    assert linked_from_another_site(made) == other


@pytest.mark.parametrize(
    ("peer", "local"),
    [("127.0.0.1", True), ("::1", True), ("10.0.0.7", False), ("fe80::1%eth0", False)],
)
def test_who_is_on_this_machine(peer: str, local: bool) -> None:
    assert local_client(flow("127.0.0.1", peer=peer)) == local
