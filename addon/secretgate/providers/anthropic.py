"""Anthropic Messages and compatible APIs (Bedrock and Vertex bodies, Foundry, compatible hosts).

Signed thinking is bound to everything before it, so thinking passes through unchanged in both
directions. The attribution block of Claude Code (`x-anthropic-billing-header`, in `system[0]`) is
plain text in which no rule finds anything, and it is never moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import IDENTITY, Dialect, Piece

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
    ("caller.tool_id", _O),
    ("content.encrypted_content", _O),
    ("content.encrypted_stdout", _O),
    ("content.content.source.file_id", _O),
    ("content.content[].file_id", _O),
    ("content[].citations[].encrypted_index", _O),
    ("content[].encrypted_content", _O),
    ("content[].encrypted_index", _O),
    ("content.content[].encrypted_content", _O),
    ("cache_control.**", _O),
]
_BODY = [
    *((f"{block}.{path}", label) for block in _BLOCKS for path, label in _BLOCK_TABLE),
    ("model", _O),
    ("metadata.user_id", _O),
    ("container", _O),
    ("container.id", _O),
    ("container.skills[].skill_id", _O),
    ("diagnostics.previous_message_id", _O),
    ("context_management.edits[].instructions", _T),
    ("context_management.**", _O),
    ("fallback_credit_token", _O),
    ("fallback_credit_token.token", _O),
    ("thread.previous_message_id", _O),
    ("user_profile_id", _O),
    ("workspace_id", _O),
    ("mcp_servers[].authorization_token", _C),
    ("tools[].headers.**", _C),
]
# Managed agents: sessions, the events sent to them, and what they start with.
_AGENTS = [
    *(
        (f"{events}.{path}", label)
        for events in ("events[]", "initial_events[]")
        for path, label in (
            ("content[].source.data", _B),
            ("content[].source.file_id", _O),
            ("tool_use_id", _O),
            ("custom_tool_use_id", _O),
            ("session_thread_id", _O),
            ("rubric.file_id", _O),
        )
    ),
    ("resources[].authorization_token", _C),
    ("authorization_token", _C),  # replaces that of one resource
    ("resources[].file_id", _O),
    ("resources[].memory_store_id", _O),
    ("inputs[].memory_store_id", _O),
    ("inputs[].session_ids[]", _O),
    ("skills[].skill_id", _O),
    ("agent.id", _O),
    ("vault_ids[]", _O),
    ("environment_id", _O),
]

_ANSWER_BLOCK = [
    ("thinking", Piece.OPAQUE),
    ("signature", Piece.OPAQUE),
    ("data", Piece.OPAQUE),
    ("id", Piece.OPAQUE),
    ("tool_use_id", Piece.OPAQUE),
    ("encrypted_content", Piece.OPAQUE),
    ("content.encrypted_content", Piece.OPAQUE),
    ("content.encrypted_stdout", Piece.OPAQUE),
    ("content[].encrypted_content", Piece.OPAQUE),
    ("content[].citations[].encrypted_index", Piece.OPAQUE),
    ("citations[].encrypted_index", Piece.OPAQUE),
]
_ANSWER = [
    *((f"content[].{path}", piece) for path, piece in _ANSWER_BLOCK),
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
    requests=[*_BODY, *_AGENTS, *((f"requests[].params.{path}", label) for path, label in _BODY)],
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
            *((f"content_block.{path}", piece) for path, piece in _ANSWER_BLOCK),
        ],
        # A preview of an event of a session, which repeats the whole text later.
        "event_delta": [("delta.content.text", Piece.DELTA), ("delta.type", Piece.OPAQUE)],
        "message_start": [(f"message.{path}", piece) for path, piece in _ANSWER],
        "completion": [("completion", Piece.DELTA), ("stop_reason", Piece.CLOSE)],
    },
    json_texts={
        "": [("content[].text", Piece.WHOLE_JSON)],
        "content_block_delta": [("delta.text", Piece.DELTA_JSON)],
        "content_block_start": [("content_block.text", Piece.DELTA_JSON)],
    },
    identity=(*IDENTITY, "event_id"),
    closing={
        "content_block_stop": ("index",),
        "agent.message": (),
        "span.model_request_end": (),
        "message_delta": (),
        "message_stop": (),
        "error": (),
    },
    chain_in=(
        *("container", "container.id", "agent", "agent.id", "agent_id", "environment_id"),
        "thread.previous_message_id",
    ),
    chain_members=("file_id", "skill_id", "memory_store_id"),
    chain_grows=("sessions", "memory_stores", "agents", "environments"),
    chain_out=("id", "message.id", "container.id", "delta.container.id"),
    chain_prefixes=(
        "msg_",
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
