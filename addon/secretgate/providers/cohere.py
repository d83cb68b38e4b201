"""Cohere: v2 streams indexed SSE; v1 streams JSON lines and repeats the answer at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import Dialect, Piece

_O, _B = Label.OPAQUE, Label.BYTES


@dataclass(frozen=True)
class Cohere(Dialect):
    def refusal(self, status: int, message: str) -> dict[str, Any]:
        return {"id": "secretgate", "message": message}

    def refusal_event(self, status: int, message: str) -> tuple[str, dict[str, Any]]:
        error = {"finish_reason": "ERROR", "error": message}
        return "message-end", {"type": "message-end", "delta": error}


COHERE = Cohere(
    name="cohere",
    transports=("JSON", "SSE", "NDJSON"),
    requests=[
        ("model", _O),
        ("conversation_id", _O),
        ("messages[].tool_call_id", _O),
        ("messages[].tool_calls[].id", _O),
        ("messages[].content[].thinking", _O),
        ("messages[].content[].image_url.url", _B),
        ("images[]", _B),
        ("inputs[].content[].image_url.url", _B),
    ],
    answers=[
        ("id", Piece.OPAQUE),
        ("event_type", Piece.OPAQUE),
        ("generation_id", Piece.OPAQUE),
        ("response_id", Piece.OPAQUE),
        ("finish_reason", Piece.CLOSE),
        ("text", Piece.DELTA),
        ("tool_call_delta.parameters", Piece.DELTA_JSON),
        ("tool_call_delta.text", Piece.DELTA),
        ("tool_call_delta.name", Piece.OPAQUE),
        ("message.content[].thinking", Piece.OPAQUE),
        ("message.tool_calls[].id", Piece.OPAQUE),
        ("message.tool_calls[].function.arguments", Piece.WHOLE_JSON),
    ],
    events={
        "content-start": [
            ("delta.message.content.text", Piece.DELTA),
            ("delta.message.content.thinking", Piece.OPAQUE),
        ],
        "content-delta": [
            ("delta.message.content.text", Piece.DELTA),
            ("delta.message.content.thinking", Piece.OPAQUE),
        ],
        "tool-plan-delta": [("delta.message.tool_plan", Piece.DELTA)],
        "tool-call-start": [
            ("delta.message.tool_calls.id", Piece.OPAQUE),
            ("delta.message.tool_calls.function.arguments", Piece.DELTA_JSON),
        ],
        "tool-call-delta": [("delta.message.tool_calls.function.arguments", Piece.DELTA_JSON)],
    },
    json_texts={
        "": [
            ("text", Piece.DELTA_JSON),
            ("response.text", Piece.WHOLE_JSON),
            ("message.content[].text", Piece.WHOLE_JSON),
        ],
        "content-start": [("delta.message.content.text", Piece.DELTA_JSON)],
        "content-delta": [("delta.message.content.text", Piece.DELTA_JSON)],
    },
    closing={
        "content-end": ("index",),
        "tool-call-start": (),
        "tool-call-end": ("index",),
        "message-end": (),
    },
    chain_in=("conversation_id",),
    chain_grows=("conversation_id",),
)
