"""OpenAI Responses, with Realtime, Conversations and agents, and Mistral's conversations.

Items are announced, streamed in pieces and repeated whole, several times. Reasoning passes through
unchanged in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import IDENTITY, Piece
from secretgate.providers.openai import SHARED, TOOL, OpenAI

_O, _B = Label.OPAQUE, Label.BYTES


@dataclass(frozen=True)
class Responses(OpenAI):
    def refusal_event(self, status: int, message: str) -> tuple[str, dict[str, Any]]:
        error = self.refusal(status, message)["error"]
        return "error", {**error, "type": "error", "status": status, "error": error}

    def refusal_message(self, status: int, message: str) -> dict[str, Any]:
        """Return the error with the message in it only once: Codex shows it as received."""
        return {"type": "error", "status": status, **self.refusal(status, message)}


_ITEM_IDS = (
    *("id", "call_id", "approval_request_id", "item_id", "fingerprint"),
    *("container_id", "tool_call_id", "request_id", "turn_id"),
)
_ITEM_OPAQUE = ("encrypted_content", "encrypted_function_args", "signature")
_ITEM_REQUEST = [
    *((name, _O) for name in (*_ITEM_IDS, *_ITEM_OPAQUE)),
    ("summary[].text", _O),
    ("content[].type", Label.KIND),
    ("action.screenshot", _B),
    ("result", _B),
    ("image_url", _B),
    ("document_url", _B),
    ("file_data", _B),
    ("file_id", _O),
    ("output.image_url", _B),
    ("output.file_id", _O),
    ("outputs[].url", _B),
    ("results[].file_id", _O),
    ("caller.caller_id", _O),
    ("environment.container_id", _O),
    ("acknowledged_safety_checks[].id", _O),
    ("pending_safety_checks[].id", _O),
    ("content[].annotations[].file_id", _O),
    ("content[].annotations[].container_id", _O),
    *(
        (f"{parts}[].{name}", label)
        for parts in ("content", "output")
        for name, label in (
            ("image_url", _B),
            ("file_data", _B),
            ("file_id", _O),
            ("audio.data", _B),
            ("input_audio.data", _B),
            ("data", _B),
            ("audio", _B),
            ("signature", _O),
            ("encrypted_content", _O),
        )
    ),
    *((f"tools[].{path}", label) for path, label in TOOL),
]
# Items of Mistral's conversations
_ENTRY_REQUEST = [
    ("id", _O),
    ("tool_call_id", _O),
    ("content[].thinking.**", _O),
    ("content[].signature", _O),
    ("content[].image_url", _B),
    ("content[].image_url.url", _B),
    ("content[].document_url", _B),
    ("content[].file_id", _O),
]
_RESPONSES_REQUEST = [
    *((f"input[].{path}", label) for path, label in _ITEM_REQUEST),
    *((f"item.{path}", label) for path, label in _ITEM_REQUEST),
    *(
        (f"{entries}[].{path}", label)
        for entries in ("inputs", "entries")
        for path, label in _ENTRY_REQUEST
    ),
    ("previous_response_id", _O),
    ("conversation", _O),
    ("conversation.id", _O),
    ("prompt.id", _O),
    ("prompt.variables.*.image_url", _B),
    ("prompt.variables.*.file_data", _B),
    ("prompt.variables.*.file_id", _O),
    ("prompt_cache_options.comparison_response_id", _O),
    ("background_options.continuation_id", _O),
    ("response_id", _O),
    ("item_id", _O),
    ("previous_item_id", _O),
    ("stream_id", _O),
    ("include[]", _O),
    ("type", _O),
    *SHARED,
]

_ITEM_ANSWER = [
    *((name, Piece.OPAQUE) for name in (*_ITEM_IDS, *_ITEM_OPAQUE)),
    ("type", Piece.OPAQUE),
    ("status", Piece.OPAQUE),
    ("summary[].text", Piece.OPAQUE),
    ("content[].type", Piece.KIND),
    ("content[].logprobs[].**", Piece.OPAQUE),
    ("arguments", Piece.WHOLE_JSON),
]
_ENTRY_ANSWER = [
    ("id", Piece.OPAQUE),
    ("tool_call_id", Piece.OPAQUE),
    ("arguments", Piece.WHOLE_JSON),
    ("content[].thinking.**", Piece.OPAQUE),
    ("content[].signature", Piece.OPAQUE),
]
_RESPONSE_ANSWER = [
    ("id", Piece.OPAQUE),
    ("object", Piece.OPAQUE),
    ("model", Piece.OPAQUE),
    ("status", Piece.OPAQUE),
    ("previous_response_id", Piece.OPAQUE),
    ("prompt_cache_key", Piece.OPAQUE),
    ("safety_identifier", Piece.OPAQUE),
    *(
        (f"{items}[].{path}", piece)
        for items in ("output", "instructions", "data")
        for path, piece in _ITEM_ANSWER
    ),
    # Of the session of an agent.
    *(
        (f"{session}required_actions[].{path}", piece)
        for session in ("", "data[].", "session.")
        for path, piece in (
            *((name, Piece.OPAQUE) for name in _ITEM_IDS),
            ("arguments", Piece.WHOLE_JSON),
        )
    ),
    *((f"outputs[].{path}", piece) for path, piece in _ENTRY_ANSWER),
    *((f"entries[].{path}", piece) for path, piece in _ENTRY_ANSWER),
]
_TEXT_DELTAS = (
    "output_text",
    "text",
    "refusal",
    "custom_tool_call_input",
    "code_interpreter_call_code",
    "shell_call_command",
    "shell_call_output_content",
    "apply_patch_call_operation_diff",
    "audio.transcript",
    "audio_transcript",
    "output_audio_transcript",
    "output_transcript",
    "command_execution_output",
)
_JSON_DELTAS = ("function_call_arguments", "mcp_call_arguments")
_OPAQUE_DELTAS = (
    "reasoning_text",
    "reasoning_summary_text",
    "reasoning_summary",
    "audio",
    "output_audio",
    "image_generation_call.partial_image",
)
_OF = ("response", "agent.session.turn", "agent.output", "session")
"""Prefixes of events: of responses, of the sessions of agents, and of the Live API."""
_LANES = ("stream_id", "session_id", "delegation_id")
_EVENT = [
    ("type", Piece.OPAQUE),
    ("item_id", Piece.OPAQUE),
    ("response_id", Piece.OPAQUE),
    ("event_id", Piece.OPAQUE),
    ("stream_id", Piece.OPAQUE),
    ("delegation_id", Piece.OPAQUE),
    ("client_event_id", Piece.OPAQUE),
    ("partial_image_b64", Piece.OPAQUE),
    ("obfuscation", Piece.OPAQUE),
    ("logprobs[].**", Piece.OPAQUE),
    ("part.type", Piece.KIND),
    ("part.logprobs[].**", Piece.OPAQUE),
    *((f"item.{path}", piece) for path, piece in _ITEM_ANSWER),
    *((f"response.{path}", piece) for path, piece in _RESPONSE_ANSWER),
]

RESPONSES = Responses(
    name="openai-responses",
    transports=("JSON", "SSE", "WebSocket"),
    requests=[
        *_RESPONSES_REQUEST,
        *(
            (f"{wrapper}.{path}", label)
            for wrapper in ("response", "session")
            for path, label in _RESPONSES_REQUEST
        ),
        ("audio", _B),
        ("event_id", _O),
        *((f"items[].{path}", label) for path, label in _ITEM_REQUEST),
        *((f"body.{path}", label) for path, label in _RESPONSES_REQUEST),
    ],
    answers=[
        *_RESPONSE_ANSWER,
        *_EVENT,
        *_ITEM_ANSWER,
        # An unknown delta is still part of some text.
        ("delta", Piece.DELTA),
    ],
    json_texts={
        "": [
            (f"{place}.text", Piece.WHOLE_JSON)
            for place in (
                *("output[].content[]", "response.output[].content[]", "item.content[]"),
                *("part", "content[]"),
            )
        ],
        "response.output_text.delta": [("delta", Piece.DELTA_JSON)],
        "response.output_text.done": [("text", Piece.WHOLE_JSON)],
    },
    identity=(*IDENTITY, *_LANES),
    lanes=_LANES,
    # The Live API passes on the events of the response that it waits for.
    wrappers={"response.event": "event"},
    events={
        **{f"{of}.{name}.delta": [("delta", Piece.DELTA)] for of in _OF for name in _TEXT_DELTAS},
        **{f"response.{name}.delta": [("delta", Piece.DELTA_JSON)] for name in _JSON_DELTAS},
        **{
            f"{of}.{name}.delta": [("delta", Piece.OPAQUE)] for of in _OF for name in _OPAQUE_DELTAS
        },
        **{f"{of}.{name}.done": [("text", Piece.OPAQUE)] for of in _OF for name in _OPAQUE_DELTAS},
        **{
            f"{of}.reasoning_summary_part.{name}": [("part.text", Piece.OPAQUE)]
            for of in _OF
            for name in ("added", "done")
        },
        # Mistral's agents and conversations
        "message.output.delta": [
            ("content", Piece.DELTA),
            ("content.text", Piece.DELTA),
            ("content.thinking.**", Piece.OPAQUE),
            ("content.signature", Piece.OPAQUE),
        ],
        "function.call.delta": [
            ("arguments", Piece.DELTA_JSON),
            ("name", Piece.OPAQUE),
            ("tool_call_id", Piece.OPAQUE),
        ],
    },
    closing={
        **{
            f"{of}.{name}.done": ("item_id", "output_index", "content_index")
            for of in _OF
            for name in (*_TEXT_DELTAS, *_JSON_DELTAS, "content_part")
        },
        **{
            f"conversation.item.input_audio_transcription.{end}": ("item_id", "content_index")
            for end in ("completed", "failed")
        },
        "response.output_item.done": ("output_index",),
        "agent.session.turn.item.done": ("output_index",),
        **{f"response.{end}": () for end in ("completed", "incomplete", "failed")},
        **{f"agent.session.turn.{end}": () for end in ("completed", "failed", "cancelled")},
        "response.done": (),
        "session.closed": (),
        "conversation.response.done": (),
        "conversation.response.error": (),
        "error": (),
    },
    chain_in=("previous_response_id", "conversation", "conversation.id", "agent_id"),
    chain_items=("output[].id", "response.output[].id", "item.id", "data[].id"),
    chain_members=("file_id", "file_ids", "vector_store_ids"),
    chain_grows=("conversations", "sessions"),
    chain_out=(
        "id",
        "response.id",
        "response.conversation.id",
        "conversation.id",
        "conversation_id",
        "output[].container_id",
        "response.output[].container_id",
    ),
)
