"""mitmweb and mitmproxy's terminal interface, with the addon loaded."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.clients import ResponsesConversation
from harness.fixtures import Launch
from harness.model import echo
from harness.post import MESSAGES, RESPONSES, Poster, ask
from harness.programs import free_port
from harness.provider import Provider
from harness.secrets import Planted, leaks
from harness.web import Web, eventually
from harness.wires import WIRES, Access

if sys.platform != "win32":
    from harness.console import Console

_PASSWORD = "of-the-test"


def test_mitmweb(launch: Launch, provider: Provider, planted: Planted) -> None:
    port = free_port()
    options = {"web_open_browser": False, "web_port": port, "web_password": _PASSWORD}
    proxy = launch(tool="mitmweb", options={**options, "store_streamed_bodies": True})
    with provider.manner(script=echo):
        Poster(Access.through(proxy), provider).post(MESSAGES, ask(MESSAGES, planted.env))
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"authorization": f"Bearer {_PASSWORD}"},
        trust_env=False,
        timeout=60,
    ) as web:
        listed = web.get("/flows")
        (flow,) = [each for each in listed.json() if each["request"]["host"] == MESSAGES[0]]
        assert flow["marked"] in (":lock:", "🔒")
        assert flow["comment"].startswith("secretgate: redacted")
        assert "put back" in flow["comment"]
        assert "secretgate.status" in web.get("/commands").json()
        view = web.get(f"/flows/{flow['id']}/request/content/secretgate.json")
        assert "placeholders" in view.text
        assert "messages[0].content" in view.text
        contents = [
            web.get(f"/flows/{flow['id']}/{side}/content.data").content
            for side in ("request", "response")
        ]
        dumped = web.get("/flows/dump").content
    for seen in (listed.content, view.content, dumped, *contents):
        assert leaks(seen, planted.secrets) == []
    proxy.stop()
    assert leaks(proxy.output, planted.secrets) == []


@pytest.mark.parametrize("mode", ["redact", "block"])
def test_a_request_that_is_edited_and_sent_again_is_read_again(
    mode: str, launch: Launch, provider: Provider, planted: Planted
) -> None:
    """mitmproxy sends it as the same flow, about which everything was decided once."""
    port = free_port()
    options = {"web_open_browser": False, "web_port": port, "web_password": _PASSWORD}
    proxy = launch(tool="mitmweb", options={**options, "secretgate_mode": mode})
    poster = Poster(Access.through(proxy), provider)
    assert poster.post(MESSAGES, ask(MESSAGES, "nothing yet")).forwarded
    secret = ask(MESSAGES, f"it is {planted.values['GITHUB_TOKEN']} so").decode()
    with Web(port, []) as web, provider.recording() as arrived:
        (flow,) = (each for each in web.flows() if each["request"]["host"] == MESSAGES[0])
        status = web.send_again(flow["id"], secret)
    assert leaks(b"".join(each.everything for each in arrived), planted.secrets) == []
    assert (status, len(arrived)) == ((200, 1) if mode == "redact" else (403, 0))
    proxy.stop()


def test_a_message_that_is_injected_is_read(
    launch: Launch, provider: Provider, planted: Planted
) -> None:
    port = free_port()
    options = {"web_open_browser": False, "web_port": port, "web_password": _PASSWORD}
    proxy = launch(tool="mitmweb", options=options)
    wire = next(wire for wire in WIRES if wire.name == "responses-websocket")
    conversation = ResponsesConversation("Be brief.", stateful=True)
    with (
        wire.transport(Access.through(proxy)) as transport,
        provider.manner(script=echo),
        Web(port, []) as web,
    ):
        conversation.say("nothing yet")
        transport(conversation.body())
        asked = ask(RESPONSES, f"it is {planted.values['GITHUB_TOKEN']} so", type="response.create")
        web.command("inject.websocket", "~websocket", "false", asked.decode())
        said = provider.received[-1].messages
        assert eventually(lambda: len(said) == 2)
    assert leaks(said[1], planted.secrets) == []
    assert b"REDACTED" in said[1]
    proxy.stop()


@pytest.fixture
def console(provider: Provider, tmp_path: Path) -> Iterator[Console]:
    made = Console(provider, tmp_path).start()
    yield made
    made.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_the_terminal_interface(console: Console, provider: Provider, planted: Planted) -> None:
    body = ask(MESSAGES, f"GITHUB_TOKEN={planted.values['GITHUB_TOKEN']}")
    with provider.manner(script=echo):
        exchange = Poster(Access.through(console), provider).post(MESSAGES, body)
    assert planted.values["GITHUB_TOKEN"] in json.loads(exchange.content)["content"][0]["text"]
    assert console.shows("/v1/messages")
    console.press("\r")
    assert console.shows("# 1 placeholder")
    console.press("q")
    console.press(":secretgate.status\r")
    assert console.shows("1 secret put back")
    assert leaks(console.output, planted.secrets) == []
