"""The hooks in mitmproxy's test context: options, failing closed, traffic that is not changed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import json
import sys
from typing import Any

import pytest
from mitmproxy import connection, http, tls
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow

from addon.kit import prompt, token
from secretgate import gate
from secretgate.outbound import refusals
from secretgate.proxy import passing, threads


def flow(
    content: bytes, host: str = "api.anthropic.com", path: str = "/v1/messages", **headers: str
) -> http.HTTPFlow:
    one = tflow.tflow()
    one.request.method = "POST"
    one.request.host = host
    one.request.path = path
    one.request.scheme = "https"
    one.request.headers.clear()
    one.request.headers.update({"host": host, "content-type": "application/json", **headers})
    one.request.content = content
    return one


async def test_a_request_is_redacted_and_its_length_is_right(made: gate.Gate) -> None:
    one = flow(prompt(token(1)))
    await made.request(one)
    assert one.response is None
    assert token(1).encode() not in one.request.raw_content
    assert one.request.headers["content-length"] == str(len(one.request.raw_content))


async def test_a_clean_request_keeps_every_byte_and_header(made: gate.Gate) -> None:
    one = flow(prompt("hello"))
    before = (one.request.raw_content, tuple(one.request.headers.fields))
    await made.request(one)
    assert (one.request.raw_content, tuple(one.request.headers.fields)) == before


def test_connections_that_failed_are_told_by_covered_host(made: gate.Gate) -> None:
    client = tflow.tclient_conn()
    for host in ("api.anthropic.com", "example.org"):
        server = connection.Server(address=(host, 443))
        made.server_connect_error(ServerConnectionHookData(server, client))
    for client.sni in ("api.openai.com", "example.org"):
        made.tls_failed_client(tls.TlsData(client, Context(client, Options())))
    assert made.counters.numbers()["unconnected"] == ["api.anthropic.com", "api.openai.com"]


async def test_a_request_without_a_body_gets_none(made: gate.Gate) -> None:
    one = flow(b"")
    one.request.headers.pop("content-length", None)
    one.request.method = "GET"
    await made.request(one)
    assert "content-length" not in one.request.headers
    assert one.response is None


@pytest.mark.parametrize(("mode", "status"), [("block", 403), ("audit", None)])
async def test_the_mode_can_change_at_run_time(
    made: gate.Gate, context: taddons.context, mode: str, status: int | None
) -> None:
    context.options.update(secretgate_mode=mode)
    body = prompt(token(2))
    one = flow(body)
    await made.request(one)
    assert (one.response and one.response.status_code) == status
    if mode == "audit":
        assert one.request.raw_content == body
    else:
        answer = json.loads(one.response.content)
        assert answer["type"] == "error"
        assert "test-token" in answer["error"]["message"]
        assert "messages[0].content" in answer["error"]["message"]
        assert token(2) not in one.response.text


async def test_audit_lets_pass_what_could_not_be_made_safe(
    made: gate.Gate, context: taddons.context
) -> None:
    """A model that saw the secret repeats it in its thinking, which must not be edited."""
    context.options.update(secretgate_mode="audit")
    thought = {"type": "thinking", "thinking": f"It is {token(3)}.", "signature": "c2lnbmVk"}
    messages = [
        {"role": "user", "content": token(3)},
        {"role": "assistant", "content": [thought]},
    ]
    body = json.dumps({"messages": messages}).encode()
    one = flow(body)
    await made.request(one)
    assert one.response is None
    assert one.request.raw_content == body
    assert made.counters.numbers()["found"] == {"test-token": 1}


@pytest.mark.parametrize(
    "spelling", ["api.anthropic.com", "API.Anthropic.COM", "api.anthropic.com."]
)
async def test_a_host_is_covered_however_it_is_spelt(made: gate.Gate, spelling: str) -> None:
    one = flow(prompt(token(3)), host=spelling)
    await made.request(one)
    assert token(3).encode() not in one.request.raw_content


async def test_a_host_header_of_another_host_hides_nothing(made: gate.Gate) -> None:
    one = flow(prompt(token(3)), host="api.anthropic.com")
    one.request.headers["host"] = "example.org"
    await made.request(one)
    assert token(3).encode() not in one.request.raw_content


async def test_an_uncovered_host_is_not_read_and_streams(made: gate.Gate) -> None:
    one = flow(prompt(token(4)), host="example.org")
    await made.requestheaders(one)
    assert one.request.stream is True
    await made.request(one)
    assert token(4).encode() in one.request.raw_content


async def test_an_added_host_is_covered(made: gate.Gate, context: taddons.context) -> None:
    context.options.update(secretgate_hosts="llm.corp=openai-chat")
    one = flow(prompt(token(5)), host="llm.corp", path="/any")
    await made.request(one)
    assert token(5).encode() not in one.request.raw_content


async def test_an_error_in_the_gate_blocks_and_quotes_nothing(
    capsys: pytest.CaptureFixture[str], made: gate.Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError(f"failed on {token(6)}")

    monkeypatch.setattr(type(made.engine().requests), "decide", broken)
    one = flow(prompt(token(6)))
    await made.request(one)
    assert one.response is not None
    assert one.response.status_code == 403
    printed = capsys.readouterr()
    assert token(6) not in one.response.text + printed.out + printed.err
    assert "RuntimeError" in printed.err


@pytest.mark.parametrize("mode", ["redact", "block", "audit"])
async def test_the_head_of_a_call_is_looked_at_before_it_goes_out(
    made: gate.Gate, context: taddons.context, mode: str
) -> None:
    """Its messages are forwarded as they arrive, so a later check would be too late."""
    context.options.update(secretgate_mode=mode)
    one = flow(
        b"",
        **{"content-type": "application/connect+proto", "x-note": f"this one needs {token(14)}"},
    )
    one.request.raw_content = None
    one.request.headers.pop("content-length", None)
    await made.requestheaders(one)
    assert (one.response is not None) == (mode == "block")
    assert callable(one.request.stream) == (mode != "block")
    assert (token(14) in one.request.headers["x-note"]) == (mode == "audit")
    assert made.counters.numbers()["found"] == {"test-token": 1}


async def test_an_error_in_an_answer_ends_it_with_an_error(
    made: gate.Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = flow(prompt(token(7)))
    await made.request(one)
    one.response = http.Response.make(200, b"", {"content-type": "text/event-stream"})
    made.responseheaders(one)
    exchange = made.exchanges[one]
    monkeypatch.setattr(type(exchange.response), "feed", lambda *_: 1 / 0)
    assert callable(one.response.stream)
    (last,) = one.response.stream(b"data: {}\n\n")
    assert b"error" in last
    assert one.response.stream(b"data: {}\n\n") == []


@pytest.mark.parametrize("broken", ["through", "failed"])
async def test_an_answer_that_fails_before_it_begins_is_an_error_and_nothing_else(
    made: gate.Gate, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Policy might have rejected it, and a tool would write placeholders into files."""
    one = flow(prompt(token(7)))
    await made.request(one)
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    one.response = http.Response.make(200, b"", headers)
    monkeypatch.setattr(passing, "through", lambda *_: 1 / 0)
    if broken == "failed":
        monkeypatch.setattr(refusals, "event", lambda *_: 1 / 0)
    with contextlib.suppress(ZeroDivisionError):
        made.responseheaders(one)
    assert callable(one.response.stream)
    said = b"".join([*one.response.stream(b"what it says"), *one.response.stream(b"")])
    assert b"what it says" not in said
    if broken == "through":
        assert one.response.status_code == 502
        assert "content-encoding" not in one.response.headers
        assert json.loads(said)["error"]["message"].startswith("secretgate failed")


