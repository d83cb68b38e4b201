"""Ollama's native API: one JSON object per line, tool arguments as objects, images as plain base64.

The last line has `"done": true` and clients stop reading there, so held-back text is sent in that
line or before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import Dialect, Piece

_O, _B = Label.OPAQUE, Label.BYTES


@dataclass(frozen=True)
class Ollama(Dialect):
    def refusal(self, status: int, message: str) -> dict[str, Any]:
        return {"error": message}


OLLAMA = Ollama(
    name="ollama",
    transports=("JSON", "NDJSON"),
    requests=[
        ("model", _O),
        ("keep_alive", _O),
        ("images[]", _B),
        ("messages[].images[]", _B),
        ("messages[].thinking", _O),
        ("messages[].tool_calls[].id", _O),
        ("messages[].tool_call_id", _O),
    ],
    answers=[
        ("model", Piece.OPAQUE),
        ("created_at", Piece.OPAQUE),
        ("done_reason", Piece.CLOSE),
        ("response", Piece.DELTA),
        ("thinking", Piece.OPAQUE),
        ("message.role", Piece.OPAQUE),
        ("message.content", Piece.DELTA),
        ("message.thinking", Piece.OPAQUE),
        ("message.tool_calls[].id", Piece.OPAQUE),
        ("message.images[]", Piece.OPAQUE),
        ("logprobs[].**", Piece.OPAQUE),
        ("image", Piece.OPAQUE),
    ],
    json_texts={"": [("response", Piece.DELTA_JSON), ("message.content", Piece.DELTA_JSON)]},
    asks_json=re.compile(rb'"format"\s*:\s*(?:"json"|\{)'),
    ends=("done",),
)
