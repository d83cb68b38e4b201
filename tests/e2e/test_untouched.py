"""Requests without a secret are unchanged; others differ only inside the literals with a secret."""

from __future__ import annotations

import json
import re
import ssl

import httpx
import pytest

from harness.model import PLACEHOLDER
from harness.post import CHAT, GEMINI, MESSAGES, RESPONSES, Poster, Target, ask
from harness.provider import SHARED, UNCOVERED, Provider
from harness.proxy import Proxy
from harness.secrets import Planted
from harness.wire import encoded

TARGETS = [MESSAGES, CHAT, RESPONSES, GEMINI, ("api.openai.com", "/v1/agents/complete")]

ODD = (
    b'{ "model":"m",\r\n\t"b" : 1.0e+05, "a":1E400, "big":123456789012345678901234567890,\n'
    b'"stream":false,"x":"\\u003d \\/ \\ud83d\\ude00 \\ud800 \xf0\x9f\x98\x80","x":"again", "n":-0,'
    b' "messages" : [ {"content":"%s","role":"user"} ]  }\n'
)
CODINGS = ["", "gzip", "deflate", "br", "zstd"]


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[0] + target[1][-12:])
def test_a_clean_request_leaves_byte_identical(target: Target, http2: bool, poster: Poster) -> None:
    body = ODD % b"What is a monad?"
    exchange = poster.post(target, body, http2=http2, headers={"x-own": "a  b", "X-Case": "Kept"})
    assert exchange.forwarded.raw == body
    assert exchange.forwarded.header("content-length") in (str(len(body)), None)
    assert exchange.forwarded.header("x-own") == "a  b"


@pytest.mark.parametrize("coding", CODINGS[1:])
def test_a_clean_request_leaves_compressed_as_it_came(coding: str, poster: Poster) -> None:
    body = encoded(ODD % b"What is a monad?", coding)
    exchange = poster.post(MESSAGES, body, headers={"content-encoding": coding})
    assert exchange.forwarded.raw == body
    assert exchange.forwarded.header("content-encoding") == coding


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[0] + target[1][-12:])
def test_only_the_literal_with_the_secret_differs(
    target: Target, coding: str, poster: Poster, planted: Planted
) -> None:
    token = planted.values["GITHUB_TOKEN"]
    body = ODD % f'the \\"token\\" {token}, \\u00e9'.encode()
    headers = {"content-encoding": coding} if coding else {}
    exchange = poster.post(target, encoded(body, coding), headers=headers)
    arrived = exchange.forwarded.content
    before, _, after = body.partition(token.encode())
    assert arrived.startswith(before)
    assert arrived.endswith(after)
    inside = arrived[len(before) : len(arrived) - len(after)].decode()
    assert PLACEHOLDER.fullmatch(inside)
    assert exchange.leaks(planted.secrets) == []


@pytest.mark.parametrize("path", ["/v1/models", "/v1/messages"])
def test_a_bodyless_get_stays_bodyless(path: str, poster: Poster) -> None:
    exchange = poster.post(("api.anthropic.com", path), b"", method="GET")
    assert exchange.status == 200
    assert exchange.forwarded.raw == b""
    assert exchange.forwarded.header("content-length") is None
    assert exchange.forwarded.header("transfer-encoding") is None


def test_an_uncovered_host_is_tunnelled_with_its_own_certificate(
    poster: Poster, provider: Provider, proxy: Proxy, planted: Planted
) -> None:
    body = ask(MESSAGES, planted.env)
    exchange = poster.post((UNCOVERED, "/v1/messages"), body)
    assert exchange.forwarded.raw == body
    trusting_only_the_origin = ssl.create_default_context(cafile=str(provider.trusted))
    with httpx.Client(
        proxy=proxy.url, verify=trusting_only_the_origin, trust_env=False, timeout=60
    ) as client:
        assert client.get(f"https://{UNCOVERED}/").json()["ok"] is True
        with pytest.raises(httpx.ConnectError):
            client.get("https://api.anthropic.com/")


def test_the_proxy_listens_on_loopback_only(proxy: Proxy) -> None:
    """mitmproxy binds all addresses before it loads scripts; the port moves before it is ready."""
    assert proxy.host in ("127.0.0.1", "::1")
    said = re.findall(rb"listening at (\S+):\d+\.|at (\S+):\d+ (stopped)", proxy.output)
    opened = [listening for listening, _, _ in said if listening]
    closed = [stopped for _, stopped, _ in said if stopped]
    assert opened[-1] == b"127.0.0.1"
    assert closed == opened[:-1]


def test_an_answer_without_placeholders_comes_byte_identical(
    poster: Poster, provider: Provider
) -> None:
    for manner in ({}, {"encoding": "gzip"}, {"encoding": "br", "cuts": (5,)}):
        with provider.manner(**manner):
            exchange = poster.post(MESSAGES, ask(MESSAGES, "hello"))
        assert json.loads(exchange.content)["role"] == "assistant"
        if encoding := manner.get("encoding"):
            assert exchange.headers["content-encoding"] == encoding


def test_hosts_that_share_a_certificate_each_get_their_own(poster: Poster) -> None:
    for host in (*SHARED, SHARED[0]):
        body = ask(CHAT, "hello")
        assert poster.post((host, CHAT[1]), body).forwarded.raw == body