async def test_a_large_request_is_decided_on_the_same(made: gate.Gate) -> None:
    one = flow(prompt("x " * threads.ALWAYS_IN_A_THREAD + token(8)))
    await made.request(one)
    assert token(8).encode() not in one.request.raw_content


async def test_an_answer_is_restored_as_it_streams(made: gate.Gate) -> None:
    one = flow(prompt(token(9)))
    await made.request(one)
    placeholder = json.loads(one.request.raw_content)["messages"][0]["content"]
    one.response = http.Response.make(
        200, b"", {"content-type": "text/event-stream", "content-length": "7"}
    )
    made.responseheaders(one)
    assert "content-length" not in one.response.headers
    assert callable(one.response.stream)
    out = b""
    for piece in (placeholder[:5], placeholder[5:20], placeholder[20:] + "!"):
        event = {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": piece},
        }
        out += b"".join(one.response.stream(f"data: {json.dumps(event)}\n\n".encode()))
    texts = [json.loads(line[6:])["delta"]["text"] for line in out.splitlines() if line]
    assert "".join(texts) == token(9) + "!"


async def test_an_answer_that_cannot_be_analysed_still_arrives(
    made: gate.Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the detector failed")

    monkeypatch.setattr("secretgate.outbound.redaction.Redactor.written", fail)
    one = flow(prompt(token(9)))
    await made.request(one)
    one.response = http.Response.make(200, b"", {"content-type": "text/event-stream"})
    made.responseheaders(one)
    assert callable(one.response.stream)
    delta = {"type": "text_delta", "text": "Done."}
    said = json.dumps({"type": "content_block_delta", "index": 0, "delta": delta}).encode()
    raw = b"data: " + said + b'\n\ndata: {"type": "message_stop"}\n\n'
    assert b"".join([*one.response.stream(raw), *one.response.stream(b"")]) == raw


async def test_a_placeholder_of_another_conversation_is_not_restored(made: gate.Gate) -> None:
    first = flow(prompt(token(10)))
    await made.request(first)
    placeholder = json.loads(first.request.raw_content)["messages"][0]["content"]
    one = flow(prompt(f"print {placeholder} and {token(11)}"))
    await made.request(one)
    one.response = http.Response.make(200, b"", {"content-type": "application/json"})
    made.responseheaders(one)
    assert callable(one.response.stream)
    body = json.dumps({"content": [{"type": "text", "text": placeholder}]}).encode()
    assert b"".join([*one.response.stream(body), *one.response.stream(b"")]) == body


def answered(made: gate.Gate, one: http.HTTPFlow, text: str) -> str:
    """Return what the client receives of an answer with the text `text`."""
    output = [{"type": "message", "content": [{"type": "output_text", "text": text}]}]
    body = json.dumps({"id": "resp_0123456789", "object": "response", "output": output}).encode()
    one.response = http.Response.make(200, b"", {"content-type": "application/json"})
    made.responseheaders(one)
    if callable(one.response.stream):
        body = b"".join([*one.response.stream(body), *one.response.stream(b"")])
    made.error(one)
    said: str = json.loads(body)["output"][0]["content"][0]["text"]
    return said


@pytest.mark.parametrize(
    ("headers", "peer", "user", "restored"),
    [
        ({}, "127.0.0.1", "", True),
        ({"authorization": "Bearer of-somebody-else"}, "127.0.0.1", "", False),
        ({}, "127.0.0.2", "", False),
        ({}, "127.0.0.1", "another", False),
    ],
    ids=["the same", "another account", "another machine", "another user"],
)
async def test_a_conversation_that_the_provider_keeps_goes_on_for_its_own_client_alone(
    made: gate.Gate, headers: dict[str, str], peer: str, user: str, restored: bool
) -> None:
    def asking(text: str, **more: Any) -> http.HTTPFlow:
        body = json.dumps({"model": "m", "input": text, **more}).encode()
        one = flow(body, "api.openai.com", "/v1/responses", authorization="Bearer of-one-user")
        one.client_conn.peername = ("127.0.0.1", 5000)
        return one

    first = asking(f"it is {token(12)}")
    await made.request(first)
    placeholder = json.loads(first.request.raw_content)["input"].removeprefix("it is ")
    assert answered(made, first, placeholder) == token(12)

    later = asking("say it again", previous_response_id="resp_0123456789")
    later.request.headers.update(headers)
    later.client_conn.peername = (peer, 5001)
    if user:
        later.metadata["proxyauth"] = (user, "made up")
    await made.request(later)
    assert answered(made, later, placeholder) == (token(12) if restored else placeholder)


async def test_a_log_that_cannot_be_written_lets_nothing_pass_and_stops_nothing(
    made: gate.Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    one = flow(prompt(token(12)))
    await made.request(one)
    assert one.response is None
    assert token(12).encode() not in one.request.raw_content


async def test_bodies_are_let_go_when_the_answer_is_over(made: gate.Gate) -> None:
    """Exchanges are in reference cycles, so whole conversations would wait for the collector."""
    one = flow(prompt(token(10)))
    await made.request(one)
    one.response = http.Response.make(200, b"{}", {"content-type": "application/json"})
    made.responseheaders(one)
    exchange = made.exchanges[one]
    assert exchange.request.content
    assert exchange.decision.content
    assert exchange.recorder
    await made.response(one)
    for _ in range(2):
        await asyncio.sleep(0)
    assert not exchange.request.content
    assert not exchange.decision.content
    assert not exchange.recorder
    assert not exchange.response


async def test_a_head_that_was_quiet_is_looked_at_for_what_is_known_since(made: gate.Gate) -> None:
    def tagged(said: str) -> http.HTTPFlow:
        return flow(prompt(said), **{"x-build": f"run of {value} by a tool"})

    value = "correct-horse-battery-staple"
    for _ in range(2):
        one = tagged("hello")
        await made.request(one)
        assert value in one.request.headers["x-build"]
    engine = made.engine()
    scope = made.exchanges[one].request.scope
    engine.vault.learn(scope, {value.encode(): "generic-api-key"})
    again = tagged("hello")
    await made.request(again)
    assert value not in again.request.headers["x-build"]


async def test_a_head_with_a_secret_is_redacted_each_time(made: gate.Gate) -> None:
    for _ in range(3):
        one = flow(prompt("hello"), **{"x-remote": f"remote with {token(9)} in it"})
        await made.request(one)
        assert token(9) not in one.request.headers["x-remote"]
