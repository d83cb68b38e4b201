"""Streams through a real proxy: no buffering, failures as without a proxy, everything restored."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness import sse
from harness.clients import ResponsesConversation
from harness.dialects import Style
from harness.fixtures import Launch
from harness.model import PLACEHOLDER, Call, Prompt, Text, Thinking, call, echo, echo_call, saying
from harness.post import CHAT, GEMINI_SSE, MESSAGES, RESPONSES, Poster, Target, ask
from harness.provider import Provider
from harness.secrets import Planted, leaks
from harness.wire import Gate
from harness.wires import WIRES, Access

SPELL = {
    MESSAGES: sse.anthropic,
    CHAT: sse.openai_chat,
    RESPONSES: sse.openai_responses,
    GEMINI_SSE: sse.gemini,
}
STREAMED = list(SPELL)


def name(target: Target) -> str:
    return target[1].rpartition("/")[2].partition("?")[0]


def text_of(target: Target, message: dict[str, Any]) -> str:
    if target == MESSAGES:
        return "".join(block.get("text", "") for block in message["content"])
    if target == CHAT:
        return str(message["choices"][0]["message"]["content"])
    if target == RESPONSES:
        parts = [item["content"][0]["text"] for item in message["output"] if "content" in item]
        return "".join(parts)
    return "".join(part.get("text", "") for part in message["candidates"][0]["content"]["parts"])


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("target", STREAMED, ids=name)
def test_the_first_words_arrive_before_the_last_are_written(
    target: Target, http2: bool, poster: Poster, provider: Provider, planted: Planted
) -> None:
    text = f"GITHUB_TOKEN={planted.values['GITHUB_TOKEN']}"
    gate = Gate(after=2)
    with (
        provider.manner(script=echo, style=Style(delta=4), gate=gate, pings=2),
        poster.stream(target, ask(target, text, stream=True), http2) as response,
    ):
        pieces = response.iter_bytes()
        seen = b""
        while b"You " not in seen or b"said" not in seen:
            seen += next(pieces)
        assert b": keep-alive" in seen
        assert gate.reached.wait(5)
        assert planted.values["GITHUB_TOKEN"].encode() not in seen
        gate.open()
        message = SPELL[target](sse.payloads(_chain(seen, pieces)))
    assert text_of(target, message) == f"You said: {text}"


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate"])
def test_a_compressed_stream_flows_too(
    coding: str, poster: Poster, provider: Provider, planted: Planted
) -> None:
    gate = Gate(after=2)
    with (
        provider.manner(script=echo, style=Style(delta=4), gate=gate, encoding=coding),
        poster.stream(MESSAGES, ask(MESSAGES, planted.env, stream=True)) as response,
    ):
        pieces = response.iter_bytes()
        seen = b""
        while b"said" not in seen:
            seen += next(pieces)
        gate.open()
        message = sse.anthropic(sse.payloads(_chain(seen, pieces)))
    assert text_of(MESSAGES, message) == f"You said: {planted.env}"


def test_the_first_words_take_milliseconds_longer_than_without_the_proxy(
    poster: Poster, provider: Provider
) -> None:
    def first(client: httpx.Client, url: str) -> float:
        started = time.perf_counter()
        with client.stream("POST", url, content=ask(MESSAGES, "hi", stream=True)) as response:
            pieces = response.iter_bytes()
            next(pieces)
            took = time.perf_counter() - started
            for _ in pieces:
                pass
        return took

    direct = Access.direct(provider)
    medians = []
    for access in (direct, poster.access):
        with access.client() as client:
            url = access.url(*MESSAGES)
            medians.append(sorted(first(client, url) for _ in range(15))[7])
    assert medians[1] - medians[0] < 0.1


@pytest.mark.parametrize("size", [1, 2, 5, 13, 60, 5000])
@pytest.mark.parametrize("target", STREAMED, ids=name)
def test_the_cuts_do_not_matter(
    target: Target, size: int, poster: Poster, provider: Provider, planted: Planted
) -> None:
    text = f"{planted.env}\n{planted.pem}\n"
    style = Style(delta=size, interleave=True, escape=True)
    with (
        provider.manner(script=echo_call, style=style, cuts=(size, 1, 400)),
        poster.stream(target, ask(target, text, stream=True)) as response,
    ):
        message = SPELL[target](sse.payloads(response.iter_bytes()))
    assert written(target, message) == text


def written(target: Target, message: dict[str, Any]) -> str:
    """Return the content of the file that the model writes."""
    if target == MESSAGES:
        value = message["content"][1]["input"]
    elif target == CHAT:
        called = message["choices"][0]["message"]["tool_calls"][0]
        value = json.loads(called["function"]["arguments"])
    elif target == RESPONSES:
        value = json.loads(message["output"][1]["arguments"])
    else:
        value = message["candidates"][0]["content"]["parts"][-1]["functionCall"]["args"]
    return str(value["content"])


@pytest.mark.parametrize("target", STREAMED, ids=name)
def test_a_stream_without_a_content_type_is_restored(
    target: Target, poster: Poster, provider: Provider, planted: Planted
) -> None:
    with (
        provider.manner(script=echo, declared=False),
        poster.stream(target, ask(target, planted.env, stream=True)) as response,
    ):
        message = SPELL[target](sse.payloads(response.iter_bytes()))
    assert text_of(target, message) == f"You said: {planted.env}"


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_the_provider_dies_in_the_middle(
    http2: bool, poster: Poster, provider: Provider, planted: Planted
) -> None:
    text = planted.env
    broken = (httpx.RemoteProtocolError, httpx.ReadError)
    with (
        provider.manner(script=echo, style=Style(delta=6), die=12),
        poster.stream(MESSAGES, ask(MESSAGES, text, stream=True), http2) as response,
    ):
        seen, error = until_it_breaks(response)
    assert isinstance(error, broken)
    said = b"".join(
        json.loads(data)["delta"].get("text", "").encode()
        for data in _complete(seen)
        if b"text_delta" in data
    )
    assert f"You said: {text}".encode().startswith(said)
    assert said.startswith(b"You said")
    with provider.manner(script=echo):
        assert poster.post(MESSAGES, ask(MESSAGES, "and now?"), http2=http2).status == 200


def until_it_breaks(response: httpx.Response) -> tuple[bytes, httpx.HTTPError | None]:
    seen = b""
    try:
        for piece in response.iter_bytes():
            seen += piece
    except httpx.HTTPError as error:
        return seen, error
    return seen, None


def _complete(seen: bytes) -> list[bytes]:
    lines = seen[: seen.rindex(b"\n\n")].splitlines()
    return [line[6:] for line in lines if line.startswith(b"data: {")]


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_the_client_leaves_in_the_middle(
    http2: bool, launch: Launch, provider: Provider, planted: Planted
) -> None:
    def left(said: bytes) -> bool:
        return b"server disconnect" in said or b"reset by client" in said

    longer_than_the_news_takes = saying(Text("and so on, " * 10_000))
    gate = Gate(after=3)
    proxy = launch()
    poster = Poster(Access.through(proxy), provider)
    with (
        provider.recording(),
        provider.manner(script=longer_than_the_news_takes, style=Style(delta=3), gate=gate),
    ):
        with poster.stream(MESSAGES, ask(MESSAGES, planted.env, stream=True), http2) as response:
            next(response.iter_bytes())
        assert proxy.comes(left)
        gate.open()
        assert provider.received[-1].gone.wait(10)
    with provider.manner(script=echo):
        assert poster.post(MESSAGES, ask(MESSAGES, "and now?"), http2=http2).status == 200


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_compressed_stream_that_ends_early_gives_what_it_had(
    cut: int, poster: Poster, provider: Provider, planted: Planted
) -> None:
    with (
        provider.manner(script=echo, style=Style(delta=6), encoding="gzip", truncate=cut),
        poster.stream(MESSAGES, ask(MESSAGES, planted.env, stream=True)) as response,
    ):
        seen, _ = until_it_breaks(response)
    text = "".join(
        json.loads(data)["delta"].get("text", "")
        for data in _complete(seen)
        if b"text_delta" in data
    )
    assert text.startswith("You said: # deployment")
    assert f"You said: {planted.env}".startswith(text)
    with provider.manner(script=echo):
        assert poster.post(MESSAGES, ask(MESSAGES, "and now?")).status == 200


@pytest.mark.parametrize("target", STREAMED, ids=name)
def test_empty_data_frames_are_not_the_end(
    target: Target, poster: Poster, provider: Provider, planted: Planted
) -> None:
    with (
        provider.manner(script=echo, style=Style(delta=5), empties=True),
        poster.stream(target, ask(target, planted.env, stream=True), http2=True) as response,
    ):
        message = SPELL[target](sse.payloads(response.iter_bytes()))
    assert text_of(target, message) == f"You said: {planted.env}"


def test_an_answer_cut_off_in_a_placeholder_loses_nothing(
    poster: Poster, provider: Provider, planted: Planted
) -> None:
    def half(prompt: Prompt) -> list[Any]:
        placeholder = PLACEHOLDER.search(" ".join(prompt.last))
        assert placeholder
        return [Text(f"see {placeholder[0][:-5]}")]

    for target in STREAMED:
        body = ask(target, f"GITHUB_TOKEN={planted.values['GITHUB_TOKEN']}", stream=True)
        with (
            provider.manner(script=half, style=Style(delta=1)),
            poster.stream(target, body) as response,
        ):
            message = SPELL[target](sse.payloads(response.iter_bytes()))
        assert text_of(target, message).startswith("see REDACTED<git"), target


def test_signed_thinking_is_not_touched(
    poster: Poster, provider: Provider, planted: Planted
) -> None:
    def think(prompt: Prompt) -> list[Any]:
        said = " ".join(prompt.last)
        return [Thinking(f"They gave me {said}"), Thinking("", hidden=True), Text(said)]

    for streamed in (True, False):
        body = ask(MESSAGES, f"GITHUB_TOKEN={planted.values['GITHUB_TOKEN']}", stream=streamed)
        with provider.manner(script=think, style=Style(delta=2)):
            if streamed:
                with poster.stream(MESSAGES, body) as response:
                    message = sse.anthropic(sse.payloads(response.iter_bytes()))
            else:
                message = json.loads(poster.post(MESSAGES, body).content)
        thinking, hidden, text = message["content"]
        assert PLACEHOLDER.search(thinking["thinking"])
        assert "++//AKIA" in thinking["signature"]
        assert "++//AKIA" in hidden["data"]
        assert text["text"].endswith(planted.values["GITHUB_TOKEN"])


@pytest.mark.parametrize("target", [*STREAMED], ids=name)
@pytest.mark.parametrize("status", [400, 429, 500])
def test_an_error_that_quotes_the_request_is_restored(
    target: Target, status: int, poster: Poster, provider: Provider, planted: Planted
) -> None:
    text = f"GITHUB_TOKEN={planted.values['GITHUB_TOKEN']}"
    with provider.manner(error=(status, "cannot read: {last}")):
        exchange = poster.post(target, ask(target, text, stream=True))
    assert exchange.status == status
    assert json.loads(exchange.content)["error"]["message"] == f"cannot read: {text}"
    assert exchange.leaks(planted.secrets) == []


def test_count_tokens_carries_the_same_text(poster: Poster, planted: Planted) -> None:
    body = ask(MESSAGES, planted.env)
    counted = poster.post(("api.anthropic.com", "/v1/messages/count_tokens"), body)
    asked = poster.post(MESSAGES, body)
    assert counted.forwarded.content == asked.forwarded.content
    assert json.loads(counted.content)["input_tokens"] > 0
    assert counted.leaks(planted.secrets) == []


def test_a_websocket_tells_the_first_words_at_once(
    poster: Poster, provider: Provider, planted: Planted
) -> None:
    wire = next(wire for wire in WIRES if wire.name == "responses-websocket")
    conversation = ResponsesConversation("Be brief.", stateful=True)
    with wire.transport(poster.access) as transport, provider.recording() as arrived:
        with provider.manner(script=echo, style=Style(delta=1)):
            conversation.say(planted.env)
            first = conversation.absorb(transport(conversation.body()))
        with provider.manner(script=saying(call("bash", command="ls"))):
            conversation.say("and list the files")
            second = conversation.absorb(transport(conversation.body()))
    assert first == [Text(f"You said: {planted.env}")]
    assert second == [Call("bash", '{"command": "ls"}')]
    messages = provider.received[-1].messages
    assert leaks(b"\0".join(messages), planted.secrets) == []
    assert "previous_response_id" in json.loads(messages[1])
    assert arrived == []
