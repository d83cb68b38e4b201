"""MCP: JSON-RPC over HTTP, one message per body or event. Nothing is sent in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import Dialect, Piece

_O, _T, _B = Label.OPAQUE, Label.TEXT, Label.BYTES
_REFUSED = -32001


@dataclass(frozen=True)
class Mcp(Dialect):
    def refusal(self, status: int, message: str) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": None, "error": {"code": _REFUSED, "message": message}}

    def refusal_event(self, status: int, message: str) -> tuple[str, dict[str, Any]]:
        return "message", self.refusal(status, message)


_MESSAGE = [
    ("jsonrpc", _O),
    ("id", _O),
    ("method", _O),
    ("params.arguments.**", _T),
    ("params._meta.progressToken", _O),
    ("params.requestId", _O),
    ("params.cursor", _O),
    ("result.content.data", _B),
    ("result.content[].data", _B),
    ("result.contents[].blob", _B),
    ("result.content[].resource.blob", _B),
    ("params.messages[].content.data", _B),
]
_ANSWER = [
    ("jsonrpc", Piece.OPAQUE),
    ("id", Piece.OPAQUE),
    ("method", Piece.OPAQUE),
    ("params.progressToken", Piece.OPAQUE),
    ("result.nextCursor", Piece.OPAQUE),
    ("result.content[].data", Piece.OPAQUE),
    ("result.contents[].blob", Piece.OPAQUE),
    ("result.content[].resource.blob", Piece.OPAQUE),
]

MCP = Mcp(
    name="mcp",
    transports=("JSON", "SSE"),
    requests=[*_MESSAGE, *((f"[].{path}", label) for path, label in _MESSAGE)],
    answers=[*_ANSWER, *((f"[].{path}", piece) for path, piece in _ANSWER)],
    identity=(),
)
