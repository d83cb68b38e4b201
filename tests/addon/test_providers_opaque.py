"""Signed, encrypted and identifying fields of a provider are not changed; those next to them are.

Every family has one conversation with a key-shaped string in each opaque field (OPAQUE) and one in
each field next to them (SEEN): exemptions name fields, never blocks or turns.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from wire_support import PLACEHOLDER, Gate, dump, secret, whole

from secretgate.providers import DIALECTS


class Maker:
    """Makes distinct key-shaped strings and records them by kind."""

    def __init__(self) -> None:
        self.opaque: list[str] = []
        self.seen: list[str] = []
        self.credentials: list[str] = []

    @property
    def o(self) -> str:
        self.opaque.append(f"Es/{secret(1000 + len(self.opaque))}+=")
        return self.opaque[-1]

    @property
    def s(self) -> str:
        self.seen.append(secret(len(self.seen)))
        return f"it is {self.seen[-1]}!"

    @property
    def c(self) -> str:
        self.credentials.append(secret(2000 + len(self.credentials)))
        return self.credentials[-1]

    @property
    def b(self) -> str:
        """Base64 of a text."""
        return base64.b64encode(self.s.encode()).decode()

    def drop_unused(self, raw: bytes) -> None:
        """Forget the strings made for parts of the body that a test left out."""
        text = raw.decode()
        self.opaque = [value for value in self.opaque if value in text]
        self.credentials = [value for value in self.credentials if value in text]


def anthropic(m: Maker) -> Any:
    return {
        "model": m.o,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=3f9a1;"},
            {"type": "text", "text": m.s, "cache_control": {"type": "ephemeral", "scope": m.o}},
        ],
        "metadata": {"user_id": m.o, "note": m.s},
        "container": m.o,
        "diagnostics": {"previous_message_id": m.o},
        "context_management": {"edits": [{"type": m.o}]},
        "stop_sequences": [m.s],
        "output_config": {"format": {"schema": {"description": m.s}}},
        "mcp_servers": [{"url": m.s, "authorization_token": m.c}],
        "tools": [{"name": "t", "description": m.s, "input_schema": {"default": m.s}}],
        "messages": [
            {"role": "system", "content": m.s},
            {"role": "user", "content": m.s},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": m.o, "signature": m.o},
                    {"type": "thinking", "thinking": "", "signature": m.o},
                    {"type": "redacted_thinking", "data": m.o},
                    {"type": "text", "text": m.s, "citations": [{"cited_text": m.s, "encrypted_index": m.o}]},
                    {"type": "tool_use", "id": m.o, "name": "t", "input": {"id": m.s, "signature": m.s, "data": m.s, "thinking": m.s, "type": "thinking"}},
                    {"type": "server_tool_use", "id": m.o, "name": "t", "input": {"code": m.s}},
                    {"type": "mcp_tool_use", "id": m.o, "input": {"a": [m.s]}},
                    {"type": "compaction", "content": m.s, "encrypted_content": m.o},
                    {"type": "web_search_tool_result", "tool_use_id": m.o, "content": [{"type": "web_search_result", "title": m.s, "encrypted_content": m.o}]},
                    {"type": "code_execution_tool_result", "tool_use_id": m.o, "content": {"stdout": m.s, "stderr": m.s, "encrypted_stdout": m.o}},
                    {"type": "advisor_tool_result", "content": {"type": "advisor_redacted_result", "encrypted_content": m.o}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": m.o, "content": [{"type": "text", "text": m.s}]},
                    {"type": "tool_result", "tool_use_id": m.o, "content": m.s},
                    {"type": "mcp_tool_result", "tool_use_id": m.o, "content": [{"type": "text", "text": m.s}]},
                    {"type": "document", "title": m.s, "context": m.s, "source": {"type": "text", "data": m.s}},
                    {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": m.b}},
                    {"type": "document", "source": {"type": "file", "file_id": m.o}},
                    {"type": "search_result", "title": m.s, "source": m.s, "content": [{"type": "text", "text": m.s}]},
                    {"type": "a_kind_of_next_year", "whatever": {"deep": [m.s]}},
                ],
            },
        ],
    }  # fmt: skip


def chat(m: Maker) -> Any:
    return {
        "model": m.o,
        "user": m.o,
        "safety_identifier": m.o,
        "prompt_cache_key": m.o,
        "stop": [m.s],
        "prediction": {"type": "content", "content": m.s},
        "response_format": {"json_schema": {"description": m.s}},
        "tools": [
            {"type": "function", "function": {"name": "t", "description": m.s, "parameters": {"default": m.s}}},
            {"type": "mcp", "server_url": m.s, "headers": {"Authorization": m.c}, "authorization": m.c},
        ],
        "messages": [
            {"role": "system", "content": m.s, "name": m.s},
            {"role": "user", "content": [{"type": "text", "text": m.s}, {"type": "file", "file": {"file_id": m.o, "filename": m.s}}]},
            {
                "role": "assistant",
                "content": m.s,
                "refusal": m.s,
                "reasoning_content": m.o,
                "reasoning": m.o,
                "reasoning_opaque": m.o,
                "reasoning_details": [{"type": "reasoning.encrypted", "data": m.o, "id": m.o}],
                "encrypted_content": m.o,
                "audio": {"id": m.o},
                "tool_calls": [
                    {
                        "id": m.o,
                        "type": "function",
                        "function": {"name": "t", "arguments": dump({"a": m.s}).decode()},
                        "extra_content": {"google": {"thought_signature": m.o}},
                    },
                    {"id": m.o, "type": "custom", "custom": {"name": "t", "input": m.s}},
                ],
                "function_call": {"name": "t", "arguments": dump({"a": m.s}).decode()},
            },
            {"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": m.o}], "signature": m.o}, {"type": "text", "text": m.s}]},
            {"role": "tool", "tool_call_id": m.o, "content": m.s},
        ],
        "prompt": [m.s],
        "suffix": m.s,
        "input": m.s,
    }  # fmt: skip


def responses(m: Maker) -> Any:
    return {
        "type": "response.create",
        "model": m.o,
        "instructions": m.s,
        "previous_response_id": m.o,
        "conversation": {"id": m.o},
        "prompt_cache_key": m.o,
        "prompt": {"id": m.o, "variables": {"x": m.s}},
        "metadata": {"note": m.s},
        "text": {"format": {"schema": {"description": m.s}}},
        "tools": [
            {"type": "custom", "name": "t", "description": m.s, "format": {"definition": m.s}},
            {"type": "mcp", "server_url": m.s, "authorization": m.c, "headers": {"x": m.c}},
        ],
        "input": [
            {"type": "message", "id": m.o, "role": "user", "content": [{"type": "input_text", "text": m.s}, {"type": "input_file", "filename": m.s, "file_id": m.o, "file_data": f"data:text/plain;base64,{m.b}"}]},
            {"type": "additional_tools", "tools": [{"name": "t", "description": m.s, "authorization": m.c}]},
            {"type": "configuration_update", "text": m.s},
            {"type": "reasoning", "id": m.o, "summary": [{"type": "summary_text", "text": m.o}], "content": [{"type": "reasoning_text", "text": m.o}], "encrypted_content": m.o},
            {"type": "message", "role": "assistant", "id": m.o, "content": [{"type": "output_text", "text": m.s}]},
            {"type": "function_call", "id": m.o, "call_id": m.o, "name": "t", "arguments": dump({"id": m.s}).decode(), "encrypted_function_args": m.o},
            {"type": "function_call_output", "call_id": m.o, "output": m.s},
            {"type": "function_call_output", "call_id": m.o, "output": [{"type": "input_text", "text": m.s}]},
            {"type": "custom_tool_call", "id": m.o, "call_id": m.o, "name": "t", "input": m.s},
            {"type": "custom_tool_call_output", "call_id": m.o, "output": m.s},
            {"type": "local_shell_call", "id": m.o, "call_id": m.o, "action": {"command": ["echo", m.s], "env": {"K": m.s}}},
            {"type": "shell_call_output", "call_id": m.o, "output": [{"stdout": m.s, "stderr": m.s}]},
            {"type": "apply_patch_call", "call_id": m.o, "operation": {"type": "update_file", "diff": m.s}},
            {"type": "mcp_call", "id": m.o, "arguments": m.s, "output": m.s},
            {"type": "mcp_approval_request", "id": m.o, "arguments": m.s},
            {"type": "code_interpreter_call", "id": m.o, "code": m.s, "outputs": [{"type": "logs", "logs": m.s}]},
            {"type": "file_search_call", "id": m.o, "queries": [m.s], "results": [{"text": m.s}]},
            {"type": "program", "code": m.s, "fingerprint": m.o},
            {"type": "compaction", "id": m.o, "encrypted_content": m.o},
            {"type": "item_reference", "id": m.o},
        ],
    }  # fmt: skip


def gemini(m: Maker) -> Any:
    return {
        "model": m.o,
        "cachedContent": m.o,
        "systemInstruction": {"parts": [{"text": m.s}]},
        "tools": [{"functionDeclarations": [{"name": "t", "description": m.s}]}],
        "contents": [
            {"role": "user", "parts": [{"text": m.s}, {"fileData": {"fileUri": m.s}}]},
            {
                "role": "model",
                "parts": [
                    {"text": m.o, "thought": True, "thoughtSignature": m.o},
                    {"text": m.s, "thoughtSignature": m.o},
                    {"functionCall": {"id": m.o, "name": "t", "args": {"id": m.s, "data": m.s, "thought": m.s}}, "thoughtSignature": m.o},
                    {"executableCode": {"code": m.s}},
                    {"codeExecutionResult": {"output": m.s}},
                ],
            },
            {"role": "user", "parts": [{"functionResponse": {"id": m.o, "name": "t", "response": {"output": m.s, "id": m.s}}}, {"inlineData": {"mimeType": "text/plain", "data": m.b}}]},
        ],
    }  # fmt: skip


def code_assist(m: Maker) -> Any:
    return {
        "model": m.o,
        "project": m.o,
        "user_prompt_id": m.o,
        "request": {**gemini(m), "session_id": m.o},
    }


def live(m: Maker) -> Any:
    return {"setup": {"model": m.o, "systemInstruction": {"parts": [{"text": m.s}]}}, "clientContent": {"turns": gemini(m)["contents"]}, "toolResponse": {"functionResponses": [{"name": "t", "response": {"output": m.s}}]}, "realtimeInput": {"text": m.s}}  # fmt: skip


def bedrock(m: Maker) -> Any:
    return {
        "system": [{"text": m.s}],
        "guardrailConfig": {"guardrailIdentifier": m.o},
        "toolConfig": {"tools": [{"toolSpec": {"name": "t", "description": m.s}}]},
        "messages": [
            {"role": "user", "content": [{"text": m.s}, {"document": {"name": m.s, "source": {"bytes": m.b}}}, {"guardContent": {"text": {"text": m.s}}}]},
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": m.o, "signature": m.o}}},
                    {"reasoningContent": {"redactedContent": m.o}},
                    {"text": m.s},
                    {"toolUse": {"toolUseId": m.o, "name": "t", "input": {"signature": m.s}}},
                ],
            },
            {"role": "user", "content": [{"toolResult": {"toolUseId": m.o, "content": [{"text": m.s}, {"json": {"toolUseId": m.s}}]}}]},
        ],
    }  # fmt: skip


def bedrock_claude(m: Maker) -> Any:
    return {"anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["b"], **anthropic(m)}


def cohere(m: Maker) -> Any:
    return {
        "model": m.o,
        "preamble": m.s,
        "message": m.s,
        "chat_history": [{"role": "USER", "message": m.s}],
        "documents": [{"data": {"text": m.s}}],
        "messages": [
            {"role": "assistant", "content": [{"type": "thinking", "thinking": m.o}, {"type": "text", "text": m.s}], "tool_plan": m.s, "tool_calls": [{"id": m.o, "function": {"arguments": dump({"a": m.s}).decode()}}]},
            {"role": "tool", "tool_call_id": m.o, "content": [{"type": "document", "document": {"data": m.s}}]},
        ],
    }  # fmt: skip


def ollama(m: Maker) -> Any:
    return {
        "model": m.o,
        "system": m.s,
        "prompt": m.s,
        "messages": [
            {"role": "assistant", "thinking": m.o, "content": m.s, "tool_calls": [{"function": {"name": "t", "arguments": {"thinking": m.s}}}]},
            {"role": "tool", "content": m.s, "tool_name": "t"},
        ],
    }  # fmt: skip


def dashscope(m: Maker) -> Any:
    return {"model": m.o, "input": {"prompt": m.s, "messages": [{"role": "assistant", "content": [{"text": m.s}], "reasoning_content": m.o}]}}  # fmt: skip


def mcp(m: Maker) -> Any:
    return {"jsonrpc": "2.0", "id": m.o, "method": m.o, "params": {"name": "t", "arguments": {"id": m.s, "sql": m.s}, "_meta": {"progressToken": m.o}}}  # fmt: skip


def assistants(m: Maker) -> Any:
    return {"assistant_id": m.o, "instructions": m.s, "additional_messages": [{"role": "user", "content": m.s, "attachments": []}], "content": [{"type": "text", "text": m.s}, {"type": "image_file", "image_file": {"file_id": m.o}}], "tool_outputs": [{"tool_call_id": m.o, "output": m.s}], "tool_resources": {"file_search": {"vector_store_ids": [m.o]}}}  # fmt: skip


def chat_batch(m: Maker) -> Any:
    return {"custom_id": "1", "url": "/v1/chat/completions", "body": chat(m)}


def anthropic_batch(m: Maker) -> Any:
    return {"requests": [{"custom_id": "1", "params": anthropic(m)}]}


FAMILIES = {
    "anthropic": ("anthropic", anthropic),
    "anthropic batch": ("anthropic", anthropic_batch),
    "chat": ("openai-chat", chat),
    "chat batch": ("openai-chat", chat_batch),
    "responses": ("openai-responses", responses),
    "responses item": ("openai-responses", lambda m: {"items": responses(m)["input"]}),
    "gemini": ("gemini", gemini),
    "code assist": ("gemini", code_assist),
    "gemini live": ("gemini", live),
    "gemini batch": ("gemini", lambda m: {"batch": {"inputConfig": {"requests": {"requests": [{"request": gemini(m)}]}}}}),
    "bedrock converse": ("bedrock", bedrock),
    "bedrock claude": ("bedrock", bedrock_claude),
    "bedrock count": ("bedrock", lambda m: {"input": {"converse": bedrock(m)}}),
    "cohere": ("cohere", cohere),
    "ollama": ("ollama", ollama),
    "dashscope": ("dashscope", dashscope),
    "mcp": ("mcp", mcp),
    "mcp batch": ("mcp", lambda m: [mcp(m)]),
    "assistants": ("openai-assistants", assistants),
}  # fmt: skip


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for member in value.values() for text in strings(member)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", FAMILIES)
def test_opaque_fields_are_byte_identical_and_their_neighbours_are_redacted(name: str) -> None:
    dialect, make = FAMILIES[name]
    maker = Maker()
    body = make(maker)
    raw = dump(body)
    maker.drop_unused(raw)
    gate = Gate()
    redaction = gate.redact(raw, "application/json", DIALECTS[dialect])
    expected = raw
    for value in maker.seen:
        encoded = base64.b64encode(f"it is {value}!".encode())
        named = base64.b64encode(f"it is {gate.name(value)}!".encode())
        expected = expected.replace(encoded, named).replace(
            value.encode(), gate.name(value).encode()
        )
    assert redaction.raw == expected
    left = redaction.raw.decode()
    assert [value for value in maker.seen if value in left] == []
    assert [value for value in [*maker.opaque, *maker.credentials] if value not in left] == []
    assert len(maker.opaque) == len(set(maker.opaque)) > 0
    assert {spot.rule for spot in redaction.spots} == {"zz-key"}


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_opaque_is_counted_as_such(name: str) -> None:
    dialect, make = FAMILIES[name]
    maker = Maker()
    raw = dump(make(maker))
    maker.drop_unused(raw)
    counts = Gate().redact(raw, "application/json", DIALECTS[dialect]).counts
    assert counts.opaque >= sum(map(len, maker.opaque))
    assert counts.credential >= sum(map(len, maker.credentials))


def thinks(m: str) -> dict[str, Any]:
    """Return answers with a placeholder in every string; without `+` before it, it must stay."""
    return {
        "anthropic": {"id": m, "model": m, "type": "message", "content": [{"type": "thinking", "thinking": m, "signature": m}, {"type": "redacted_thinking", "data": m}, {"type": "text", "text": "+" + m, "citations": [{"cited_text": "+" + m, "encrypted_index": m}]}, {"type": "tool_use", "id": m, "input": {"id": "+" + m, "thinking": "+" + m}}]},
        "openai-chat": {"id": m, "choices": [{"message": {"content": "+" + m, "reasoning_content": m, "reasoning_details": [{"data": m, "text": m}], "tool_calls": [{"id": m, "function": {"arguments": '{"a":"+' + m + '"}'}}]}, "logprobs": {"content": [{"token": m}]}}]},
        "openai-responses": {"id": m, "output": [{"type": "reasoning", "id": m, "summary": [{"type": "summary_text", "text": m}], "encrypted_content": m, "content": [{"type": "reasoning_text", "text": m}]}, {"type": "message", "id": m, "content": [{"type": "output_text", "text": "+" + m, "logprobs": [{"token": m}]}]}, {"type": "function_call", "call_id": m, "arguments": '{"a":"+' + m + '"}'}, {"type": "custom_tool_call", "call_id": m, "input": "+" + m}]},
        "gemini": {"candidates": [{"content": {"parts": [{"thought": True, "text": m}, {"text": "+" + m, "thoughtSignature": m}, {"functionCall": {"id": m, "name": "t", "args": {"thoughtSignature": "+" + m}}}]}}], "responseId": m},
        "bedrock": {"output": {"message": {"content": [{"reasoningContent": {"reasoningText": {"text": m, "signature": m}}}, {"text": "+" + m}, {"toolUse": {"toolUseId": m, "input": {"a": "+" + m}}}]}}},
        "cohere": {"id": m, "message": {"tool_plan": "+" + m, "content": [{"type": "thinking", "thinking": m}, {"type": "text", "text": "+" + m}], "tool_calls": [{"id": m, "function": {"arguments": '{"a":"+' + m + '"}'}}]}},
        "ollama": {"model": m, "message": {"thinking": m, "content": "+" + m, "tool_calls": [{"function": {"arguments": {"thinking": "+" + m}}}]}, "done": True},
        "mcp": {"jsonrpc": "2.0", "id": m, "result": {"content": [{"type": "text", "text": "+" + m}, {"type": "image", "data": m}]}},
        "dashscope": {"request_id": m, "output": {"choices": [{"message": {"content": "+" + m, "reasoning_content": m}}]}},
        "openai-assistants": {"id": m, "thread_id": m, "content": [{"type": "text", "text": {"value": "+" + m}}]},
    }  # fmt: skip


@pytest.mark.parametrize("name", thinks(""))
def test_an_answer_keeps_what_is_opaque_and_gets_back_the_rest(name: str) -> None:
    gate = Gate()
    value = secret(3)
    answer = thinks(gate.name(value))[name]
    restored = whole(DIALECTS[name], gate.issued(value), dump(answer))
    named = gate.name(value).encode()
    assert restored == dump(answer).replace(b"+" + named, b"+" + value.encode())
    assert PLACEHOLDER.search(restored)
