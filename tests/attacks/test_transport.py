"""HTTP and TLS tricks to get a secret past the gate: ambiguous requests, uncovered host names.

Whatever mitmproxy makes of them, no planted value arrives anywhere, and the proxy goes on serving.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.model import PLACEHOLDER
from harness.post import MESSAGES, Poster, ask
from harness.provider import UNCOVERED, Provider
from harness.proxy import Proxy
from harness.raw import Line, Line2
from harness.secrets import Planted, joined, leaks

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("echoing")]

HOST = MESSAGES[0]
JSON = b"Content-Type: application/json\r\n"


def body(planted: Planted) -> bytes:
    return ask(MESSAGES, f"the token is {planted.values['GITHUB_TOKEN']} so")


def head(target: bytes = b"/v1/messages", host: str = HOST, more: bytes = b"") -> bytes:
    return b"POST " + target + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n" + JSON + more


def chunked(data: bytes, trailers: bytes = b"") -> bytes:
    return b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(data), data, trailers)


def length(data: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(data)


_TE = b"Transfer-Encoding: chunked\r\n"
SMUGGLED: dict[str, Callable[[bytes], bytes]] = {
    "length and chunks": lambda b: head(more=length(b) + _TE) + b"\r\n" + chunked(b),
    "chunks and length, length says less": lambda b: (
        head(more=_TE + b"Content-Length: 4\r\n") + b"\r\n" + chunked(b)
    ),
    "an empty first chunk, the secret behind it": lambda b: (
        head(more=_TE + length(b)) + b"\r\n0\r\n\r\n" + head(more=length(b)) + b"\r\n" + b
    ),
    "two lengths": lambda b: head(more=b"Content-Length: 2\r\n" + length(b)) + b"\r\n" + b,
    "two equal lengths": lambda b: head(more=length(b) * 2) + b"\r\n" + b,
    "a list of lengths": lambda b: head(more=b"Content-Length: 2, %d\r\n" % len(b)) + b"\r\n" + b,
    "a signed length": lambda b: head(more=b"Content-Length: +%d\r\n" % len(b)) + b"\r\n" + b,
    "a length with a space before its colon": lambda b: (
        head(more=b"Content-Length : %d\r\n" % len(b)) + b"\r\n" + b
    ),
    "a misspelt chunked": lambda b: (
        head(more=b"Transfer-Encoding: xchunked\r\n" + length(b)) + b"\r\n" + b
    ),
    "chunked, twice": lambda b: (
        head(more=b"Transfer-Encoding: chunked, chunked\r\n") + b"\r\n" + chunked(b)
    ),
    "chunked with a tab": lambda b: (
        head(more=b"Transfer-Encoding:\tchunked\r\n" + length(b)) + b"\r\n" + chunked(b)
    ),
    "chunked in a folded header": lambda b: (
        head(more=b"Transfer-Encoding:\r\n chunked\r\n" + length(b)) + b"\r\n" + chunked(b)
    ),
    "a chunk extension": lambda b: (
        head(more=_TE) + b"\r\n" + b"%x;x=y\r\n%s\r\n0\r\n\r\n" % (len(b), b)
    ),
    "bare line feeds": lambda b: (head(more=length(b)) + b"\r\n").replace(b"\r\n", b"\n") + b,
    "HTTP/1.0": lambda b: head(more=length(b)).replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n" + b,
    "absolute form of the same host": lambda b: (
        head(b"https://api.anthropic.com/v1/messages", more=length(b)) + b"\r\n" + b
    ),
    "absolute form of a host that is not covered": lambda b: (
        head(f"https://{UNCOVERED}/v1/messages".encode(), more=length(b)) + b"\r\n" + b
    ),
    "absolute form of a place for credentials": lambda b: (
        head(b"https://platform.claude.com/v1/oauth/../messages", more=length(b)) + b"\r\n" + b
    ),
    "a pipelined second request": lambda b: (
        b"GET /v1/models HTTP/1.1\r\nHost: api.anthropic.com\r\n\r\n"
        + head(more=length(b))
        + b"\r\n"
        + b
    ),
    "a body of a GET": lambda b: head(more=length(b)).replace(b"POST", b"GET", 1) + b"\r\n" + b,
    "an upgrade to HTTP/2": lambda b: (
        head(more=b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + length(b)) + b"\r\n" + b
    ),
    "an upgrade to a protocol of its own": lambda b: (
        head(more=b"Connection: Upgrade\r\nUpgrade: tunnel\r\n" + length(b)) + b"\r\n" + b
    ),
    "an expectation": lambda b: head(more=b"Expect: 100-continue\r\n" + length(b)) + b"\r\n" + b,
}


def check(proxy: Proxy, poster: Poster, provider: Provider, planted: Planted, at: int) -> None:
    arrived = joined(each.everything for each in provider.received[at:])
    assert leaks(arrived, planted.secrets) == []
    assert proxy.alive
    clean = ask(MESSAGES, "still there?")
    assert poster.post(MESSAGES, clean).forwarded.raw == clean


@pytest.mark.parametrize("shape", SMUGGLED)
def test_smuggling(
    shape: str, proxy: Proxy, poster: Poster, provider: Provider, planted: Planted
) -> None:
    at = len(provider.received)
    with Line(proxy, HOST) as line:
        line.exchange(SMUGGLED[shape](body(planted)))
    check(proxy, poster, provider, planted, at)


def test_what_a_plain_request_would_do(proxy: Proxy, provider: Provider, planted: Planted) -> None:
    """The raw client itself: without tricks, a request gets through, redacted."""
    data = body(planted)
    with provider.recording() as arrived, Line(proxy, HOST) as line:
        answer = line.exchange(head(more=length(data)) + b"\r\n" + data)
    assert b" 200 " in answer.partition(b"\r\n")[0]
    assert PLACEHOLDER.search(arrived[0].raw.decode())


NAMES = {
    "upper case": ("API.ANTHROPIC.COM", ""),
    "a trailing dot": ("api.anthropic.com.", "api.anthropic.com"),
    "by address, the name in TLS": ("127.0.0.1", "api.anthropic.com"),
    "by IPv6 address, the name in TLS": ("::1", "api.anthropic.com"),
    "the name in CONNECT, none in TLS": ("api.anthropic.com", None),
    "the name in CONNECT, another in TLS": ("api.anthropic.com", UNCOVERED),
    "another name in CONNECT, ours in TLS": (UNCOVERED, "api.anthropic.com"),
    "full-width letters": ("ａｐｉ.anthropic.com", "api.anthropic.com"),
}
WANTED = {
    "its own": "api.anthropic.com",
    "upper case": "Api.Anthropic.Com",
    "with a port": "api.anthropic.com:443",
    "a trailing dot": "api.anthropic.com.",
    "one that is not covered": UNCOVERED,
    "one with places for credentials": "platform.claude.com",
    "none": "",
    "an address": "10.1.2.3",
    "garbage": "a b\tc",
    "full-width letters": "ａｐｉ.anthropic.com",
}


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("name", NAMES)
def test_names_that_do_not_agree(
    name: str, wanted: str, proxy: Proxy, poster: Poster, provider: Provider, planted: Planted
) -> None:
    at = len(provider.received)
    connect, sni = NAMES[name]
    data = body(planted)
    for path in (b"/v1/messages", b"/v1/oauth/token"):
        sent = head(path, host=WANTED[wanted], more=length(data)) + b"\r\n" + data
        try:
            with Line(proxy, connect, sni) as line:
                line.send(sent)
                line.read(quiet=0.1, limit=1)
        except OSError:
            continue
    messages = [each for each in provider.received[at:] if each.path != "/v1/oauth/token"]
    assert leaks(joined(each.everything for each in messages), planted.secrets) == []
    check(proxy, poster, provider, planted, len(provider.received))


Fields = list[tuple[bytes, bytes]]


def fields(**changed: bytes) -> Fields:
    base = {
        b":method": b"POST",
        b":scheme": b"https",
        b":authority": HOST.encode(),
        b":path": b"/v1/messages",
        b"content-type": b"application/json",
    }
    for name, value in changed.items():
        base[b":" + name.encode()] = value
    return list(base.items())


PSEUDO: dict[str, Fields] = {
    "another authority": fields(authority=UNCOVERED.encode()),
    "an authority with user information": fields(authority=b"x@uncovered.example.org"),
    "an authority for credentials": fields(authority=b"platform.claude.com"),
    "an authority and another host": [*fields(), (b"host", UNCOVERED.encode())],
    "two authorities": [*fields(), (b":authority", UNCOVERED.encode())],
    "two paths": [*fields(), (b":path", b"/v1/oauth/token")],
    "an absolute path": fields(path=b"https://uncovered.example.org/v1/messages"),
    "a path without a slash": fields(path=b"v1/messages"),
    "an empty path": fields(path=b""),
    "a line break in a path": fields(path=b"/v1/oauth/token HTTP/1.1\r\nx: y\r\n\r\nPOST /v1/m"),
    "another scheme": fields(scheme=b"http"),
    "CONNECT with a path": fields(method=b"CONNECT"),
    "a request in the method": fields(method=b"GET /x HTTP/1.1\r\nHost: a\r\n\r\nPOST"),
    "a length that is too small": [*fields(), (b"content-length", b"2")],
    "a transfer coding": [*fields(), (b"transfer-encoding", b"chunked")],
    "an upper-case name": [*fields(), (b"X-Thing", b"1")],
    "a line break in a value": [*fields(), (b"x-thing", b"1\r\nHost: uncovered.example.org")],
    "a pseudo-header at the end": [*fields()[:-1], (b"x", b"1"), (b":path", b"/v1/oauth/token")],
    "no authority": [each for each in fields() if each[0] != b":authority"],
}


@pytest.mark.parametrize("trick", PSEUDO)
def test_http2_pseudo_headers(
    trick: str, proxy: Proxy, poster: Poster, provider: Provider, planted: Planted
) -> None:
    at = len(provider.received)
    with Line2(proxy, HOST) as line:
        line.exchange(PSEUDO[trick], body(planted), limit=1.5)
    check(proxy, poster, provider, planted, at)


ROUNDABOUT = {
    "up from a place for credentials": "/v1/oauth/../messages",
    "the same, percent-encoded": "/v1/oauth/%2e%2e/messages",
    "the same, with an encoded slash": "/v1/oauth/..%2fmessages",
    "the same, encoded twice": "/v1/oauth/%252e%252e/messages",
    "the same, with a backslash": "/v1/oauth/..\\messages",
    "percent-encoded letters": "/v1/%6dessages",
    "two slashes": "//v1//messages",
    "here and on": "/v1/./messages",
    "a parameter": "/v1;x=/oauth/messages",
    "upper case": "/V1/Messages",
    "a trailing slash": "/v1/messages/",
    "a query that names a place for credentials": "/v1/messages?/v1/oauth/token",
    "a fragment": "/v1/messages#/v1/oauth/token",
}


@pytest.mark.parametrize("way", ROUNDABOUT)
@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_roundabout_paths(
    way: str, http2: bool, proxy: Proxy, poster: Poster, provider: Provider, planted: Planted
) -> None:
    at = len(provider.received)
    path, data = ROUNDABOUT[way].encode(), body(planted)
    if http2:
        with Line2(proxy, HOST) as line:
            line.exchange(fields(path=path), data)
    else:
        with Line(proxy, HOST) as line:
            line.send(head(path, more=length(data)) + b"\r\n" + data)
            line.read(quiet=0.1, limit=2)
    check(proxy, poster, provider, planted, at)
