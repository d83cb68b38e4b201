"""Which model a request names."""

from __future__ import annotations

import json

import pytest

from secretgate.outbound.models import named

LONG = [{"role": "user", "content": "x" * 200_000}]


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/v1/messages", {"model": "claude-opus-4-5", "messages": LONG}, "claude-opus-4-5"),
        ("/v1/messages", {"messages": LONG, "model": "gpt-5.2", "tools": ["y" * 9000]}, "gpt-5.2"),
        ("/v1/messages", {"messages": LONG, "model": "late", "tools": ["y" * 90_000]}, "late"),
        ("/v1/x", {"model": {"not": "a name"}, "messages": [{"model": "inner"}]}, "inner"),
        ("/v1/x", {"text": 'it says "model": "quoted"'}, ""),
        ("/v1/x", {"model": "not a name"}, ""),
        ("/v1beta/models/gemini-3-pro:generateContent?key=x", {}, "gemini-3-pro"),
        ("/model/anthropic.claude-v1/invoke", {}, "anthropic.claude-v1"),
        ("/openai/deployments/mine/chat", {}, "mine"),
        ("/v1/x", {}, ""),
    ],
)
def test_the_model(path: str, body: object, model: str) -> None:
    assert named(path, json.dumps(body).encode()) == model
