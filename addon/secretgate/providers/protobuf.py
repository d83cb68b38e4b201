"""Clients that send protobuf (Cursor, Windsurf, xAI's SDK): read without a schema, so all is text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import Dialect
from secretgate.providers.generic import GENERIC


@dataclass(frozen=True)
class Protobuf(Dialect):
    def refusal(self, status: int, message: str) -> dict[str, Any]:
        code = "permission_denied" if status == 403 else "invalid_argument"
        return {"code": code, "message": message}

    def refusal_event(self, status: int, message: str) -> tuple[str, dict[str, Any]]:
        """Return the end-of-stream message of a Connect stream."""
        return "error", {"error": self.refusal(status, message)}


PROTOBUF = Protobuf(
    name="protobuf",
    transports=("Connect", "gRPC", "protobuf", "JSON"),
    requests=GENERIC.requests,
    answers=GENERIC.answers,
)

# The credentials of MCP servers, which the model does not see: of a request, and of one in a batch.
_XAI_TOOL = ("17.7.5", "17.7.6.2")
XAI = Protobuf(
    name="xai",
    transports=PROTOBUF.transports,
    requests=PROTOBUF.requests,
    answers=PROTOBUF.answers,
    numbered=(*_XAI_TOOL, *(f"2.2.{place}" for place in _XAI_TOOL)),
)

# Its clients log in with each message: their key and their token are in its metadata.
WINDSURF = Protobuf(
    name="windsurf",
    transports=PROTOBUF.transports,
    requests=[
        *(
            (f"metadata.{name}", Label.CREDENTIAL)
            for name in ("apiKey", "api_key", "userJwt", "user_jwt")
        ),
        *PROTOBUF.requests,
    ],
    answers=PROTOBUF.answers,
    numbered=("1.3", "1.21"),
)
