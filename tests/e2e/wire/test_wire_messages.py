"""Messages in both directions through a real mitmdump: WebSockets, Connect and gRPC."""

from __future__ import annotations

import base64
import gzip
import json
import struct

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from harness.families.base import message as amazon_message
from harness.model import PLACEHOLDER
from harness.proxy import Proxy
from harness.sockets import dial
from harness.wire_families import FAMILIES
from harness.wire_formats import Duplex, Peer, Start, contents, pieces

GEMINI_LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


# WebSockets


def open_at(proxy: Proxy, host: str, path: str, **headers: str) -> ClientConnection:
    return dial(f"wss://{host}{path}", proxy.context(), proxy.url, additional_headers=headers)


def test_gemini_live_speaks_json_in_binary_messages(proxy: Proxy, peer: Peer, token: str) -> None:
    def talk(message: str | bytes) -> list[str | bytes]:
        assert isinstance(message, bytes)
        found = PLACEHOLDER.search(message.decode())
        assert found
        said = [*pieces(f"it is {found[0]}", 4), found[0][:5]]
        parts = [{"serverContent": {"modelTurn": {"parts": [{"text": piece}]}}} for piece in said]
        return [
            json.dumps(part).encode()
            for part in [*parts, {"serverContent": {"turnComplete": True}}]
        ]

    peer.talk = talk
    with open_at(proxy, "generativelanguage.googleapis.com", GEMINI_LIVE) as socket:
        turn = {"clientContent": {"turns": contents(f"my token: {token}")["contents"]}}
        socket.send(json.dumps(turn).encode())
        text = ""
        while True:
            message = socket.recv(timeout=30)
            assert isinstance(message, bytes)
            content = json.loads(message)["serverContent"]
            if content.get("turnComplete"):
                break
            text += content["modelTurn"]["parts"][0]["text"]
    assert text.startswith(f"it is {token}REDA")
    (arrived,) = peer.asked[-1].messages
    assert isinstance(arrived, bytes)
    assert token.encode() not in arrived


def test_many_messages_at_once_keep_their_order(proxy: Proxy, peer: Peer, token: str) -> None:
    def talk(message: str | bytes) -> list[str | bytes]:
        found = PLACEHOLDER.search(str(message))
        if not found:
            return []
        said = f"{found[0]} and {found[0][:9]}"
        family = FAMILIES["responses"]
        payloads = family.write(list(pieces(said, 3)), ["{}"]).decode().split("\n\n")
        return [payload.partition("data: ")[2] for payload in payloads if payload]

    peer.talk = talk
    with open_at(proxy, "api.openai.com", "/v1/responses") as socket:
        for _ in range(5):
            socket.send(json.dumps({"type": "response.create", "input": f"it: {token}"}))
            events = []
            while not events or events[-1]["type"] != "response.completed":
                events.append(json.loads(socket.recv(timeout=30)))
            raw = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
            text, _ = FAMILIES["responses"].read(raw)
            assert text.startswith(f"{token} and REDACTED<")


def test_a_binary_protocol_on_a_covered_host_ends_with_a_reason(
    proxy: Proxy, peer: Peer, token: str
) -> None:
    before = len(peer.asked)
    with open_at(proxy, "ampcode.com", "/api/thread-actors", **{"user-agent": "amp/1.0"}) as socket:
        socket.send(b"\x01\x00\xff\xfe" + token.encode())
        error = json.loads(socket.recv(timeout=30))
        assert "cannot read" in error["error"]["message"]
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=30)
    (asked,) = peer.asked[before:]
    assert asked.messages == []


def test_policy_may_let_a_binary_protocol_pass(start: Start, peer: Peer) -> None:
    with open_at(start(on_unreadable="pass"), "ampcode.com", "/api/thread-actors") as socket:
        socket.send(b"\x01\x00\xff\xfe")
        assert socket.recv(timeout=30) == b"\x01\x00\xff\xfe"


# Connect and gRPC


def envelope(message: bytes, flags: int = 0) -> bytes:
    return struct.pack(">BI", flags, len(message)) + message


