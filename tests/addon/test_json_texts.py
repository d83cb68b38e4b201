"""Answers whose text is JSON, because the request asked for it: they stay JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, cast

import pytest
from wire_support import SCOPE, TEMPLATE, Gate, dump, secret, through, whole

from harness.wire_families import FAMILIES
from secretgate.engine import Engine
from secretgate.placeholders import Issued
from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer
from secretgate.websockets import Socket

VALUE = 'x9"Kd\\w0p'
NAME = "REDACTED<zz-key:0123456789ab>"
ISSUED = Issued(TEMPLATE, {NAME.encode(): VALUE.encode()})
TEXT = json.dumps({"password": NAME, "inner": json.dumps({"again": NAME})})
ASKED: dict[str, Any] = {
    "anthropic": {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
    "openai-chat": {"response_format": {"json_schema": {"name": "a"}, "type": "json_schema"}},
    "openai-responses": {"text": {"format": {"type": "json_object"}}},
    "gemini": {"generationConfig": {"responseMimeType": "application/json"}},
    "bedrock": {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {}}}},
    "cohere": {"response_format": {"type": "json_object"}},
    "ai-sdk": {"responseFormat": {"type": "json", "schema": {}}},
    "ollama": {"model": "m", "format": {"type": "object"}},
}
WHOLE: dict[str, tuple[Any, Callable[[Any], str]]] = {
    "ai-sdk": (
        {"content": [{"type": "text", "text": TEXT}]},
        lambda answer: answer["content"][0]["text"],
    ),
    "anthropic": (
        {"content": [{"type": "text", "text": TEXT}]},
        lambda answer: answer["content"][0]["text"],
    ),
    "openai-chat": (
        {"choices": [{"message": {"content": TEXT}}]},
        lambda answer: answer["choices"][0]["message"]["content"],
    ),
    "openai-responses": (
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": TEXT}]}]},
        lambda answer: answer["output"][0]["content"][0]["text"],
    ),
    "gemini": (
        {"candidates": [{"content": {"parts": [{"text": TEXT}]}}]},
        lambda answer: answer["candidates"][0]["content"]["parts"][0]["text"],
    ),
    "bedrock": (
        {"output": {"message": {"content": [{"text": TEXT}]}}},
        lambda answer: answer["output"]["message"]["content"][0]["text"],
    ),
    "bedrock claude": (
        {"content": [{"type": "text", "text": TEXT}]},
        lambda answer: answer["content"][0]["text"],
    ),
    "cohere": (
        {"message": {"content": [{"type": "text", "text": TEXT}]}},
        lambda answer: answer["message"]["content"][0]["text"],
    ),
    "ollama": (
        {"message": {"role": "assistant", "content": TEXT}, "done": True},
        lambda answer: answer["message"]["content"],
    ),
}
STREAMS = {
    "anthropic": "anthropic",
    "chat": "openai-chat",
    "responses": "openai-responses",
    "gemini": "gemini",
    "code assist": "gemini",
    "bedrock invoke": "anthropic",
    "bedrock converse": "bedrock",
    "AI SDK": "ai-sdk",
    "cohere": "cohere",
    "cohere v1": "cohere",
    "ollama": "ollama",
    "ollama generate": "ollama",
}


def assert_restored(said: str) -> None:
    read = json.loads(said)
    assert read["password"] == VALUE
    assert json.loads(read["inner"]) == {"again": VALUE}


@pytest.mark.parametrize("name", WHOLE)
def test_a_document_in_a_document_stays_json(name: str) -> None:
    (answer, said), api = WHOLE[name], name.split(maxsplit=1)[0]
    dialect = DIALECTS[api].answering(dump(ASKED[api]))
    assert_restored(said(json.loads(whole(dialect, ISSUED, dump(answer)))))
    plain = said(json.loads(whole(DIALECTS[api].answering(b"{}"), ISSUED, dump(answer))))
    assert f'"password": "{VALUE}"' in plain


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 3, 8, 200])
def test_json_in_pieces_stays_json(name: str, size: int) -> None:
    family = FAMILIES[name]
    pieces = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]
    raw = family.write(pieces, [])
    dialect = family.dialect.answering(dump(ASKED[STREAMS[name]]))
    said, _ = family.read(through(family.framer(), dialect, ISSUED, raw))
    assert_restored(said)


def test_reasoning_beside_json_is_not_touched() -> None:
    dialect = DIALECTS["openai-responses"].answering(dump(ASKED["openai-responses"]))
    part = {"type": "summary_text", "text": f"it is {NAME}"}
    payload = {"type": "response.reasoning_summary_part.done", "item_id": "r", "part": part}
    event = b"data: " + dump(payload) + b"\n\n"
    assert through(SseFramer(), dialect, ISSUED, event) == event


def test_a_request_that_only_speaks_of_it_does_not_ask_for_json() -> None:
    ollama = DIALECTS["ollama"]
    assert ollama.answering(b'{"format":"json"}').in_json
    assert ollama.answering(b'{"format":"","messages":0}') is ollama
    dialect = DIALECTS["openai-chat"]
    spoken = dump({"messages": [{"role": "user", "content": '{"type": "json_object"}'}]})
    assert dialect.answering(spoken) is dialect


def test_a_decision_knows_what_was_asked_for() -> None:
    gate = Gate()
    content = dump({"messages": [{"role": "user", "content": "x"}], **ASKED["openai-chat"]})
    headers = {"content-type": "application/json"}
    decision = gate.requests.decide(gate.request("openai-chat", content=content, headers=headers))
    assert decision.dialect is not None
    assert decision.dialect.in_json


def test_json_over_a_websocket_stays_json() -> None:
    """What comes between does not change how the answer is read; the next request does."""
    gate = Gate()
    ws = Socket(cast(Engine, gate), gate.request("openai-responses"))
    key = secret(1)
    gate.vault.learn(SCOPE, {VALUE.encode(): "zz-key"})
    form = {"text": {"format": {"type": "json_schema", "schema": {}}}}
    for more, kept in ((form, True), ({}, False)):
        ask = {"type": "response.create", "input": f"{key} and {VALUE}", **more}
        sent = ws.from_client(dump(ask)).content
        assert sent is not None
        name = re.findall(r"REDACTED<[^>]*>", sent.decode())[1]
        ws.from_client(dump({"type": "response.processed", "response_id": "r"}))
        said = json.dumps({"a": name})
        event = {"type": "response.output_text.delta", "item_id": "m", "delta": said}
        out = ws.from_provider(dump(event)).content
        assert out is not None
        delta = json.loads(out)["delta"]
        assert delta == (json.dumps({"a": VALUE}) if kept else said.replace(name, VALUE))
        ws.from_provider(dump({"type": "response.completed", "response": {"id": "r"}}))
