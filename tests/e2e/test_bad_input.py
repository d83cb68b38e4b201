"""Malformed and hostile input: never a leak, a crash or a hang."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
from pathlib import Path

import httpx
import pytest

from harness.clients import ResponsesConversation
from harness.fixtures import Launch
from harness.model import PLACEHOLDER
from harness.post import CHAT, MESSAGES, Exchange, Poster, ask
from harness.provider import Provider
from harness.proxy import ADDON
from harness.secrets import Planted, leaks
from harness.wire import encoded
from harness.wires import WIRES, Access

pytestmark = pytest.mark.usefixtures("echoing")

MARK = "SECRET-HERE"
_READY = b"] ready "
GOOD = ask(MESSAGES, f"token {MARK} end")

BODIES: dict[str, bytes] = {
    "json cut short": GOOD[:-3],
    "json with a trailing comma": GOOD.replace(b'"}]}', b'"},]}'),
    "two documents": GOOD + b"\n" + GOOD,
    "bytes after the end": GOOD + b"\x00\xff",
    "no json at all": f"token={MARK}&x=1".encode(),
    "invalid utf-8": GOOD.replace(b"end", b"\xff\xfe\x80 end"),
    "a utf-8 bom": b"\xef\xbb\xbf" + GOOD,
    "utf-16": GOOD.decode().encode("utf-16"),
    "nested 10,000 deep": b'{"a":' * 10_000 + GOOD + b"}" * 10_000,
    "a list 100,000 deep": b"[" * 100_000 + GOOD + b"]" * 100_000,
}
SPLICED: dict[str, bytes] = {
    "lone surrogates": GOOD.replace(b"end", rb"\ud800 \udfff\ud800 end"),
    "duplicate keys": GOOD.replace(b'"role"', f'"content":"first {MARK}","role"'.encode()),
    "NaN": GOOD.replace(b'"max_tokens":9', b'"max_tokens":NaN,"x":[-Infinity,1e999]'),
    "control characters": GOOD.replace(b"end", b"\x01\x1f\x7f end"),
    "a bare string": json.dumps(f"token {MARK}").encode(),
    "a list": b'[1, null, "' + MARK.encode() + b'"]',
    "a secret as a key": b'{"messages":[{"role":"user","content":{"%s":1}}]}' % MARK.encode(),
}


def planted_in(body: bytes, planted: Planted) -> bytes:
    token = planted.values["GITHUB_TOKEN"]
    if MARK.encode("utf-16-le") in body:
        return body.replace(MARK.encode("utf-16-le"), token.encode("utf-16-le"))
    return body.replace(MARK.encode(), token.encode())


def check_it_still_works(poster: Poster) -> None:
    body = ask(MESSAGES, "still there?")
    assert poster.post(MESSAGES, body).forwarded.raw == body


def check_refused_with_a_reason(exchange: Exchange) -> None:
    assert exchange.refused
    assert exchange.status in (400, 403, 413, 415)
    assert json.loads(exchange.content)["error"]["message"]


@pytest.mark.parametrize("name", BODIES | SPLICED)
def test_a_secret_in_it_does_not_leave(name: str, poster: Poster, planted: Planted) -> None:
    body = planted_in((BODIES | SPLICED)[name], planted)
    exchange = poster.post(MESSAGES, body)
    if exchange.arrived:
        token = planted.values["GITHUB_TOKEN"].encode()
        assert exchange.leaks(planted.secrets) == []
        assert token.decode().encode("utf-16-le") not in exchange.forwarded.raw
        assert PLACEHOLDER.search(exchange.forwarded.raw.decode(errors="replace"))
    else:
        check_refused_with_a_reason(exchange)
    check_it_still_works(poster)


@pytest.mark.parametrize("name", BODIES)
def test_without_a_secret_it_passes_unchanged_or_is_refused(name: str, poster: Poster) -> None:
    body = BODIES[name].replace(MARK.encode(), b"none")
    exchange = poster.post(MESSAGES, body)
    if exchange.arrived:
        assert exchange.forwarded.raw == body
    else:
        check_refused_with_a_reason(exchange)


@pytest.mark.parametrize("name", SPLICED)
def test_what_json_readers_accept_is_read(name: str, poster: Poster, planted: Planted) -> None:
    clean = SPLICED[name].replace(MARK.encode(), b"none")
    assert poster.post(MESSAGES, clean).forwarded.raw == clean
    body = planted_in(SPLICED[name], planted)
    arrived = poster.post(MESSAGES, body).forwarded.raw
    token = planted.values["GITHUB_TOKEN"].encode()
    expected = body.split(token)
    found = PLACEHOLDER.split(arrived.decode("utf-8", "surrogateescape"))
    assert [each.encode("utf-8", "surrogateescape") for each in found] == expected


CODED: dict[str, tuple[str, bytes]] = {
    "unknown coding": ("x-own", GOOD),
    "truncated gzip": ("gzip", gzip.compress(GOOD)[:-12]),
    "gzip with bytes after it": ("gzip", gzip.compress(GOOD) + b"more"),
    "truncated br": ("br", encoded(GOOD, "br")[:-4]),
    "a gzip bomb": ("gzip", gzip.compress(b'{"a":"' + b" " * 2**29 + b'"}', 9)),
}


@pytest.mark.parametrize("name", CODED)
@pytest.mark.parametrize("target", [MESSAGES, CHAT], ids=lambda target: target[1])
def test_what_cannot_be_decoded_is_refused(
    name: str, target: tuple[str, str], poster: Poster, planted: Planted
) -> None:
    coding, body = CODED[name]
    exchange = poster.post(target, body, headers={"content-encoding": coding})
    check_refused_with_a_reason(exchange)
    check_it_still_works(poster)


def test_a_body_that_lies_about_its_coding_does_not_leak(poster: Poster, planted: Planted) -> None:
    good = planted_in(GOOD, planted)
    packed = gzip.compress(good)
    for coding, body in (
        ("gzip", good),
        ("zstd", packed),
        ("", packed),
        ("", encoded(good, "zstd")),
    ):
        exchange = poster.post(
            MESSAGES, body, headers={"content-encoding": coding} if coding else {}
        )
        assert all(each.raw != body for each in exchange.arrived)
        assert exchange.leaks(planted.secrets) == []


@pytest.mark.parametrize("coding", ["gzip, br", "identity", "GZIP", "x-gzip"])
def test_spellings_of_codings_are_read(coding: str, poster: Poster, planted: Planted) -> None:
    body = planted_in(GOOD, planted)
    for each in coding.lower().replace("x-", "").split(", "):
        body = encoded(body, each) if each != "identity" else body
    exchange = poster.post(MESSAGES, body, headers={"content-encoding": coding})
    assert exchange.leaks(planted.secrets) == []
    if exchange.refused:
        check_refused_with_a_reason(exchange)


def test_forty_megabytes(poster: Poster, planted: Planted) -> None:
    filler = "All work and no play makes Jack a dull boy. " * 1_000_000
    body = planted_in(ask(MESSAGES, f"{filler[: 40 * 2**20]} token {MARK} end"), planted)
    exchange = poster.post(MESSAGES, body)
    if exchange.arrived:
        assert PLACEHOLDER.search(exchange.forwarded.raw[-200:].decode())
        assert planted.values["GITHUB_TOKEN"].encode() not in exchange.forwarded.raw
    else:
        check_refused_with_a_reason(exchange)
    check_it_still_works(poster)


def test_an_empty_body(poster: Poster) -> None:
    exchange = poster.post(MESSAGES, b"")
    assert exchange.forwarded.raw == b""


def test_a_wrong_content_type_hides_nothing(poster: Poster, planted: Planted) -> None:
    body = planted_in(GOOD, planted)
    for kind in ("text/plain", "application/octet-stream", "image/png", "garbage"):
        exchange = poster.post(MESSAGES, body, headers={"content-type": kind})
        assert exchange.leaks(planted.secrets) == [], kind


def test_without_its_addon_file_the_proxy_does_not_pass_requests_unread(
    launch: Launch, provider: Provider, planted: Planted, tmp_path: Path
) -> None:
    """mitmproxy unloads a script whose file is gone, as during an upgrade, and goes on serving."""
    addon = tmp_path / "secretgate_addon.py"
    addon.write_bytes(ADDON.read_bytes())
    proxy = launch(addon=addon)
    poster = Poster(Access.through(proxy), provider)
    body = planted_in(GOOD, planted)
    assert poster.post(MESSAGES, body).leaks(planted.secrets) == []
    addon.unlink()
    proxy.comes(b"Removing script", 10)
    with contextlib.suppress(httpx.HTTPError, OSError):
        assert poster.post(MESSAGES, body).leaks(planted.secrets) == []


def test_an_addon_file_that_changes_is_loaded_again(
    launch: Launch, provider: Provider, planted: Planted, tmp_path: Path
) -> None:
    """mitmproxy does so, as during an upgrade. Connections of the gate before it are not its own."""
    addon = tmp_path / "secretgate_addon.py"
    addon.write_bytes(ADDON.read_bytes())
    proxy = launch(addon=addon)
    access = Access.through(proxy)
    wire = next(wire for wire in WIRES if wire.name == "responses-websocket")
    conversation = ResponsesConversation("Be brief.", stateful=True)
    with wire.transport(access) as transport:
        conversation.say("nothing yet")
        transport(conversation.body())
        assert proxy.comes(lambda said: said.count(_READY) == 1)
        os.utime(addon, (2**31, 2**31))
        assert proxy.comes(lambda said: said.count(_READY) == 2)
        conversation.say(planted.env)
        with pytest.raises(Exception, match="clos"):
            transport(conversation.body())
        assert leaks(b"".join(provider.received[-1].messages), planted.secrets) == []
    exchange = Poster(access, provider).post(MESSAGES, planted_in(GOOD, planted))
    assert exchange.status == 200
    assert exchange.leaks(planted.secrets) == []
    assert planted.values["GITHUB_TOKEN"].encode() in exchange.content
