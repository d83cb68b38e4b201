"""Complete (not streamed) answers of every family, with a secret and a denied call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from policy.answer_cases import BAD, SAYS
from policy.kit import TOKEN

# Whole answers

WHOLE: dict[str, tuple[str, Any, Callable[[Any], Any]]] = {
    "anthropic": (
        "anthropic",
        {
            "type": "message",
            "content": [
                {"type": "text", "text": TOKEN},
                {"type": "tool_use", "id": "t", "name": "bash", "input": {"command": "rm -rf /"}},
            ],
            "stop_reason": "tool_use",
        },
        lambda read: (read["content"], read["stop_reason"]),
    ),
    "chat": (
        "openai-chat",
        {
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {
                        "role": "assistant",
                        "content": TOKEN,
                        "tool_calls": [
                            {
                                "id": "t",
                                "type": "function",
                                "function": {"name": "bash", "arguments": BAD[1]},
                            }
                        ],
                    },
                }
            ]
        },
        lambda read: (read["choices"][0]["message"], read["choices"][0]["finish_reason"]),
    ),
    "responses": (
        "openai-responses",
        {
            "id": "r",
            "status": "completed",
            "output": [
                {
                    "id": "i0",
                    "type": "message",
                    "content": [{"type": "output_text", "text": TOKEN}],
                },
                {"id": "i1", "type": "function_call", "name": "bash", "arguments": BAD[1]},
            ],
        },
        lambda read: [
            (item["type"], [part["text"] for part in item["content"]]) for item in read["output"]
        ],
    ),
    "gemini": (
        "gemini",
        {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"text": TOKEN},
                            {"functionCall": {"name": "bash", "args": {"command": "rm -rf /"}}},
                        ]
                    },
                    "finishReason": "STOP",
                }
            ]
        },
        lambda read: read["candidates"][0]["content"]["parts"],
    ),
    "bedrock": (
        "bedrock",
        {
            "output": {
                "message": {
                    "content": [
                        {"text": TOKEN},
                        {"toolUse": {"name": "bash", "input": {"command": "rm -rf /"}}},
                    ]
                }
            },
            "stopReason": "tool_use",
        },
        lambda read: (read["output"]["message"]["content"], read["stopReason"]),
    ),
    "cohere": (
        "cohere",
        {
            "finish_reason": "TOOL_CALL",
            "message": {
                "content": [{"type": "text", "text": TOKEN}],
                "tool_calls": [{"id": "t", "function": {"name": "bash", "arguments": BAD[1]}}],
            },
        },
        lambda read: (read["message"], read["finish_reason"]),
    ),
    "ollama": (
        "ollama",
        {
            "done": True,
            "message": {
                "content": TOKEN,
                "tool_calls": [
                    {"function": {"name": "bash", "arguments": {"command": "rm -rf /"}}}
                ],
            },
        },
        lambda read: read["message"],
    ),
}

GONE = "[REDACTED:test-token]"
EXPECTED: dict[str, Any] = {
    "anthropic": ([{"type": "text", "text": GONE}, {"type": "text", "text": SAYS}], "end_turn"),
    "chat": ({"role": "assistant", "content": f"{GONE}\n{SAYS}"}, "stop"),
    "responses": [("message", [GONE]), ("message", [SAYS])],
    "gemini": [{"text": GONE}, {"text": SAYS}],
    "bedrock": ([{"text": GONE}, {"text": SAYS}], "end_turn"),
    "cohere": (
        {"content": [{"type": "text", "text": GONE}, {"type": "text", "text": SAYS}]},
        "COMPLETE",
    ),
    "ollama": {"content": f"{GONE}\n{SAYS}"},
}
