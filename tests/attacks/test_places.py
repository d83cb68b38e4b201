"""Unexpected places of a secret, in and around a body: it never leaves, nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest

from harness.model import PLACEHOLDER
from harness.post import MESSAGES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.raw import Line, Line2
from harness.secrets import Planted, joined, leaks
from secretgate.demo.hunt import base64_cores

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("echoing")]

HOST = MESSAGES[0]
CLEAN = ask(MESSAGES, "nothing here")


def token(planted: Planted) -> str:
    return planted.values["GITHUB_TOKEN"]


TARGETS = {
    "a query": "/v1/messages?q={}",
    "a query without a name": "/v1/messages?{}",
    "a query, behind others": "/v1/messages?beta=true&note=see+{}+there",
    "a name in a query": "/v1/messages?{}=1",
    "a path": "/v1/files/{}/content",
    "a path with words around it": "/v1/files/backup-of-{}",
    "a path that is in no table": "/internal/x/{}",
    "a matrix parameter": "/v1/messages;v={}",
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("place", TARGETS)
def test_in_the_target(place: str, method: str, poster: Poster, planted: Planted) -> None:
    secret = token(planted)
    for written in (secret, "".join(f"%{ord(char):02x}" for char in secret)):
        before, _, after = TARGETS[place].partition("{}")
        exchange = poster.post((HOST, before + written + after), CLEAN, method=method)
        assert exchange.leaks(planted.secrets) == []
        path = exchange.forwarded.path
        assert path.startswith(before)
        assert path.endswith(after)
        assert PLACEHOLDER.search(unquote(path))


def test_credentials_of_the_request_stay_in_the_target(poster: Poster, planted: Planted) -> None:
    for name in ("key", "access_token", "X-Amz-Signature"):
        path = f"/v1/messages?{name}={quote(token(planted))}&x=1"
        assert poster.post((HOST, path), CLEAN).forwarded.path == path


HEADERS = {
    "a git remote": ("x-turn-metadata", '{"origin": "https://me:{}@git.corp.example/a.git"}'),
    "a git remote by itself": ("x-origin", "https://me:{}@git.corp.example/a.git"),
    "words": ("x-note", "the token is {} so"),
    "a user agent": ("user-agent", "tool/1.0 ({})"),
    "a user agent of one word": ("user-agent", "{}"),
    "where a link was": ("referer", "https://wiki.corp.example/page?t={}&x=1"),
    "another proxy": ("via", "1.1 {}"),
    "who asks": ("from", "{}@corp.example"),
}


@pytest.mark.parametrize("place", HEADERS)
def test_in_a_header(place: str, poster: Poster, planted: Planted) -> None:
    name, value = HEADERS[place]
    before, _, after = value.partition("{}")
    exchange = poster.post(MESSAGES, CLEAN, headers={name: before + token(planted) + after})
    assert exchange.leaks(planted.secrets) == []
    arrived = exchange.forwarded.header(name) or ""
    assert arrived.startswith(before)
    assert arrived.endswith(after)
    assert exchange.forwarded.raw == CLEAN


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_in_the_name_of_a_header(http2: bool, poster: Poster, planted: Planted) -> None:
    """A placeholder is not a valid header name, so such a request is refused."""
    refused = poster.post(MESSAGES, CLEAN, headers={token(planted): "1"}, http2=http2)
    assert refused.leaks(planted.secrets) == []
    # HTTP/2 header names are in lower case, which no rule recognises as this secret.
    assert http2 or (refused.refused and token(planted).encode() not in refused.content)


def test_in_the_method(proxy: Proxy, provider: Provider, planted: Planted) -> None:
    head = f"{token(planted)} /v1/messages HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n"
    with provider.recording() as arrived, Line(proxy, HOST) as line:
        answer = line.exchange(head.encode())
    assert arrived == []
    assert b"HTTP/1.1 4" in answer
    assert token(planted).encode() not in answer


def test_a_credential_header_stays(poster: Poster, planted: Planted) -> None:
    sent = {
        "x-gateway-auth": f"Bearer {token(planted)}",
        "cookie": f"a=1; session={token(planted)}",
        "x-helicone": token(planted),
    }
    arrived = poster.post(MESSAGES, CLEAN, headers=sent).forwarded
    assert {name: arrived.header(name) for name in sent} == sent


def test_what_the_body_gives_away_is_replaced_in_the_head(poster: Poster, planted: Planted) -> None:
    password = planted.values["DB_PASSWORD"]
    body = ask(MESSAGES, f"postgresql://app:{password}@db.internal.corp:5432/app")
    exchange = poster.post((HOST, f"/v1/messages?note=it+is+{quote(password)}"), body)
    assert exchange.leaks(planted.secrets) == []


def test_what_the_head_gives_away_is_replaced_in_the_body(poster: Poster, planted: Planted) -> None:
    secret = token(planted)
    body = ask(MESSAGES, f"backwards and {secret[:10]}-, whole: x{secret}")
    exchange = poster.post((HOST, f"/v1/messages?note={secret}"), body)
    assert secret.encode() not in exchange.forwarded.raw


def test_in_the_head_in_block_mode(launch: object, provider: Provider, planted: Planted) -> None:
    from harness.wires import Access

    proxy: Proxy = launch(options={"secretgate_mode": "block"})  # type: ignore[operator]
    blocking = Poster(Access.through(proxy), provider)
    refused = blocking.post((HOST, f"/v1/messages?note={token(planted)}"), CLEAN)
    assert refused.refused
    assert "github-pat" in json.loads(refused.content)["error"]["message"]
    assert token(planted).encode() not in proxy.output + refused.content


def trailed2(proxy: Proxy, kind: bytes, body: bytes, trailer: bytes) -> None:
    fields = [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", HOST.encode()),
        (b":path", b"/v1/messages"),
        (b"content-type", kind),
    ]
    with Line2(proxy, HOST) as line:
        line.exchange(fields, body, trailers=[(b"x-note", trailer)])


def trailed1(proxy: Proxy, kind: bytes, body: bytes, trailer: bytes) -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n"
    chunks = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nX-Note: %s\r\n\r\n"
    with Line(proxy, HOST) as line:
        line.send(head % (HOST.encode(), kind) + chunks % (len(body), body, trailer))
        line.read(limit=3)  # mitmproxy does not answer such a request


@pytest.mark.parametrize("http", [trailed1, trailed2], ids=["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("kind", ["application/json", "application/grpc"])
def test_trailers(
    http: Callable[[Proxy, bytes, bytes, bytes], None],
    kind: str,
    proxy: Proxy,
    provider: Provider,
    planted: Planted,
) -> None:
    """Trailers without secrets arrive if mitmproxy forwards trailers, so the test can fail."""
    body = CLEAN if kind == "application/json" else b"\0\0\0\0\0"
    with provider.recording() as clean:
        http(proxy, kind.encode(), body, b"nothing to see")
    with provider.recording() as arrived:
        http(proxy, kind.encode(), body, b"see " + token(planted).encode())
    assert any(each.trailers for each in clean) is (http is trailed2)
    assert leaks(joined(each.everything for each in arrived), planted.secrets) == []


def _key(secret: str) -> bytes:
    return json.dumps({"model": "m", "messages": [], "notes": {secret: {"x": 1}}}).encode()


def _file_name(secret: str) -> bytes:
    block = {"type": "document", "title": f"{secret}.txt", "source": {"type": "text", "data": "x"}}
    return json.dumps({"messages": [{"role": "user", "content": [block]}]}).encode()


def _escaped(secret: str) -> bytes:
    letters = "".join(f"\\u{ord(char):04x}" for char in secret)
    return ask(MESSAGES, "MARK").replace(b"MARK", letters.encode())


def _half_escaped(secret: str) -> bytes:
    letters = "".join(f"\\u{ord(c):04X}" if at % 2 else c for at, c in enumerate(secret))
    return ask(MESSAGES, "MARK").replace(b"MARK", letters.encode())


def _deep(secret: str) -> bytes:
    text = secret
    for _ in range(3):
        text = json.dumps({"inner": text})
    return ask(MESSAGES, text)


def _percent(secret: str) -> bytes:
    return ask(MESSAGES, f"https://x.example/?t={''.join(f'%{ord(c):02X}' for c in secret)}")


def _base64(secret: str) -> bytes:
    import base64

    return ask(MESSAGES, base64.b64encode(f"config: token={secret}\n".encode()).decode())


def _hex(secret: str) -> bytes:
    return ask(MESSAGES, secret.encode().hex())


def _twice(secret: str) -> bytes:
    doubled = f'"content":"{secret}","content"'
    return ask(MESSAGES, "x").replace(b'"content"', doubled.encode(), 1)


BODIES = {
    "a member name": _key,
    "a file name": _file_name,
    "written in \\u escapes": _escaped,
    "half in \\u escapes": _half_escaped,
    "JSON in JSON in JSON": _deep,
    "percent-encoded": _percent,
    "base64": _base64,
    "hexadecimal": _hex,
    "a duplicate member that loses": _twice,
}


@pytest.mark.parametrize("place", BODIES)
def test_in_the_body(place: str, poster: Poster, planted: Planted) -> None:
    secret = token(planted)
    exchange = poster.post(MESSAGES, BODIES[place](secret))
    assert exchange.leaks(planted.secrets) == []
    arrived = exchange.forwarded.raw
    assert all(core not in arrived for core in base64_cores(secret.encode()))


@pytest.mark.parametrize("place", ["boundary", "file name", "field name", "part header"])
def test_in_a_multipart_frame(place: str, poster: Poster, planted: Planted) -> None:
    secret = token(planted)
    boundary = secret if place == "boundary" else "frontier"
    field = secret if place == "field name" else "file"
    name = f"{secret}.txt" if place == "file name" else "a.txt"
    header = f"X-Note: it is {secret}\r\n" if place == "part header" else ""
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        f"{header}Content-Type: text/plain\r\n\r\nhello\r\n--{boundary}--\r\n"
    ).encode()
    kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
    exchange = poster.post((HOST, "/v1/files"), body, headers=kind)
    assert exchange.leaks(planted.secrets) == []
