"""Gemini: events, a JSON array, the Live API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.families.base import Pieces, turns


def gemini_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    payloads = []
    for kind, piece in turns(texts, arguments):
        part: Any = {"text": piece}
        if kind == "arguments":
            part = {
                "functionCall": {
                    "partialArgs": [{"jsonPath": "$.a", "stringValue": piece}],
                    "willContinue": True,
                }
            }
        payloads.append(
            {
                "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}],
                "responseId": "r",
            }
        )
    signed = {"text": "", "thoughtSignature": "REDACTED<zz-key:0123456789ab>"}
    last = {"index": 0, "content": {"role": "model", "parts": [signed]}, "finishReason": "STOP"}
    return [*payloads, {"candidates": [last], "usageMetadata": {"totalTokenCount": 9}}]


def gemini_read(payloads: Sequence[Any]) -> tuple[str, str]:
    text = arguments = ""
    signatures = []
    for payload in payloads:
        for part in payload["candidates"][0]["content"]["parts"]:
            text += part.get("text", "")
            if "thoughtSignature" in part:
                signatures.append(part["thoughtSignature"])
                assert part["text"] == ""
            for piece in part.get("functionCall", {}).get("partialArgs", ()):
                arguments += piece["stringValue"]
    assert signatures == ["REDACTED<zz-key:0123456789ab>"]
    return text, arguments


def wrapped(payloads: Sequence[Any]) -> list[Any]:
    return [{"response": payload, "traceId": "t"} for payload in payloads]


def gemini_array(texts: Pieces, arguments: Pieces) -> bytes:
    return (
        b"["
        + b"\n,\r\n".join(
            json.dumps(each, indent=1).encode() for each in gemini_events(texts, arguments)
        )
        + b"]"
    )


def live_events(texts: Pieces, arguments: Pieces) -> list[Any]:
    turn = [{"serverContent": {"modelTurn": {"parts": [{"text": piece}]}}} for piece in texts]
    return [{"setupComplete": {}}, *turn, {"serverContent": {"turnComplete": True}}]


def live_read(payloads: Sequence[Any]) -> tuple[str, str]:
    text = ""
    for payload in payloads:
        for part in payload.get("serverContent", {}).get("modelTurn", {}).get("parts", ()):
            text += part.get("text", "")
    return text, ""
