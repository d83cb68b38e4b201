"""Shared by the team gateway's tests: conversations whose turns are handled by several workers."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx

from harness import scenario, sse
from harness.clients import ResponsesConversation, Transport, Turn, history_bytes, http
from harness.dialects import Style
from harness.model import PLACEHOLDER, agent
from harness.post import RESPONSES
from harness.provider import Provider
from harness.secrets import Planted, joined, leaks
from harness.wire import Received
from harness.wires import WIRES, Access, Wire
from secretgate.demo.planted import Maker

BY_NAME = {wire.name: wire for wire in WIRES}
_URL = f"https://{RESPONSES[0]}{RESPONSES[1]}"
Reach = Callable[[], Access]


def _stateful(spell: Any) -> Wire:
    def open_(access: Access, stack: Any) -> Transport:
        return http(stack.enter_context(access.client()), _URL, spell)

    return Wire(
        "responses-stateful" + ("-sse" if spell else "-json"),
        lambda system: ResponsesConversation(system, stateful=True),
        open_,
        stateful=True,
    )


TURNS = (
    BY_NAME["anthropic-sse"],
    BY_NAME["chat-json-http2"],
    BY_NAME["responses-sse"],
    _stateful(sse.openai_responses),
    _stateful(None),
)


def hold(
    wire: Wire,
    reach: Reach,
    provider: Provider,
    planted: Planted,
    between: Callable[[int], None] = lambda turn: None,
) -> list[Received]:
    """Hold a conversation of five turns and check it; return the requests at the provider.

    Each turn uses a new connection to the address that `reach` returns.
    """
    make = Maker(7)
    invented = f"{make.github()} {make.hex()} {make.stripe()}"
    script = agent(invented)

    def send(body: Any) -> Any:
        with wire.transport(reach()) as transport:
            return transport(body)

    style = Style(delta=3, interleave=True)
    with (
        provider.manner(script=script, style=style),
        provider.recording() as received,
    ):
        conversation = wire.conversation(scenario.system(planted))
        turns = scenario.hold(conversation, send, planted, between)
    check(wire, provider, received, turns, planted, script)
    if not wire.stateful:
        last = json.dumps(received[-1].json)
        assert all(value in last for value in invented.split()), "the provider's own was redacted"
    return received


def check(
    wire: Wire,
    provider: Provider,
    received: list[Received],
    turns: list[Turn],
    planted: Planted,
    script: Any,
) -> None:
    assert len(received) == 5
    assert leaks(joined(each.everything for each in received), planted.secrets) == []
    dialect = provider.dialect(received[0])
    for turn in turns:
        assert scenario.said(turn.items) == scenario.expected(dialect, turn.context, script)
    assert PLACEHOLDER.search(json.dumps(received[0].json))
    if not wire.stateful:
        conversation = wire.conversation("")
        for before, after in pairwise(each.json for each in received):
            earlier = history_bytes(before, conversation)
            assert history_bytes(after, conversation)[: len(earlier)] == earlier


def call(client: httpx.Client, said: str) -> httpx.Response:
    """Make a call with one message, without announcing its length."""
    raw = said.encode()
    message = b"\x0a" + bytes([len(raw)]) + raw
    content = struct.pack(">BI", 0, len(message)) + message
    headers = {"content-type": "application/connect+proto", "authorization": "Bearer of-the-test"}
    url = "https://api2.cursor.sh/aiserver.v1.ChatService/Stream"
    return client.post(url, content=iter([content]), headers=headers)
