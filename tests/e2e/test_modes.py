"""The modes `block` and `audit`: one sends nothing and says why, the other changes nothing."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from harness.clients import ResponsesConversation
from harness.fixtures import Launch
from harness.model import echo
from harness.post import CHAT, GEMINI, MESSAGES, RESPONSES, Poster, Target, ask
from harness.provider import Provider
from harness.secrets import Planted, leaks
from harness.wires import WIRES, Access, environment

FIELDS = {
    MESSAGES: "messages[0].content",
    CHAT: "messages[0].content",
    RESPONSES: "input",
    GEMINI: "contents[0].parts[0].text",
}


@pytest.fixture(scope="module")
def blocking(launch: Launch, provider: Provider) -> Poster:
    return Poster(Access.through(launch(options={"secretgate_mode": "block"})), provider)


@pytest.fixture(scope="module")
def auditing(launch: Launch, provider: Provider) -> Poster:
    return Poster(Access.through(launch(options={"secretgate_mode": "audit"})), provider)


def message_of(target: Target, content: bytes) -> str:
    """Return the message of an error in the format that the provider's clients expect."""
    answer = json.loads(content)
    if target == MESSAGES:
        assert answer["type"] == "error"
        assert answer["error"]["type"]
    if target == GEMINI:
        assert answer["error"]["code"] == 403
        assert answer["error"]["status"] == "PERMISSION_DENIED"
    return str(answer["error"]["message"])


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("target", FIELDS, ids=lambda target: target[1])
def test_block_names_rule_and_field_and_sends_nothing(
    target: Target, http2: bool, streamed: bool, blocking: Poster, planted: Planted
) -> None:
    body = ask(target, f"my token: {planted.values['GITHUB_TOKEN']}", stream=streamed)
    exchange = blocking.post(target, body, http2=http2)
    assert exchange.status == 403
    assert exchange.arrived == []
    message = message_of(target, exchange.content)
    assert "github" in message
    assert FIELDS[target] in message
    assert leaks(exchange.content + repr(exchange.headers).encode(), planted.secrets) == []


@pytest.mark.parametrize("target", FIELDS, ids=lambda target: target[1])
def test_block_lets_a_clean_request_pass_unchanged(target: Target, blocking: Poster) -> None:
    body = ask(target, "What is a monad?")
    exchange = blocking.post(target, body)
    assert exchange.status == 200
    assert exchange.forwarded.raw == body


def test_the_sdks_understand_the_refusal(blocking: Poster, planted: Planted) -> None:
    messages = [{"role": "user", "content": f"token: {planted.values['GITHUB_TOKEN']}"}]
    with environment(blocking.access.environment):
        claude = anthropic.Anthropic(api_key="of-the-test", max_retries=0)
        with pytest.raises(anthropic.PermissionDeniedError, match="github"):
            claude.messages.create(model="claude-test", max_tokens=9, messages=messages)  # type: ignore[arg-type]
        gpt = openai.OpenAI(api_key="of-the-test", max_retries=0)
        with pytest.raises(openai.PermissionDeniedError, match="github"):
            gpt.chat.completions.create(model="m", messages=messages)  # type: ignore[call-overload]


def test_block_answers_a_websocket_with_an_error_event(
    blocking: Poster, provider: Provider, planted: Planted
) -> None:
    wire = next(wire for wire in WIRES if wire.name == "responses-websocket")
    conversation = ResponsesConversation("Be brief.", stateful=True)
    start = len(provider.received)
    with wire.transport(blocking.access) as transport, provider.manner(script=echo):
        conversation.say(f"token: {planted.values['GITHUB_TOKEN']}")
        with pytest.raises(RuntimeError, match="github") as refusal:
            transport(conversation.body())
    assert json.loads(str(refusal.value))["type"] == "error"
    arrived = b"\0".join(each.everything for each in provider.received[start:])
    assert leaks(arrived, planted.secrets) == []
    assert leaks(str(refusal.value).encode(), planted.secrets) == []


@pytest.mark.parametrize("target", FIELDS, ids=lambda target: target[1])
def test_audit_changes_nothing(
    target: Target, auditing: Poster, provider: Provider, planted: Planted
) -> None:
    body = ask(target, planted.env)
    with provider.manner(script=echo):
        exchange = auditing.post(target, body)
    assert exchange.status == 200
    assert exchange.forwarded.raw == body
    assert planted.values["GITHUB_TOKEN"].encode() in exchange.content
