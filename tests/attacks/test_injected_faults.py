"""An exception in every function of the gate in turn, with a secret in its message.

Every function of ours that is called while a request, a WebSocket message or an answer is processed
is made to raise when it is entered, each in a run of its own. Whatever fails, the secret does not
leave, nothing that is written quotes it, and the next request is served.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http, websocket
from mitmproxy.addons import proxyserver, upstream_auth
from mitmproxy.test import taddons, tflow
from wsproto.frame_protocol import Opcode

from addon.kit import RULES
from attacks.tracing import SECRET, Injected, Tracer
from secretgate import engine, gate, log
from secretgate.proxy import silence, socket_hooks
from secretgate.stores import NoStore
from secretgate_rules import Detector

pytestmark = pytest.mark.thorough

Step = Callable[[gate.Gate, http.HTTPFlow], Awaitable[None]]


class Shared(NoStore):
    """A store shared by workers: read in one thread, written in another."""

    remote = True


@pytest.fixture
def quiet() -> Iterator[None]:
    """As in a running proxy, uncaught exceptions are printed without their message."""
    before = sys.unraisablehook, threading.excepthook, logging.getLogRecordFactory()
    silence.keep_silent()
    yield
    sys.unraisablehook, threading.excepthook = before[:2]
    logging.setLogRecordFactory(before[2])


@pytest.fixture
def made(
    scene: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: None
) -> Iterator[gate.Gate]:
    monkeypatch.setenv("SECRETGATE_HOME", str(tmp_path / "home"))
    if scene in SHARING:
        monkeypatch.setattr(engine, "open_store", lambda *_: Shared())
    monkeypatch.setattr(engine, "load_default", lambda barrier, **_: Detector(RULES, barrier))
    with taddons.context(proxyserver.Proxyserver(), upstream_auth.UpstreamAuth()) as context:
        context.options.update(confdir=str(tmp_path / "own"))
        addon = gate.Gate()
        context.master.addons.add(addon)
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY)
        given = {
            name: value.format(policy=policy) for name, value in OPTIONS.get(scene, {}).items()
        }
        context.configure(addon, **{f"secretgate_{name}": value for name, value in given.items()})
        yield addon


def flow(kind: str = "application/json", path: str = "/v1/messages") -> http.HTTPFlow:
    one = tflow.tflow()
    one.request.method = "POST"
    one.request.host, one.request.path, one.request.scheme = "api.anthropic.com", path, "https"
    one.request.headers.clear()
    one.request.headers.update({"host": "api.anthropic.com", "content-type": kind})
    one.request.headers["x-note"] = "two words"
    one.request.content = json.dumps(
        {"messages": [{"role": "user", "content": f"it is {SECRET} so"}], "stream": True}
    ).encode()
    return one


async def call(hook: Callable[[Any], Any], one: http.HTTPFlow) -> None:
    """Call a hook as mitmproxy does: exceptions are logged (by type), and the flow goes on."""
    try:
        result = hook(one)
        if result is not None:
            await result
    except Injected:
        pass


def packed() -> http.HTTPFlow:
    one = flow()
    one.request.headers["content-encoding"] = "gzip"
    one.request.raw_content = gzip.compress(one.request.raw_content or b"")
    return one


def calling() -> http.HTTPFlow:
    one = flow("application/grpc")
    text = f"it is {SECRET} so".encode()
    message = b"\x0a" + bytes([len(text)]) + text
    one.request.raw_content = b"\0" + len(message).to_bytes(4, "big") + message
    one.request.headers.pop("content-length", None)
    return one


async def speak(addon: gate.Gate, one: http.HTTPFlow) -> None:
    """Send a call message by message; the flow's content becomes what would be sent."""
    await call(addon.requestheaders, one)
    stream = one.request.stream
    if callable(stream):
        whole, one.request.raw_content = one.request.raw_content or b"", b""
        for piece in (whole, b""):
            try:
                gone = stream(piece)
            except Injected:
                return  # mitmproxy closes the connection
            one.request.raw_content += gone if isinstance(gone, bytes) else b"".join(gone)
    await call(addon.request, one)


async def ask(addon: gate.Gate, one: http.HTTPFlow) -> None:
    await call(addon.requestheaders, one)
    await call(addon.request, one)


