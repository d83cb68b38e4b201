"""Error responses: in the provider's own format, with a status that clients do not retry."""

from __future__ import annotations

import json
import struct

import pytest
from test_streams_eventstream import read_by_botocore
from wire_support import Gate, secret

from secretgate.outbound import refusals
from secretgate.providers import DIALECTS
from secretgate.providers.base import Dialect
from secretgate.streams.envelopes import EnvelopeFramer

SAID = 'request blocked: secret detected in "prompt" — nothing was sent'


@pytest.mark.parametrize(
    ("agent", "status"),
    [
        ("claude-cli/2.1.330 (external, cli)", 400),
        ("codex_cli_rs/0.169.0 (Ubuntu 24.4.0; x86_64) xterm", 400),
        ("codex_exec/0.169.0", 400),
        ("copilot/1.0.102 (linux v24.20.0) term/unknown", 400),
        ("mistral-client-python/2.6.0", 400),
        ("GeminiCLI/0.61.0/gemini-2.5-flash (linux; x64)", 403),
        ("Anthropic/Python 2.12", 403),
        ("", 403),
    ],
)
def test_the_status_is_the_one_that_the_client_shows_once(agent: str, status: int) -> None:
    assert refusals.status(agent) == status
    assert refusals.status(agent, 451) == 451


SHAPES = {
    "anthropic": lambda error: error["type"] == "error" and error["error"]["message"],
    "openai-chat": lambda error: error["error"]["type"] and error["error"]["message"],
    "openai-responses": lambda error: (
        error["error"]["code"] == "secretgate_refused" and error["error"]["message"]
    ),
    "openai-assistants": lambda error: error["error"]["message"],
    "gemini": lambda error: (
        error["error"]["status"] == "PERMISSION_DENIED" and error["error"]["message"]
    ),
    "bedrock": lambda error: error["__type"] == "AccessDeniedException" and error["message"],
    "amazon-q": lambda error: error["__type"] == "AccessDeniedException" and error["message"],
    "cohere": lambda error: error["message"],
    "ollama": lambda error: error["error"],
    "dashscope": lambda error: error["code"] and error["message"],
    "mcp": lambda error: error["jsonrpc"] == "2.0" and error["error"]["message"],
    "protobuf": lambda error: error["code"] == "permission_denied" and error["message"],
    "ai-sdk": lambda error: error["error"]["message"],
    "xai": lambda error: error["code"] == "permission_denied" and error["message"],
    "windsurf": lambda error: error["code"] == "permission_denied" and error["message"],
    "generic": lambda error: error["error"]["message"],
    "cloudflare": lambda error: error["error"]["message"],
}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_family_has_its_own_shape(name: str) -> None:
    dialect = DIALECTS[name]
    assert name in SHAPES or type(dialect).refusal is Dialect.refusal, "a shape of its own"
    content, headers = refusals.body(dialect, 403, SAID)
    assert SHAPES.get(name, SHAPES["generic"])(json.loads(content)) == SAID
    assert headers["content-type"] == "application/json"
    if name == "bedrock":
        assert headers["x-amzn-errortype"] == "AccessDeniedException"


@pytest.mark.parametrize(
    "name", ["anthropic", "openai-chat", "openai-responses", "gemini", "cohere"]
)
def test_in_server_sent_events_an_error_is_an_event(name: str) -> None:
    said = refusals.event(DIALECTS[name], "text/event-stream; charset=utf-8", 400, SAID)
    head, _, data = said.decode().partition("\ndata: ")
    assert head.startswith("event: ")
    assert said.endswith(b"\n\n")
    assert SAID in json.dumps(json.loads(data), ensure_ascii=False).replace('\\"', '"')


def test_a_responses_error_is_of_the_type_error_and_names_its_kind_inside() -> None:
    name, payload = DIALECTS["openai-responses"].refusal_event(400, SAID)
    assert (name, payload["type"], payload["status"]) == ("error", "error", 400)
    assert payload["message"] == payload["error"]["message"] == SAID
    assert payload["error"]["type"] == "invalid_request_error"


