"""Five turns of a coding agent over every wire: no secret leaves, and all are restored.

The oracle is the scripted model itself. It only copies, so running it on what the *client* has
yields what the client must receive, as if nothing were in between.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from harness import scenario
from harness.clients import Turn, history_bytes
from harness.dialects import Dialect, Style
from harness.model import PLACEHOLDER, Script, Text, Thinking, agent
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, joined, leaks
from harness.wire import Received
from harness.wires import WIRES, Access, Wire
from secretgate.demo.planted import Maker

FINE = Style(delta=1, interleave=True, escape=True)


def bodies(wire: Wire, received: list[Received]) -> list[dict[str, Any]]:
    if wire.stateful:
        return [json.loads(message) for each in received for message in each.messages]
    return [each.json for each in received]


def check_nothing_left(received: list[Received], planted: Planted) -> None:
    assert leaks(joined(each.everything for each in received), planted.secrets) == []


def check_everything_came_back(dialect: Dialect, turns: list[Turn], script: Script) -> None:
    for turn in turns:
        assert scenario.said(turn.items) == scenario.expected(dialect, turn.context, script)


def check_thinking_is_the_providers(
    dialect: Dialect, seen: list[dict[str, Any]], turns: list[Turn], script: Script
) -> None:
    thoughts = []
    for body, turn in zip(seen, turns, strict=True):
        generated = [item for item in script(dialect.prompt(body)) if isinstance(item, Thinking)]
        given = [item for item in turn.items if isinstance(item, Thinking)]
        assert given == generated[: len(given)]
        thoughts += given
    assert not thoughts or any(PLACEHOLDER.search(each.text) for each in thoughts)


def check_prefixes(wire: Wire, seen: list[dict[str, Any]], received: list[Received]) -> None:
    conversation = wire.conversation("")
    for before, after in itertools.pairwise(seen):
        earlier = history_bytes(before, conversation)
        assert history_bytes(after, conversation)[: len(earlier)] == earlier
        head = {name: value for name, value in before.items() if name != conversation.where}
        assert head == {n: v for n, v in after.items() if n != conversation.where}
    if not wire.proxied_only:
        raws = [each.content for each in received]
        for before_raw, after_raw in itertools.pairwise(raws):
            assert after_raw.startswith(before_raw.removesuffix(b"]}"))


def converse(
    wire: Wire,
    proxy: Proxy,
    provider: Provider,
    planted: Planted,
    between: Callable[[int], None] = lambda turn: None,
    **manner: Any,
) -> None:
    make = Maker(len(wire.name))
    invented = f"{make.github()} {make.hex()} {make.stripe()}"
    script = agent(invented)
    conversation = wire.conversation(scenario.system(planted))
    with (
        provider.manner(script=script, **manner),
        provider.recording() as received,
        wire.transport(Access.through(proxy)) as transport,
    ):
        turns = scenario.hold(conversation, transport, planted, between)
    seen = bodies(wire, received)
    dialect = provider.dialect(received[0])
    assert len(seen) == 5
    check_nothing_left(received, planted)
    check_everything_came_back(dialect, turns, script)
    if not wire.stateful:
        check_thinking_is_the_providers(dialect, seen, turns, script)
        check_prefixes(wire, seen, received)
        assert all(value in json.dumps(seen[-1]) for value in invented.split())
    assert PLACEHOLDER.search(json.dumps(seen[0]))


@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_nothing_leaves_and_everything_comes_back(
    wire: Wire, proxy: Proxy, provider: Provider, planted: Planted
) -> None:
    converse(wire, proxy, provider, planted, style=FINE)


@pytest.mark.parametrize("encoding", ["", "gzip", "br", "zstd", "deflate"])
@pytest.mark.parametrize("wire", [WIRES[0], WIRES[7], WIRES[11]], ids=str)
def test_odd_cuts_and_compression_change_nothing(
    wire: Wire, encoding: str, proxy: Proxy, provider: Provider, planted: Planted
) -> None:
    converse(
        wire,
        proxy,
        provider,
        planted,
        style=Style(delta=11),
        cuts=(1, 3, 17, 900),
        encoding=encoding,
    )


@pytest.mark.parametrize("wire", [WIRES[1], WIRES[7], WIRES[14]], ids=str)
def test_a_restart_between_two_turns_changes_nothing(
    wire: Wire, launch: Callable[..., Proxy], provider: Provider, planted: Planted
) -> None:
    proxy = launch()

    def between(turn: int) -> None:
        if turn == 3:
            proxy.restart()

    try:
        if wire.proxied_only:
            converse(wire, proxy, provider, planted, between, style=FINE)
        else:
            _over_fresh_connections(wire, proxy, provider, planted, between)
    finally:
        proxy.stop()


def _over_fresh_connections(
    wire: Wire,
    proxy: Proxy,
    provider: Provider,
    planted: Planted,
    between: Callable[[int], None],
) -> None:
    """A client with a new connection for each turn, since kept-alive ones end with the proxy."""

    def open_(access: Access, stack: Any) -> Any:
        def send(body: Any) -> Any:
            with wire.transport(access) as transport:
                return transport(body)

        return send

    fresh = Wire(wire.name, wire.conversation, open_)
    converse(fresh, proxy, provider, planted, between, style=FINE)


def test_choices_in_parallel_do_not_mix(proxy: Proxy, provider: Provider, planted: Planted) -> None:
    token = planted.values["GITHUB_TOKEN"]
    stripe = planted.values["STRIPE_SECRET_KEY"]
    text = f"GITHUB_TOKEN={token}\nSTRIPE_SECRET_KEY={stripe}\n"
    wire = WIRES[4]

    def script(prompt: Any) -> list[Any]:
        return [Text(f"{prompt.value('STRIPE_SECRET_KEY')} and {prompt.value('GITHUB_TOKEN')}.")]

    with provider.manner(script=script, style=FINE), wire.transport(Access.through(proxy)) as send:
        answer = send({"model": "gpt-4o", "n": 3, "messages": [{"role": "user", "content": text}]})
    said = [choice["message"]["content"] for choice in answer["choices"]]
    assert said == [f"{stripe} and {token}."] * 3
