"""The counters against ground truth: what was sent, received by the provider, and answered."""

from __future__ import annotations

import base64
import gzip
import json
import time
from typing import Any

import pytest

from harness.fixtures import Launch
from harness.model import Call, Item, Prompt, Text, echo
from harness.post import CHAT, GEMINI, GEMINI_SSE, MESSAGES, RESPONSES, Poster, Target, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, plant
from harness.wires import WIRES, Access
from secretgate.audit.totals import add_up
from secretgate.audit.verify import records
from secretgate.launch.running import status

TARGETS = (MESSAGES, CHAT, RESPONSES, GEMINI, GEMINI_SSE)
STRANGER = "REDACTED<github-pat:0123456789ab>"


@pytest.fixture(scope="module")
def counting(launch: Launch, provider: Provider) -> tuple[Proxy, Poster]:
    proxy = launch()
    return proxy, Poster(Access.through(proxy), provider)


def numbers(proxy: Proxy) -> dict[str, Any]:
    told = status(proxy.host, proxy.port)
    assert told
    counters: dict[str, Any] = told["counters"]
    return counters


def grown(proxy: Proxy, before: dict[str, Any]) -> dict[str, int]:
    """Return by how many bytes each class has grown."""
    now = numbers(proxy)["coverage"]
    return {name: now[name] - before["coverage"][name] for name in now}