def test_a_responses_error_over_a_websocket_says_it_once() -> None:
    """Codex shows the message as it is."""
    message = DIALECTS["openai-responses"].refusal_message(400, SAID)
    assert (message["type"], message["status"]) == ("error", 400)
    assert json.dumps(message, ensure_ascii=False).count(json.dumps(SAID, ensure_ascii=False)) == 1


def test_in_json_lines_it_is_a_line() -> None:
    said = refusals.event(DIALECTS["ollama"], "application/x-ndjson", 400, SAID)
    assert json.loads(said) == {"error": SAID}
    assert said.endswith(b"\n")


def test_in_an_array_it_is_the_last_element() -> None:
    said = b'[{"a": 1}' + refusals.event(DIALECTS["gemini"], "application/json", 400, SAID)
    assert json.loads(said)[1]["error"]["message"] == SAID


def test_in_place_of_a_document_it_is_the_document() -> None:
    said = refusals.event(DIALECTS["gemini"], "application/json", 400, SAID, begun=False)
    assert json.loads(said)["error"]["message"] == SAID


def test_in_an_amazon_stream_it_is_an_exception() -> None:
    said = refusals.event(DIALECTS["bedrock"], "application/vnd.amazon.eventstream", 400, SAID)
    ((headers, payload),) = read_by_botocore(said)
    assert headers[":message-type"] == "exception"
    assert headers[":exception-type"] == "modelStreamErrorException"
    assert json.loads(payload) == {"message": SAID}


def test_in_a_connect_stream_it_ends_the_stream() -> None:
    said = refusals.event(DIALECTS["protobuf"], "application/connect+proto", 403, SAID)
    (envelope,) = EnvelopeFramer().envelopes(said)
    assert envelope.last
    assert json.loads(envelope.message)["error"] == {"code": "permission_denied", "message": SAID}
    assert struct.unpack(">BI", said[:5]) == (2, len(said) - 5)


def test_in_grpc_it_stands_in_the_headers() -> None:
    headers = refusals.grpc_headers("application/grpc", SAID)
    assert headers["grpc-status"] == "7"
    assert headers["grpc-message"].isascii()
    assert "secret detected" in headers["grpc-message"]


def test_a_call_is_refused_as_calls_are() -> None:
    status, content, headers = refusals.answer(
        DIALECTS["protobuf"], "application/grpc+proto", 403, SAID
    )
    assert (status, content, headers["grpc-status"]) == (200, b"", "7")
    status, content, headers = refusals.answer(
        DIALECTS["protobuf"], "application/connect+proto", 403, SAID
    )
    assert (status, headers["content-type"]) == (200, "application/connect+proto")
    assert EnvelopeFramer().envelopes(content)[0].last
    status, content, headers = refusals.answer(DIALECTS["protobuf"], "application/proto", 403, SAID)
    assert (status, json.loads(content)["code"]) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("claude-cli/2.1.330 (external)", "claude-cli"),
        ("connect-es/1.6.1", "connect-es"),
        ("", "unknown"),
        ("\n{x}", "unknown"),
    ],
)
def test_a_client_has_a_name(agent: str, name: str) -> None:
    assert refusals.client(agent) == name


def test_a_secret_in_a_field_that_is_never_changed_is_told_with_the_field() -> None:
    """A conversation that began without secretgate may quote a secret in signed thinking."""
    gate, key = Gate(), secret(1)
    thinking = {"type": "thinking", "thinking": f"It is {key}.", "signature": "s"}
    turns = [
        {"role": "user", "content": f"the key is {key}"},
        {"role": "assistant", "content": [thinking]},
        {"role": "user", "content": f"use {key}"},
    ]
    decision = gate.requests.decide(
        gate.request("anthropic", content=json.dumps({"messages": turns}).encode())
    )
    assert decision.refused
    assert "in messages[1].content[0].thinking, which is never changed" in decision.message
    assert "Begin a new conversation" in decision.message
    assert key not in decision.message
