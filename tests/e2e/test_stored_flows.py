"""Flows stored by mitmproxy (`-w`): requests as sent to the provider, answers as it wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http, io, version

from harness.clients import ResponsesConversation
from harness.dialects import Style
from harness.fixtures import Launch
from harness.model import echo
from harness.post import CHAT, GEMINI_SSE, MESSAGES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, leaks
from harness.wires import WIRES, Access


def stored(path: Path) -> list[http.HTTPFlow]:
    with path.open("rb") as file:
        return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


@pytest.fixture
def storing(launch: Launch, tmp_path: Path) -> Any:
    """A function that starts a proxy that stores flows with all bodies; returns proxy and file."""

    def start(**options: object) -> tuple[Proxy, Path]:
        path = tmp_path / "flows"
        kept = {"store_streamed_bodies": True, **options}
        return launch(options=kept, arguments=["-w", str(path)]), path

    return start


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_both_sides_are_stored_as_the_provider_saw_and_wrote_them(
    encoding: str, storing: Any, provider: Provider, planted: Planted
) -> None:
    proxy, path = storing()
    poster = Poster(Access.through(proxy), provider)
    for target in (MESSAGES, CHAT, GEMINI_SSE):
        for http2 in (False, True):
            body = ask(target, planted.env, stream=True)
            with provider.manner(script=echo, encoding=encoding, style=Style(delta=9999)):
                exchange = poster.post(target, body, http2=http2)
            assert leaks(exchange.content, planted.secrets), "the client got no value back"
    arrived = [each.raw for each in provider.received[-6:]]
    proxy.stop()
    assert leaks(path.read_bytes(), planted.secrets) == []
    flows = stored(path)
    assert [flow.request.raw_content for flow in flows] == arrived
    for flow in flows:
        assert flow.response is not None
        if version.VERSION.startswith("11.0"):
            assert flow.response.raw_content is None, "it had no option to store streams"
            continue
        assert "REDACTED" in (flow.response.text or ""), flow.request.path


def test_a_refused_request_is_stored_without_its_body(
    storing: Any, provider: Provider, planted: Planted
) -> None:
    proxy, path = storing(secretgate_mode="block")
    exchange = Poster(Access.through(proxy), provider).post(MESSAGES, ask(MESSAGES, planted.env))
    assert exchange.refused
    proxy.stop()
    assert leaks(path.read_bytes(), planted.secrets) == []
    (flow,) = stored(path)
    assert flow.request.raw_content == b""
    assert flow.response is not None
    assert flow.response.status_code == 403


def test_messages_of_websockets_are_stored_as_the_provider_saw_and_wrote_them(
    storing: Any, provider: Provider, planted: Planted
) -> None:
    proxy, path = storing()
    wire = next(wire for wire in WIRES if wire.name == "responses-websocket")
    conversation = ResponsesConversation("Be brief.", stateful=True)
    with wire.transport(Access.through(proxy)) as transport, provider.manner(script=echo):
        conversation.say(planted.env)
        answer = transport(conversation.body())
        assert leaks(json.dumps(answer).encode(), planted.secrets)
        # The connection is still open when the proxy ends.
        proxy.stop()
    assert leaks(path.read_bytes(), planted.secrets) == []
    (flow,) = [flow for flow in stored(path) if flow.websocket]
    assert flow.websocket is not None
    said = [message.content for message in flow.websocket.messages if message.from_client]
    assert said == provider.received[-1].messages
    told = b"".join(each.content for each in flow.websocket.messages if not each.from_client)
    assert b"REDACTED" in told


def test_a_refused_message_of_a_websocket_is_stored_without_its_content(
    storing: Any, provider: Provider, planted: Planted
) -> None:
    proxy, path = storing(secretgate_mode="block")
    wire = next(wire for wire in WIRES if wire.name == "responses-websocket")
    conversation = ResponsesConversation("Be brief.", stateful=True)
    with wire.transport(Access.through(proxy)) as transport:
        conversation.say(planted.env)
        with pytest.raises(RuntimeError, match="secret"):
            transport(conversation.body())
    proxy.stop()
    assert leaks(path.read_bytes(), planted.secrets) == []
    (flow,) = [flow for flow in stored(path) if flow.websocket]
    assert flow.websocket is not None
    first = flow.websocket.messages[0]
    assert (first.content, first.dropped) == (b"", True)
