"""The provider and the clients without the gate: a failure here is not the gate's."""

from __future__ import annotations

import base64
import json
import urllib.parse

import httpx
import pytest

from harness import scenario, sse
from harness.clients import AnthropicConversation, history_bytes
from harness.dialects import Style
from harness.model import agent
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, joined, leaks
from harness.wires import WIRES, Access, Wire


def hold(wire: Wire, access: Access, provider: Provider, planted: Planted) -> None:
    conversation = wire.conversation(scenario.system(planted))
    with provider.recording() as received, wire.transport(access) as transport:
        turns = scenario.hold(conversation, transport, planted)
    if wire.stateful:
        bodies = [json.loads(message) for message in received[0].messages]
    else:
        bodies = [each.json for each in received]
    assert len(bodies) == 5
    dialect = provider.dialect(received[0])
    for turn in turns:
        assert scenario.said(turn.items) == scenario.expected(dialect, turn.context, agent())
    sizes = [len(history_bytes(body, conversation)) for body in bodies]
    assert sizes == sorted(sizes) or wire.stateful
    found = leaks(joined(each.everything for each in received), planted.secrets)
    assert {name.partition(" ")[0] for name in found} == set(planted.secrets)


@pytest.mark.parametrize("wire", [wire for wire in WIRES if not wire.proxied_only], ids=str)
def test_a_conversation_with_the_provider_itself(
    wire: Wire, provider: Provider, planted: Planted
) -> None:
    with provider.manner(style=Style(delta=3, interleave=True, escape=True), cuts=(1, 7, 300)):
        hold(wire, Access.direct(provider), provider, planted)


@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_a_conversation_through_mitmdump_without_the_gate(
    wire: Wire, provider: Provider, plain: Proxy, planted: Planted
) -> None:
    with provider.manner(style=Style(delta=40)):
        hold(wire, Access.through(plain), provider, planted)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_compressed_streams_in_odd_cuts_can_be_read(encoding: str, provider: Provider) -> None:
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    access = Access.direct(provider)
    with provider.manner(encoding=encoding, cuts=(1, 2, 50), pings=3), access.client() as client:
        url = access.url("api.anthropic.com", "/v1/messages")
        with client.stream("POST", url, json=body) as response:
            assert response.headers["content-encoding"] == encoding
            message = sse.anthropic(sse.payloads(response.iter_bytes()))
    assert message["content"][1]["text"].startswith("I have the token")


def test_the_provider_can_die(provider: Provider) -> None:
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    access = Access.direct(provider)
    for http2 in (False, True):
        with provider.manner(die=4), access.client(http2) as client:
            url = access.url("api.anthropic.com", "/v1/messages")
            with (
                client.stream("POST", url, json=body) as response,
                pytest.raises(httpx.RemoteProtocolError),
            ):
                response.read()


def test_a_changed_turn_is_refused(provider: Provider, planted: Planted) -> None:
    wire = WIRES[0]
    for change in ("system", "earlier", "arguments", "thinking"):
        conversation = wire.conversation("You are an agent.")
        assert isinstance(conversation, AnthropicConversation)
        with wire.transport(Access.direct(provider)) as transport:
            conversation.say("read the file")
            conversation.absorb(transport(conversation.body()))
            conversation.results(["GITHUB_TOKEN=x"])
            history = conversation.history
            match change:
                case "system":
                    conversation.system += "\n"
                case "earlier":
                    history[0]["content"] += "!"
                case "arguments":
                    history[1]["content"][2]["input"]["path"] = ".envrc"
                case "thinking":
                    history[1]["content"][0]["thinking"] += " "
            with pytest.raises(RuntimeError, match=r"400: .*(different conversation|generated)"):
                transport(conversation.body())


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "PEM[4]", "SERVICE_JWT", "DB_PASSWORD"])
def test_the_hunt_finds_every_spelling(name: str, planted: Planted) -> None:
    value = planted.secrets[name]
    spellings = {
        "raw": f"x={value};",
        "a part": f"x={value[3:21]};",
        "json": json.dumps({"a": json.dumps({"b": json.dumps({"c": f'"{value}"/'})})}),
        "escaped": "".join(f"\\u{ord(char):04x}" for char in value),
        "percent": urllib.parse.quote(f"a={value}", safe=""),
        "every byte in percent": "".join(f"%{ord(char):02X}" for char in value),
        "hex": value.encode().hex(),
        **{
            f"base64 at {shift}": base64.b64encode(b"x" * shift + value.encode() + b"\n").decode()
            for shift in range(3)
        },
    }
    for spelling, text in spellings.items():
        found = leaks(f"before {text} after".encode(), planted.secrets)
        assert {each.partition(" ")[0] for each in found} == {name}, spelling
    assert leaks(planted.env.replace(value, "").encode(), {name: value}) == []


def test_the_clean_is_clean(planted: Planted) -> None:
    assert leaks(b"nothing here but REDACTED<aws-access-token:3f9a1c04be77>", planted.secrets) == []