async def ask_and_answer(addon: gate.Gate, one: http.HTTPFlow) -> None:
    await ask(addon, one)
    if one.response is not None:
        return
    sent = json.loads(one.request.raw_content or b"")["messages"][0]["content"]
    one.response = http.Response.make(200, b"", {"content-type": "text/event-stream"})
    await call(addon.responseheaders, one)
    delta = {"type": "text_delta", "text": sent}
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    data = f"event: content_block_delta\ndata: {json.dumps(event)}\n\n".encode()
    if callable(one.response.stream):
        for piece in (data, b""):
            one.response.stream(piece)
    await call(addon.response, one)


def socket_flow() -> http.HTTPFlow:
    one = tflow.twebsocketflow()
    one.request.host, one.request.path = "api.openai.com", "/v1/responses"
    one.request.headers["host"] = "api.openai.com"
    one.request.content = b""
    assert one.websocket is not None
    one.websocket.messages.clear()
    one.response = None
    return one


async def converse(addon: gate.Gate, one: http.HTTPFlow) -> None:
    await ask(addon, one)
    if one.response is not None or one.websocket is None:
        return
    body = json.dumps({"type": "response.create", "input": f"it is {SECRET} so"}).encode()
    one.websocket.messages.append(websocket.WebSocketMessage(Opcode.TEXT, True, body))
    await call(addon.websocket_message, one)
    sent = one.websocket.messages[-1].content
    if sent:
        text = json.loads(sent).get("input", "")
        event = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0}
        said = json.dumps({**event, "content_index": 0, "delta": text}).encode()
        one.websocket.messages.append(websocket.WebSocketMessage(Opcode.TEXT, False, said))
        await call(addon.websocket_message, one)
    await call(addon.websocket_end, one)


def left(one: http.HTTPFlow) -> bytes:
    """Return what would be sent to the provider."""
    if one.websocket is not None:
        messages = [each for each in one.websocket.messages if each.from_client]
        return b"\0".join(each.content for each in messages if not each.dropped)
    if one.response is not None and one.response.headers.get("content-type") != "text/event-stream":
        return b""
    trailers = one.request.trailers
    head = b"\0".join(name + value for name, value in one.request.headers.fields)
    tail = b"\0".join(name + value for name, value in (trailers.fields if trailers else ()))
    return (one.request.raw_content or b"") + head + tail + one.request.path.encode()


def lines() -> http.HTTPFlow:
    one = flow("application/jsonl")
    one.request.raw_content = (one.request.raw_content or b"") + b'\n{"a": 1}\n'
    return one


def form() -> http.HTTPFlow:
    one = flow("application/x-www-form-urlencoded")
    one.request.raw_content = f"a=b&text=it+is+{SECRET}+so".encode()
    return one


def upload() -> http.HTTPFlow:
    one = flow("multipart/form-data; boundary=of-the-test", "/v1/files")
    hidden = base64.b64encode(f"it is {SECRET} so, and more".encode()).decode()
    parts = (
        ('name="purpose"', "", "assistants"),
        ('name="file"; filename="a.txt"', "\r\ncontent-type: text/plain", f"it is {SECRET} so"),
        (
            'name="more"; filename="b.json"',
            "\r\ncontent-type: application/json",
            f'{{"a": "{hidden}"}}',
        ),
    )
    text = "".join(
        f"--of-the-test\r\ncontent-disposition: form-data; {name}{kind}\r\n\r\n{content}\r\n"
        for name, kind, content in parts
    )
    one.request.raw_content = f"{text}--of-the-test--\r\n".encode()
    return one


def named() -> http.HTTPFlow:
    """Return a request with a file name in its compressed body."""
    one = packed()
    raw = one.request.raw_content or b""
    one.request.raw_content = raw[:3] + b"\x08" + raw[4:10] + SECRET.encode() + b"\0" + raw[10:]
    return one