def say(text: str) -> bytes:
    raw = text.encode()
    return b"\x0a" + bytes([len(raw)]) + raw


@pytest.mark.parametrize("kind", ["application/connect+proto", "application/grpc"])
def test_a_call_on_which_both_sides_talk_is_never_held_back(
    kind: str, proxy: Proxy, peer: Peer, token: str
) -> None:
    headers = {"content-type": kind}
    with Duplex(
        proxy, "agentn.global.api5.cursor.sh", "/agent.v1.AgentService/Run", headers
    ) as call:
        first = envelope(say("hello"))
        call.send(first)
        assert call.read(len(first)) == first
        second = envelope(say(f"my token is {token}"))
        call.send(second[:9])
        call.send(second[9:])
        assert call.read(len(first + second)) == first + second
        beat = envelope(b"")
        call.send(beat)
        assert call.read(len(first + second + beat)) == first + second + beat
        call.send(envelope(say("bye")), end=True)
        assert call.read(1 << 20) == first + second + beat + envelope(say("bye"))
    arrived = peer.asked[-1].body
    assert token.encode() not in arrived
    assert PLACEHOLDER.search(arrived.decode("latin-1"))


def test_a_call_in_json_is_restored(proxy: Proxy, peer: Peer, token: str) -> None:
    said = envelope(json.dumps({"text": f"my token is {token}"}).encode())
    headers = {"content-type": "application/connect+json"}
    with Duplex(proxy, "own.cursor.sh", "/aiserver.v1.ChatService/Stream", headers) as call:
        call.send(said, end=True)
        assert call.read(1 << 20) == said
    assert token.encode() not in peer.asked[-1].body


def test_compressed_messages_of_a_call(proxy: Proxy, peer: Peer, token: str) -> None:
    headers = {"content-type": "application/connect+proto", "connect-content-encoding": "gzip"}
    with Duplex(proxy, "own.cursor.sh", "/aiserver.v1.ChatService/Stream", headers) as call:
        call.send(envelope(gzip.compress(say(token)), 1), end=True)
        call.read(1 << 20)
    arrived = peer.asked[-1].body
    assert PLACEHOLDER.fullmatch(gzip.decompress(arrived[5:])[2:].decode())


@pytest.mark.parametrize("mode", ["block", "redact"])
def test_a_call_that_must_not_go_on_ends(mode: str, start: Start, peer: Peer, token: str) -> None:
    before = len(peer.asked)
    headers = {"content-type": "application/connect+proto"}
    bad = envelope(say(token)) if mode == "block" else b"\xff" * 20 + token.encode()
    with Duplex(
        start(mode=mode), "own.cursor.sh", "/aiserver.v1.ChatService/Stream", headers
    ) as call:
        call.send(envelope(say("fine")))
        assert call.read(5)
        call.send(bad)
        call.read(1 << 20)
        assert call.ended
    for asked in peer.asked[before:]:
        assert token.encode() not in asked.body


# Amazon's bidirectional streams


def sonic(content: str) -> bytes:
    event = {"event": {"textInput": {"promptName": "p", "contentName": "c", "content": content}}}
    wrapped = {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}
    return amazon_message(json.dumps(wrapped).encode(), "chunk")


def test_the_events_of_a_conversation_pass_one_by_one_until_one_holds_a_secret(
    proxy: Proxy, peer: Peer, token: str
) -> None:
    before = len(peer.asked)
    path = "/model/amazon.nova-sonic-v1:0/invoke-with-bidirectional-stream"
    headers = {"content-type": "application/vnd.amazon.eventstream"}
    with Duplex(proxy, "bedrock-runtime.us-east-1.amazonaws.com", path, headers) as call:
        for said in (hello := sonic("hello"), again := sonic("and again")):
            call.send(said[:9])
            call.send(said[9:])
            assert call.read(len(hello + said if said is again else hello)).endswith(said)
        call.send(sonic(f"my token is {token}"))
        call.read(1 << 20)
        assert call.ended
    for asked in peer.asked[before:]:
        assert asked.body == hello + again
