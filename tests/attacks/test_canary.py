"""The canary with failures: faults in every hook, crashes, stored flows, debug output.

Nothing that the process and its children wrote, and nothing that the system shows of the process,
contains a planted value in any encoding.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from mitmproxy import http, version
from mitmproxy.io import FlowReader

from harness.fixtures import Launch
from harness.model import echo
from harness.post import CHAT, MESSAGES, RESPONSES, Poster, ask
from harness.programs import free_port
from harness.provider import Provider
from harness.secrets import joined, leaks, plant
from harness.web import Web
from harness.wire import Gate
from harness.wires import WIRES, Access, Wire

pytestmark = pytest.mark.e2e
FAULTS = Path(__file__).with_name("faulty_addon.py")
HOOKS = (
    "tls_clienthello",
    "requestheaders",
    "request",
    "responseheaders",
    "response",
    "websocket_message",
    "websocket_end",
    "error",
)


def _socket() -> Wire:
    return next(wire for wire in WIRES if wire.name == "responses-websocket")


@pytest.mark.parametrize("detail", [3, 4])
def test_mitmdump_prints_of_an_answer_what_the_provider_wrote(
    detail: int, launch: Launch, provider: Provider
) -> None:
    planted = plant(816)
    options: dict[str, object] = {"flow_detail": detail, "store_streamed_bodies": True}
    if version.VERSION.startswith("11.0"):
        del options["store_streamed_bodies"]
    proxy = launch(options=options)
    poster = Poster(Access.through(proxy), provider)
    with provider.manner(script=echo):
        for target in (MESSAGES, CHAT, RESPONSES):
            for stream in (False, True):
                exchange = poster.post(target, ask(target, planted.env, stream=stream))
                assert leaks(exchange.content, planted.secrets)
        with _socket().transport(poster.access) as transport:
            for _ in range(2):
                conversation = _socket().conversation("Be brief.")
                conversation.say(planted.env)
                answer = transport(conversation.body())
                assert leaks(json.dumps(answer).encode(), planted.secrets)
    proxy.stop()
    assert proxy.output.count(b"REDACTED<") > 20
    assert leaks(proxy.output, planted.secrets) == []


def test_the_api_of_mitmweb_shows_of_an_answer_what_the_provider_wrote(
    launch: Launch, provider: Provider
) -> None:
    """Everything it reports of streamed bodies and of an open WebSocket, including its updates."""
    planted = plant(817)
    port = free_port()
    options: dict[str, object] = {
        "web_open_browser": False,
        "web_port": port,
        "web_password": "of-the-test",
    }
    if not version.VERSION.startswith("11.0"):
        options["store_streamed_bodies"] = True
    proxy = launch(tool="mitmweb", options=options)
    poster = Poster(Access.through(proxy), provider)
    heard: list[str | bytes] = []
    with Web(port, heard) as web, provider.manner(script=echo):
        for target in (MESSAGES, CHAT):
            for stream in (False, True):
                poster.post(target, ask(target, planted.env, stream=stream))
        poster.post(MESSAGES, b'{"broken')
        with _socket().transport(poster.access) as transport:
            conversation = _socket().conversation("Be brief.")
            conversation.say(planted.env)
            answer = transport(conversation.body())
            assert leaks(json.dumps(answer).encode(), planted.secrets)
            told = web.everything()
        told |= web.everything()
    updates = "\0".join(each if isinstance(each, str) else each.decode() for each in heard)
    assert "/v1/responses" in updates
    assert sum(b"REDACTED<" in content for content in told.values()) > 8
    for name, content in {**told, "(updates)": updates.encode()}.items():
        assert leaks(content, planted.secrets) == [], name
    proxy.stop()
    assert leaks(proxy.output, planted.secrets) == []


@pytest.mark.parametrize("mode", ["redact", "block"])
def test_nothing_written_on_a_bad_day_holds_a_value(
    mode: str, launch: Launch, provider: Provider
) -> None:
    planted = plant(815)
    proxy = launch(
        options={
            "secretgate_mode": mode,
            "termlog_verbosity": "debug",
            "flow_detail": 2,
            "hardump": "flows.har",
        },
        arguments=["-s", str(FAULTS), "-w", "flows"],
        environment={"PYTHONDEVMODE": "1"},
    )
    poster = Poster(Access.through(proxy), provider)
    system = f"x\n{planted.env}\n{planted.pem}"
    for hook in ("", *HOOKS):
        for target in (MESSAGES, CHAT, RESPONSES) if not hook else (MESSAGES,):
            path = f"{target[1]}?fault={hook}"
            body = ask(target, system, stream=True)
            with provider.manner(script=echo), contextlib.suppress(httpx.HTTPError, OSError):
                poster.post((target[0], path), body)
    token = planted.values["STRIPE_SECRET_KEY"]
    boundary = f"multipart/form-data; boundary={token}"
    for target, kind in (
        (f"/v1/files/{token}/content", "application/json"),
        (f"/v1/messages?note={token}", "application/json"),
        ("/v1/messages", boundary),
        (f"/v1/messages/{token}", boundary),
    ):
        headers = {"content-type": kind, "x-note": f"it is {token} so"}
        content = json.dumps({"messages": [], token: {"deep": planted.env}}).encode()
        with provider.manner(script=echo), contextlib.suppress(httpx.HTTPError, OSError):
            poster.post((MESSAGES[0], target), content, headers=headers)
    packed = {"content-type": "application/json", "content-encoding": "gzip"}
    for content in (ask(MESSAGES, system), ask(MESSAGES, system)[:-2]):
        with provider.manner(script=echo), contextlib.suppress(httpx.HTTPError, OSError):
            poster.post(MESSAGES, gzip.compress(content), headers=packed)
    conversation = _socket().conversation(system)
    with (
        provider.manner(script=echo),
        contextlib.suppress(Exception),
        _socket().transport(poster.access) as transport,
    ):
        conversation.say(planted.env)
        conversation.absorb(transport(conversation.body()))
    if sys.platform == "linux":
        folder = Path("/proc") / str(proxy.pid)
        shown = {name: (folder / name).read_bytes() for name in ("cmdline", "environ", "comm")}
        for name, data in shown.items():
            assert leaks(data, planted.secrets) == [], name
    proxy.stop()
    written = proxy.written()
    assert "flows" in written
    assert len(written["flows"]) > 1000
    assert len(written["flows.har"]) > 1000
    assert written["(output)"].count(b"RuntimeError at engine") > 3
    texts = list(_unpacked(written["flows"]))
    assert sum(b"messages" in each for each in texts) > 3
    assert leaks(joined(texts), planted.secrets) == []
    for name, data in written.items():
        assert leaks(data, planted.secrets) == [], name


def _unpacked(dump: bytes) -> Iterator[bytes]:
    """Return the bodies and messages of stored flows as mitmproxy shows them: decompressed."""
    for one in FlowReader(BytesIO(dump)).stream():
        assert isinstance(one, http.HTTPFlow)
        for message in (one.request, one.response):
            if message is not None:
                yield message.get_content(strict=False) or b""
        yield from (each.content for each in (one.websocket.messages if one.websocket else ()))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("how", ["SIGABRT", "SIGSEGV"])
def test_a_crash_with_streams_in_flight_writes_no_value(
    how: str, launch: Launch, provider: Provider
) -> None:
    """The output of Python when it crashes, and that there is no core file."""
    planted = plant(818)
    proxy = launch(environment={"PYTHONFAULTHANDLER": "1"})
    poster = Poster(Access.through(proxy), provider)
    gate = Gate(after=2)
    body = ask(MESSAGES, planted.env, stream=True)
    with (
        provider.manner(script=echo, gate=gate),
        contextlib.suppress(httpx.HTTPError),
        poster.stream(MESSAGES, body) as response,
    ):
        next(response.iter_bytes())
        os.kill(proxy.pid, signal.Signals[how])
        assert proxy.ends(20)
    assert proxy.comes(b"most recent call first")
    for name, data in proxy.written().items():
        assert leaks(data, planted.secrets) == [], name
        assert not Path(name).name.startswith("core")
