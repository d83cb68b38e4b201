"""Alibaba's native DashScope API.

By default every event repeats the text so far. A request may ask for deltas instead
(`incremental_output`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import Dialect, Piece

_O, _B = Label.OPAQUE, Label.BYTES
_INCREMENTAL = re.compile(rb'"incremental_output"\s*:\s*true')


@dataclass(frozen=True)
class DashScope(Dialect):
    def answering(self, request: bytes) -> Dialect:
        return _INCREMENTAL_DASHSCOPE if _INCREMENTAL.search(request) else self

    def refusal(self, status: int, message: str) -> dict[str, Any]:
        return {"code": "InvalidParameter", "message": message, "request_id": "secretgate"}


_REQUESTS = [
    ("model", _O),
    ("input.messages[].reasoning_content", _O),
    ("input.messages[].tool_calls[].id", _O),
    ("input.messages[].tool_call_id", _O),
    ("input.messages[].content[].image", _B),
    ("input.messages[].content[].audio", _B),
    ("input.messages[].content[].video", _B),
    ("input.messages[].content[].video[]", _B),
    ("input.session_id", _O),
]


def _answers(text: Piece, arguments: Piece) -> list[tuple[str, Piece]]:
    return [
        ("request_id", Piece.OPAQUE),
        ("output.text", text),
        ("output.finish_reason", Piece.WHOLE),
        ("output.choices[].finish_reason", Piece.OPAQUE),
        ("output.choices[].message.content", text),
        ("output.choices[].message.content[].text", text),
        ("output.choices[].message.reasoning_content", Piece.OPAQUE),
        ("output.choices[].message.tool_calls[].id", Piece.OPAQUE),
        ("output.choices[].message.tool_calls[].function.arguments", arguments),
    ]


_SESSION_IN, _SESSION_OUT = ("input.session_id",), ("output.session_id",)
DASHSCOPE = DashScope(
    name="dashscope",
    transports=("JSON", "SSE"),
    requests=_REQUESTS,
    answers=_answers(Piece.WHOLE, Piece.WHOLE_JSON),
    chain_in=_SESSION_IN,
    chain_out=_SESSION_OUT,
)
_INCREMENTAL_DASHSCOPE = DashScope(
    name="dashscope-incremental",
    transports=DASHSCOPE.transports,
    requests=_REQUESTS,
    answers=_answers(Piece.DELTA, Piece.DELTA_JSON),
    chain_in=_SESSION_IN,
    chain_out=_SESSION_OUT,
)
