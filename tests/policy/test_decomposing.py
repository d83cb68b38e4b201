"""Requests of every family, decomposed into calls: the same conversation in each format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from secretgate.bodies import forms, readers
from secretgate.policy.decomposing import Leaf, requests
from secretgate.policy.model import Call
from secretgate.policy.request_tables import TABLES
from secretgate.providers import DIALECTS


def calls(dialect: str, body: Any, content_type: str = "application/json") -> list[Call]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    read = readers.read(raw, content_type, DIALECTS[dialect])
    leaves = [
        Leaf(slot, forms.read(slot.form, raw[slot.start : slot.end]), at)
        for at, slot in enumerate(read.slots)
        if slot.label.value == "text"
    ]
    return [placed.call for placed in requests(dialect, read, leaves, {"host": "h"})]


ANTHROPIC = {
    "model": "m",
    "system": [{"type": "text", "text": "be brief"}],
    "messages": [
        {"role": "user", "content": "list them"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "looking"},
                {"type": "tool_use", "id": "call-1", "name": "ls", "input": {"path": "/"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call-1",
                    "content": [{"type": "text", "text": "a b"}],
                },
                {"type": "text", "text": "go on"},
            ],
        },
    ],
}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "list them"},
        {
            "role": "assistant",
            "content": "looking",
            "tool_calls": [
                {
                    "id": "call-1",
                    "type": "function",
                    "function": {"name": "ls", "arguments": '{"path": "/"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call-1", "content": "a b"},
        {"role": "user", "content": [{"type": "text", "text": "go on"}]},
    ],
}
BODIES: dict[str, Any] = {
    "anthropic": ANTHROPIC,
    "openai-chat": CHAT,
    "cohere": CHAT,
    "ollama": {**CHAT, "messages": [*CHAT["messages"][:-1], {"role": "user", "content": "go on"}]},
    "dashscope": {"model": "m", "input": {"messages": CHAT["messages"]}},
    "openai-responses": {
        "model": "m",
        "instructions": "be brief",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "list them"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "looking"}]},
            {"type": "function_call", "call_id": "call-1", "name": "ls", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call-1", "output": "a b"},
            {"role": "user", "content": "go on"},
        ],
    },
    "gemini": {
        "model": "m",
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "list them"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "looking"},
                    {"functionCall": {"name": "ls", "args": {"path": "/"}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "call-1",
                            "name": "ls",
                            "response": {"output": "a b"},
                        }
                    },
                    {"text": "go on"},
                ],
            },
        ],
    },
    "bedrock": {
        "model": "m",
        "system": [{"text": "be brief"}],
        "messages": [
            {"role": "user", "content": [{"text": "list them"}]},
            {
                "role": "assistant",
                "content": [
                    {"text": "looking"},
                    {"toolUse": {"toolUseId": "call-1", "name": "ls", "input": {}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "call-1", "content": [{"text": "a b"}]}},
                    {"text": "go on"},
                ],
            },
        ],
    },
}


@pytest.mark.parametrize("dialect", BODIES)
def test_the_same_conversation_makes_the_same_calls(dialect: str) -> None:
    summary, *parts = calls(dialect, BODIES[dialect])
    assert summary.operation == "llm.request"
    assert summary.params["model"] == "m"
    assert summary.params["system"] == "be brief"
    assert summary.params["tool_result_count"] == 1
    assert summary.params["message_count"] >= 3
    assert summary.params["token_estimate"] > 0
    texts = [
        (call.params["role"], call.params["text"]) for call in parts if call.operation == "llm.text"
    ]
    assistant = "model" if dialect == "gemini" else "assistant"
    assert set(texts) == {
        ("system", "be brief"),
        ("user", "list them"),
        (assistant, "looking"),
        ("user", "go on"),
    }
    assert len(texts) == 4
    (result,) = [call for call in parts if call.operation == "llm.tool_result"]
    assert result.params == {"tool_name": "ls", "tool_use_id": "call-1", "content": "a b"}
    assert all(call.context["direction"] == "request" for call in (summary, *parts))
    assert all(call.context["model"] == "m" for call in (summary, *parts))


def test_every_dialect_with_messages_has_a_table() -> None:
    assert set(DIALECTS) - set(TABLES) == {
        *("mcp", "protobuf", "windsurf", "xai", "generic", "cloudflare", "ai-sdk", "zed")
    }


def test_a_batch_is_taken_apart_request_by_request() -> None:
    body = {"requests": [{"custom_id": "1", "params": ANTHROPIC}]}
    found = calls("anthropic", body)
    assert [
        call.params.get("tool_name") for call in found if call.operation == "llm.tool_result"
    ] == ["ls"]


def test_the_lines_of_a_batch_file_do_not_mix() -> None:
    def line(role: str) -> bytes:
        body = {"messages": [{"role": role, "content": f"said by {role}"}]}
        return json.dumps({"custom_id": role, "body": body}).encode() + b"\n"

    found = calls("openai-chat", line("user") + line("system"), "application/jsonl")
    assert [(call.params["role"], call.params["text"]) for call in found[1:]] == [
        ("user", "said by user"),
        ("system", "said by system"),
    ]


def test_a_format_that_nobody_has_described_is_texts() -> None:
    found = calls("generic", {"odd": {"place": "some words"}})
    assert found[1].params == {"text": "some words", "role": ""}


INTERACTION = {
    "system_instruction": "be brief",
    "input": [
        {"type": "user_input", "content": [{"type": "text", "text": "list them"}]},
        {"type": "model_output", "content": [{"type": "text", "text": "looking"}]},
        {"type": "function_call", "id": "call-1", "name": "ls", "arguments": {"path": "/"}},
        {"type": "function_result", "call_id": "call-1", "name": "ls", "result": "a b"},
    ],
}
SESSION = {
    "events": [
        {"type": "user.message", "content": [{"type": "text", "text": "list them"}]},
        {
            "type": "user.custom_tool_result",
            "custom_tool_use_id": "call-1",
            "content": [{"type": "text", "text": "a b"}],
        },
    ]
}


@pytest.mark.parametrize(
    ("dialect", "body", "texts"),
    [
        ("gemini", INTERACTION, ["system: be brief", "user: list them", "assistant: looking"]),
        ("gemini", {"input": "list them"}, ["user: list them"]),
        ("anthropic", SESSION, ["user: list them"]),
        ("openai-responses", {"inputs": "list them"}, ["user: list them"]),
        (
            "openai-responses",
            {
                "input": [
                    {
                        "type": "shell_call_output",
                        "call_id": "call-1",
                        "output": [{"stdout": "a b"}],
                    }
                ]
            },
            [],
        ),
        (
            "openai-responses",
            {"inputs": [{"type": "function.result", "tool_call_id": "call-1", "result": "a b"}]},
            [],
        ),
    ],
)
def test_steps_events_and_entries(dialect: str, body: Any, texts: list[str]) -> None:
    _, *parts = calls(dialect, body)
    said = [call.params for call in parts if call.operation == "llm.text"]
    assert sorted(f"{each['role']}: {each['text']}" for each in said) == sorted(texts)
    results = [call.params for call in parts if call.operation == "llm.tool_result"]
    assert [each["content"] for each in results] == (["a b"] if "call-1" in str(body) else [])
    assert {each["tool_use_id"] for each in results} <= {"call-1"}


def test_a_conversation_of_amazon_qs_is_taken_apart() -> None:
    """It has no system prompt of its own, and the last message stands beside the others."""
    result = {"toolUseId": "call-1", "status": "success", "content": [{"text": "a b"}]}
    context = {"toolResults": [result]}
    used = [{"toolUseId": "call-1", "name": "ls", "input": {"path": "/"}}]
    state = {
        "conversationId": "c-1",
        "history": [
            {"userInputMessage": {"content": "list them", "modelId": "m"}},
            {"assistantResponseMessage": {"content": "looking", "toolUses": used}},
        ],
        "currentMessage": {
            "userInputMessage": {
                "content": "go on",
                "modelId": "m",
                "userInputMessageContext": context,
            }
        },
    }
    summary, *parts = calls("amazon-q", {"conversationState": state})
    assert (summary.params["tool_result_count"], summary.params["message_count"]) == (1, 2)
    said = {call.params["text"]: call.params["role"] for call in parts if "text" in call.params}
    assert said == {"list them": "user", "looking": "assistant", "go on": "user"}
    (told,) = [call for call in parts if call.operation == "llm.tool_result"]
    assert told.params == {"tool_name": "ls", "tool_use_id": "call-1", "content": "a b"}