def image(size: int) -> str:
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * (size // 256)).decode()


def with_text(target: Target, text: str) -> bytes:
    return ask(target, text)


def with_binary(target: Target, data: str) -> bytes:
    if target == MESSAGES:
        source = {"type": "base64", "media_type": "image/png", "data": data}
        content: Any = [{"type": "image", "source": source}]
        return json.dumps(
            {"model": "m", "messages": [{"role": "user", "content": content}]}
        ).encode()
    if target in (GEMINI, GEMINI_SSE):
        part = {"inlineData": {"mimeType": "image/png", "data": data}}
        return json.dumps({"contents": [{"role": "user", "parts": [part]}]}).encode()
    url = f"data:image/png;base64,{data}"
    if target == RESPONSES:
        content = [{"type": "input_image", "image_url": url}]
        return json.dumps({"model": "m", "input": [{"role": "user", "content": content}]}).encode()
    content = [{"type": "image_url", "image_url": {"url": url}}]
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode()


def with_opaque(target: Target, blob: str) -> bytes:
    if target == MESSAGES:
        thinking = {"type": "thinking", "thinking": "", "signature": blob}
        turn: Any = {"role": "assistant", "content": [thinking]}
        return json.dumps({"model": "m", "messages": [turn]}).encode()
    if target in (GEMINI, GEMINI_SSE):
        part = {"text": "", "thoughtSignature": blob}
        return json.dumps({"contents": [{"role": "model", "parts": [part]}]}).encode()
    if target == RESPONSES:
        item = {"type": "reasoning", "encrypted_content": blob, "summary": []}
        return json.dumps({"model": "m", "input": [item]}).encode()
    call = {"id": blob, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = {"role": "assistant", "content": "", "tool_calls": [call]}
    return json.dumps({"model": "m", "messages": [turn]}).encode()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[1])
def test_each_byte_counts_in_its_class(target: Target, counting: tuple[Proxy, Poster]) -> None:
    """If two bodies differ by some bytes in one field, only its class differs, by as many bytes."""
    proxy, poster = counting
    for make, short, long, name in (
        (with_text, "hello ", "hello " * 101, "scanned"),
        (with_binary, image(256), image(4096), "binary"),
        (with_opaque, "c2ln" * 8, "c2ln" * 88, "opaque"),
    ):
        told = []
        for filling in (short, long):
            before = numbers(proxy)
            exchange = poster.post(target, make(target, filling))
            told.append(grown(proxy, before))
            assert told[-1]["total"] == len(exchange.forwarded.raw)
        difference = {each: told[1][each] - told[0][each] for each in told[0]}
        expected = len(long) - len(short)
        assert {each: count for each, count in difference.items() if count} == {
            "total": expected,
            name: expected,
        }


def test_compressed_bodies_count_as_what_they_hold(counting: tuple[Proxy, Poster]) -> None:
    proxy, poster = counting
    body = ask(MESSAGES, "hello " * 500)
    before = numbers(proxy)
    poster.post(MESSAGES, gzip.compress(body), headers={"content-encoding": "gzip"})
    assert grown(proxy, before)["total"] == len(body)


def test_what_cannot_be_read_and_what_is_left_alone(counting: tuple[Proxy, Poster]) -> None:
    proxy, poster = counting
    before = numbers(proxy)
    broken = [ask(target, "hello")[:-2] for target in TARGETS]
    for target, body in zip(TARGETS, broken, strict=True):
        assert poster.post(target, body).refused
    size = sum(map(len, broken))
    assert grown(proxy, before) == {
        **dict.fromkeys(before["coverage"], 0),
        "total": size,
        "unreadable": size,
    }
    assert numbers(proxy)["unreadable"] - before["unreadable"] == len(TARGETS)
    before = numbers(proxy)
    token = b"grant_type=refresh_token&refresh_token=of-the-test"
    exchange = poster.post(("api.anthropic.com", "/v1/oauth/token"), token)
    assert grown(proxy, before)["skipped"] == len(exchange.forwarded.raw) == len(token)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("target", TARGETS[:4], ids=lambda target: target[1])
def test_placeholders_put_back_and_not_put_back(
    target: Target, streamed: bool, counting: tuple[Proxy, Poster], planted: Planted
) -> None:
    """Each of our placeholders in the provider's answer counts as restored.

    Placeholders that are not ours, and misspelled ones, count as not restored.
    """
    if target == GEMINI and streamed:
        target = GEMINI_SSE
    proxy, poster = counting
    wrote: list[str] = []

    def script(prompt: Prompt) -> list[Item]:
        given = sorted(
            {word for line in prompt.last for word in line.split() if "REDACTED" in word}
        )
        first, second, *_ = given
        misspelt = second.replace("REDACTED<", "[").replace(">", "]")
        wrote.append(first)
        said = f"use {first} and {STRANGER} but {misspelt} is not"
        return [Text(said), Call("write", json.dumps({"text": first}))]

    more = {"stream": True} if streamed and target != GEMINI_SSE else {}
    text = f"{planted.values['GITHUB_TOKEN']} {planted.values['STRIPE_SECRET_KEY']}"
    before = numbers(proxy)
    with poster.provider.manner(script=script):
        exchange = poster.post(target, ask(target, text, **more))
    after = numbers(proxy)
    assert len(wrote) == 1
    assert exchange.status == 200
    assert after["answers"] - before["answers"] == 1
    assert after["restored"] - before["restored"] == 1
    assert after["not_restored"] - before["not_restored"] == 2


@pytest.mark.parametrize("target", TARGETS[:4], ids=lambda target: target[1])
def test_a_placeholder_where_none_was_given_is_not_put_back(
    target: Target, counting: tuple[Proxy, Poster]
) -> None:
    proxy, poster = counting
    before = numbers(proxy)
    with poster.provider.manner(script=lambda prompt: [Text(f"it is {STRANGER}")]):
        exchange = poster.post(target, ask(target, "what is it?"))
    assert STRANGER.encode() in exchange.content
    assert numbers(proxy)["not_restored"] - before["not_restored"] == 1


def test_page_status_and_report_agree(launch: Launch, provider: Provider) -> None:
    proxy = launch()
    poster = Poster(Access.through(proxy), provider)
    planted = plant(11)
    with provider.manner(script=echo):
        for target in TARGETS:
            poster.post(target, ask(target, planted.env))
            poster.post(target, ask(target, "hello")[:-2])
    told = numbers(proxy)
    proxy.stop()
    totals = add_up(records(proxy.home / "secretgate" / "audit")).json()
    for name in (
        "requests",
        "refused",
        "answers",
        "unread",
        "restored",
        "not_restored",
        "coverage",
    ):
        assert totals[name] == told[name], name
    assert {rule: tally["finds"] for rule, tally in totals["rules"].items()} == told["found"]
    assert totals["secrets"] == sum(told["redacted"].values())


def test_messages_of_a_websocket_count_like_bodies(
    counting: tuple[Proxy, Poster], planted: Planted
) -> None:
    """Every message received by the provider counts; one answer has a placeholder, one misspelled."""
    proxy, poster = counting
    wire = next(wire for wire in WIRES if wire.name == "responses-websocket")

    def script(prompt: Prompt) -> list[Item]:
        given = sorted(
            {word for text in prompt.last for word in text.split() if "REDACTED" in word}
        )
        misspelt = given[1].replace("REDACTED<", "[").replace(">", "]")
        return [Text(f"use {given[0]} and {STRANGER} but {misspelt} is not")]

    before = numbers(proxy)
    conversation = wire.conversation("Be brief.")
    text = f"{planted.values['GITHUB_TOKEN']} {planted.values['STRIPE_SECRET_KEY']}"
    with (
        poster.provider.manner(script=script),
        poster.provider.recording() as arrived,
        wire.transport(poster.access) as transport,
    ):
        conversation.say(text)
        body = conversation.body()
        transport(body)
    over = time.monotonic() + 10
    while numbers(proxy)["answers"] == before["answers"] and time.monotonic() < over:
        time.sleep(0.05)
    after = numbers(proxy)
    assert [len(each.messages) for each in arrived] == [1]
    counted = {name: after[name] - before[name] for name in ("answers", "restored", "not_restored")}
    assert counted == {"answers": 1, "restored": 1, "not_restored": 2}
    assert grown(proxy, before)["total"] == len(json.dumps({"type": "response.create", **body}))


def test_a_batch_counts_as_what_its_requests_say(counting: tuple[Proxy, Poster]) -> None:
    """Twice the text in a request of a batch is twice the scanned bytes; an image adds none."""
    proxy, poster = counting

    def batch(text: str, data: str) -> bytes:
        def one(body: bytes, name: str) -> dict[str, Any]:
            return {"custom_id": name, "params": json.loads(body)}

        requests = [one(with_text(MESSAGES, text), "a"), one(with_binary(MESSAGES, data), "b")]
        return json.dumps({"requests": requests}).encode()

    told = []
    for times in (1, 11):
        before = numbers(proxy)
        body = batch("hello " * times, image(256 * times))
        exchange = poster.post(("api.anthropic.com", "/v1/messages/batches"), body)
        assert exchange.forwarded.raw == body
        told.append(grown(proxy, before))
        assert told[-1]["total"] == len(body)
    assert {name: told[1][name] - told[0][name] for name in ("scanned", "binary")} == {
        "scanned": 6 * 10,
        "binary": len(image(256 * 11)) - len(image(256)),
    }
