"""Anthropic Messages and compatible APIs (Bedrock and Vertex bodies, Foundry, compatible hosts).

Signed thinking is bound to everything before it, so thinking passes through unchanged in both
directions. The attribution block of Claude Code (`x-anthropic-billing-header`, in `system[0]`) is
plain text in which no rule finds anything, and it is never moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import Dialect, Piece

_O, _T, _C, _B = Label.OPAQUE, Label.TEXT, Label.CREDENTIAL, Label.BYTES

# Content blocks of a message, including those nested in tool results and documents.
_BLOCKS = ("messages[].content[]", "messages[].content[].content[]", "system[]")
_BLOCK_TABLE = [
    ("input.**", _T),
    ("signature", _O),
    ("thinking", _O),
    ("data", _O),
    ("id", _O),
    ("tool_use_id", _O),
    ("encrypted_content", _O),
    ("encrypted_index", _O),
    ("source.data", _B),
    ("source.content[].source.data", _B),
    ("content.content.source.data", _B),
    ("content.content.source.content[].source.data", _B),
    ("source.file_id", _O),
    ("file_id", _O),
    ("citations[].encrypted_index", _O),
    ("citations[].file_id", _O),
    ("content.encrypted_content", _O),
    ("content.encrypted_stdout", _O),
    ("content[].encrypted_content", _O),
    ("content[].encrypted_index", _O),
    ("content.content[].encrypted_content", _O),
    ("content.content[].file_id", _O),
    ("cache_control.**", _O),
]
_BODY = [
    *((f"{block}.{path}", label) for block in _BLOCKS for path, label in _BLOCK_TABLE),
    ("model", _O),
    ("metadata.user_id", _O),
    ("container", _O),
    ("container.id", _O),
    ("diagnostics.previous_message_id", _O),
    ("context_management.**", _O),
    ("mcp_servers[].authorization_token", _C),
    ("tools[].headers.**", _C),
]

_ANSWER = [
    ("content[].thinking", Piece.OPAQUE),
    ("content[].signature", Piece.OPAQUE),
    ("content[].data", Piece.OPAQUE),
    ("content[].id", Piece.OPAQUE),
    ("content[].encrypted_content", Piece.OPAQUE),
    ("content[].content[].encrypted_content", Piece.OPAQUE),
    ("content[].citations[].encrypted_index", Piece.OPAQUE),
    ("id", Piece.OPAQUE),
    ("model", Piece.OPAQUE),
    ("type", Piece.OPAQUE),
    ("role", Piece.OPAQUE),
    ("request_id", Piece.OPAQUE),
]


@dataclass(frozen=True)
class Anthropic(Dialect):
    def refusal(self, status: int, message: str) -> dict[str, Any]:
        kind = "permission_error" if status == 403 else "invalid_request_error"
        return {"type": "error", "error": {"type": kind, "message": message}}


ANTHROPIC = Anthropic(
    name="anthropic",
    transports=("JSON", "JSON lines", "multipart", "SSE"),
    requests=[*_BODY, *((f"requests[].params.{path}", label) for path, label in _BODY)],
    answers=[*_ANSWER, *((f"result.message.{path}", piece) for path, piece in _ANSWER)],
    events={
        "content_block_delta": [
            ("delta.text", Piece.DELTA),
            ("delta.partial_json", Piece.DELTA_JSON),
            ("delta.thinking", Piece.OPAQUE),
            ("delta.signature", Piece.OPAQUE),
            ("delta.content", Piece.OPAQUE),
            ("delta.encrypted_content", Piece.OPAQUE),
            ("delta.citation.encrypted_index", Piece.OPAQUE),
            ("delta.type", Piece.OPAQUE),
        ],
        "content_block_start": [
            ("content_block.text", Piece.DELTA),
            ("content_block.thinking", Piece.OPAQUE),
            ("content_block.signature", Piece.OPAQUE),
            ("content_block.data", Piece.OPAQUE),
            ("content_block.id", Piece.OPAQUE),
            ("content_block.encrypted_content", Piece.OPAQUE),
            ("content_block.content[].encrypted_content", Piece.OPAQUE),
        ],
        "message_start": [(f"message.{path}", piece) for path, piece in _ANSWER],
        "completion": [("completion", Piece.DELTA), ("stop_reason", Piece.CLOSE)],
    },
    closing={
        "content_block_stop": ("index",),
        "message_delta": (),
        "message_stop": (),
        "error": (),
    },
    chain_in=("container", "container.id", "agent", "agent.id", "agent_id", "environment_id"),
    chain_members=("file_id", "skill_id", "memory_store_id"),
    chain_grows=("sessions", "memory_stores", "agents", "environments"),
    chain_out=("id", "container.id", "delta.container.id"),
    chain_prefixes=(
        "msgbatch_",
        "file_",
        "skill_",
        "sesn_",
        "session_",
        "agent_",
        "memstore_",
        "env_",
    ),
)