def tool_call() -> http.HTTPFlow:
    one = flow(path="/mcp")
    one.request.host = one.request.headers["host"] = "mcp-proxy.anthropic.com"
    given = {"name": "write", "arguments": {"text": f"it is {SECRET} so"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": given}
    one.request.content = json.dumps(call).encode()
    return one


async def call_and_result(addon: gate.Gate, one: http.HTTPFlow) -> None:
    await ask(addon, one)
    if one.response is not None:
        return
    result = {"content": [{"type": "text", "text": "done"}]}
    said = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    one.response = http.Response.make(200, said, {"content-type": "application/json"})
    await call(addon.responseheaders, one)
    if callable(one.response.stream):
        for piece in (said, b""):
            one.response.stream(piece)
    await call(addon.response, one)


POLICY = """\
scope: of-the-test
mode: enforce
rules:
  - {name: one, action: log, match: {operation: llm.text, when: "hasSecrets(params.text)"}}
  - {name: two, action: deny, match: {operation: llm.tool_use, when: "params.name == 'rm'"}}
  - {name: three, action: redact, match: {operation: llm.text}, redact: {target: params.text, patterns: [{match: "z{9}", replace: "y"}]}}
  - {name: four, action: log, match: {operation: mcp.tool_call, when: "hasSecrets(params)"}}
  - {name: five, action: log, match: {operation: mcp.tool_result}}
"""

SCENES: dict[str, tuple[Callable[[], http.HTTPFlow], Step]] = {
    "a request": (flow, ask),
    "a request of a place that no table names": (lambda: flow(path="/x/../y"), ask),
    "a request that cannot be read": (lambda: flow("application/x-own"), ask),
    "a request and its answer": (flow, ask_and_answer),
    "a message of a WebSocket": (socket_flow, converse),
    "a request that is looked at in a thread": (packed, ask),
    "a request of one worker of several": (flow, ask_and_answer),
    "a message of one worker of several": (socket_flow, converse),
    "a call, message by message": (calling, speak),
    "a body of lines": (lines, ask),
    "a form": (form, ask),
    "an upload": (upload, ask),
    "a compressed body with a name": (named, ask),
    "a request and its answer under a policy": (flow, ask_and_answer),
    "a message under a policy": (socket_flow, converse),
    "a call of a tool under a policy": (tool_call, call_and_result),
    "a request that is put on record before it leaves": (flow, ask_and_answer),
    "a request of one worker whose vault is in a file": (flow, ask_and_answer),
}
OPTIONS = {
    "a request and its answer under a policy": {"policy": "{policy}"},
    "a message under a policy": {"policy": "{policy}"},
    "a call of a tool under a policy": {"policy": "{policy}"},
    "a request that is put on record before it leaves": {"audit_on_error": "block"},
    "a request of one worker whose vault is in a file": {"vault": "sqlite"},
}
WITHIN = {
    "a body of lines": ("bodies",),
    "a form": ("bodies",),
    "an upload": ("bodies", "outbound"),
    "a compressed body with a name": ("bodies", "outbound"),
    "a request and its answer under a policy": ("policy", "proxy"),
    "a message under a policy": ("policy",),
    "a call of a tool under a policy": ("policy", "mcp"),
    "a request that is put on record before it leaves": ("audit", "proxy"),
    "a request of one worker whose vault is in a file": ("stores", "proxy"),
}
"""The packages whose functions fail in these scenes; the scenes above cover the others."""
SHARING = {"a request of one worker of several", "a message of one worker of several"}
HOOKS = {
    "request",
    "requestheaders",
    "responseheaders",
    "response",
    "websocket_message",
    "websocket_end",
    "through",
}
"""Functions called by mitmproxy itself, which cannot catch exceptions before their first line."""


async def played(step: Step, addon: gate.Gate, one: http.HTTPFlow) -> None:
    """Run a step with its own threads, which are traced, and with delayed log lines."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor() as threads:
        loop.set_default_executor(threads)
        await step(addon, one)
        loop.call_soon(log.flush)
        await asyncio.sleep(0)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("scene", SCENES)
async def test_whatever_fails_nothing_leaves_and_nothing_is_quoted(
    scene: str,
    made: gate.Gate,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(gate, "hang_up", lambda one: None)
    monkeypatch.setattr(socket_hooks, "hang_up", lambda one: None)
    make, step = SCENES[scene]
    monkeypatch.setattr(gate.ctx.master.commands, "call", lambda *_: None)
    await played(step, made, make())  # do everything once that is done only once
    with Tracer() as tracer:
        first = make()
        await played(step, made, first)
    assert SECRET.encode() not in left(first)
    rooms = WITHIN.get(scene)
    steps = [
        code
        for code in tracer.seen
        if code.co_name not in HOOKS
        and (rooms is None or Path(code.co_filename).parent.name in rooms)
    ]
    assert len(steps) > (12 if rooms else 30)
    let_through = []
    for code in steps:
        one = make()
        with Tracer(code) as broken:
            await asyncio.wait_for(played(step, made, one), 20)
        assert broken.raised <= 1
        if SECRET.encode() in left(one):
            let_through.append(f"{Path(code.co_filename).name}:{code.co_qualname}")
        if one.response is not None and one.response.content:
            assert SECRET.encode() not in one.response.content
    assert let_through == []
    written = capfd.readouterr()
    assert SECRET not in written.out + written.err
    again = make()
    await played(step, made, again)
    assert left(again) == left(first)
