"""OpenAI: Chat Completions (and the many hosts compatible with it), and Responses.

Vendors put reasoning text next to the answer under several names. The provider wrote it while
thinking, so it passes through unchanged in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import IDENTITY, Dialect, Piece

_O, _T, _C, _B = Label.OPAQUE, Label.TEXT, Label.CREDENTIAL, Label.BYTES
_REASONING = ("reasoning_content", "reasoning", "reasoning_text", "reasoning_opaque", "thinking")


@dataclass(frozen=True)
class OpenAI(Dialect):
    def refusal(self, status: int, message: str) -> dict[str, Any]:
        return {
            "error": {
                "message": message,
                "type": "invalid_request_error",
                "param": None,
                "code": "secretgate_refused",
            }
        }


@dataclass(frozen=True)
class Responses(OpenAI):
    def refusal_event(self, status: int, message: str) -> tuple[str, dict[str, Any]]:
        error = self.refusal(status, message)["error"]
        return "error", {**error, "type": "error", "status": status, "error": error}

    def refusal_message(self, status: int, message: str) -> dict[str, Any]:
        """Return the error with the message in it only once: Codex shows it as received."""
        return {"type": "error", "status": status, **self.refusal(status, message)}


# Credentials for other services, which the model does not see, and what belongs to containers.
_TOOL = [
    ("headers.**", _C),
    ("authorization", _C),
    *((f"{box}.network_policy.domain_secrets[].value", _C) for box in ("container", "environment")),
    *((f"{box}.file_ids[]", _O) for box in ("container", "environment")),
    ("environment.container_id", _O),
    ("environment.skills[].skill_id", _O),
    ("environment.skills[].source.data", _B),
    ("input_image_mask.image_url", _B),
    ("input_image_mask.file_id", _O),
    ("vector_store_ids[]", _O),
    ("tunnel_id", _O),
    ("server_url", _T),
]
_SHARED = [
    ("model", _O),
    ("user", _O),
    ("safety_identifier", _O),
    ("prompt_cache_key", _O),
    *((f"tools[].{path}", label) for path, label in _TOOL),
]

_CHAT_REQUEST = [
    *_SHARED,
    *((f"messages[].{name}", _O) for name in _REASONING),
    ("messages[].reasoning_details[].**", _O),
    ("messages[].encrypted_content", _O),
    ("messages[].tool_call_id", _O),
    ("messages[].tool_calls[].id", _O),
    ("messages[].tool_calls[].extra_content.google.thought_signature", _O),
    ("messages[].content[].thinking.**", _O),
    ("messages[].content[].signature", _O),
    ("messages[].content[].image_url.url", _B),
    ("messages[].content[].image_url", _B),
    ("messages[].content[].document_url", _B),
    ("messages[].content[].video_url.url", _B),
    ("messages[].content[].audio_url.url", _B),
    ("document.document_url", _B),
    ("document.image_url", _B),
    ("document.image_url.url", _B),
    ("messages[].content[].input_audio.data", _B),
    ("messages[].content[].file.file_data", _B),
    ("messages[].content[].file.file_id", _O),
    ("messages[].audio.id", _O),
    ("messages[].content[].encrypted_content", _O),
    ("messages[].content[].cache_control.**", _O),
    ("image", _B),
    ("image.url", _B),
    ("images[]", _B),
    ("images[].image_url", _B),
    ("image[]", _B),
    ("mask", _B),
    ("input_reference.image_url", _B),
    ("input_reference.file_id", _O),
    ("document.file_id", _O),
    ("agent_id", _O),
    ("input[].image_url.url", _B),
    ("input_file_id", _O),
    ("custom_id", _T),
]
_CHAT_ANSWER = [
    ("id", Piece.OPAQUE),
    ("object", Piece.OPAQUE),
    ("model", Piece.OPAQUE),
    ("system_fingerprint", Piece.OPAQUE),
    ("obfuscation", Piece.OPAQUE),
    ("p", Piece.OPAQUE),  # the same of Mistral: random text to hide the length of a token
    ("choices[].finish_reason", Piece.CLOSE),
    ("choices[].native_finish_reason", Piece.OPAQUE),
    ("choices[].delta.role", Piece.OPAQUE),
    ("choices[].delta.content", Piece.DELTA),
    ("choices[].delta.content[].text", Piece.DELTA),
    ("choices[].delta.content[].thinking.**", Piece.OPAQUE),
    ("choices[].delta.refusal", Piece.DELTA),
    *((f"choices[].delta.{name}", Piece.OPAQUE) for name in _REASONING),
    ("choices[].delta.reasoning_details[].**", Piece.OPAQUE),
    ("choices[].delta.encrypted_content", Piece.OPAQUE),
    ("choices[].delta.tool_calls[].id", Piece.OPAQUE),
    ("choices[].delta.tool_calls[].type", Piece.OPAQUE),
    ("choices[].delta.tool_calls[].function.name", Piece.OPAQUE),
    ("choices[].delta.tool_calls[].function.arguments", Piece.DELTA_JSON),
    ("choices[].delta.tool_calls[].custom.input", Piece.DELTA),
    ("choices[].delta.tool_calls[].extra_content.**", Piece.OPAQUE),
    ("choices[].delta.function_call.arguments", Piece.DELTA_JSON),
    ("choices[].delta.audio.data", Piece.OPAQUE),
    ("choices[].delta.audio.transcript", Piece.DELTA),
    ("choices[].text", Piece.DELTA),
    ("choices[].logprobs.**", Piece.OPAQUE),
    *((f"choices[].message.{name}", Piece.OPAQUE) for name in _REASONING),
    ("choices[].message.reasoning_details[].**", Piece.OPAQUE),
    ("choices[].message.encrypted_content", Piece.OPAQUE),
    ("choices[].message.tool_calls[].id", Piece.OPAQUE),
    ("choices[].message.tool_calls[].function.arguments", Piece.WHOLE_JSON),
    ("choices[].message.tool_calls[].extra_content.**", Piece.OPAQUE),
    ("choices[].message.function_call.arguments", Piece.WHOLE_JSON),
    ("choices[].message.audio.data", Piece.OPAQUE),
    ("data[].embedding", Piece.OPAQUE),
    ("data[].b64_json", Piece.OPAQUE),
    ("b64_json", Piece.OPAQUE),
]
CHAT = OpenAI(
    name="openai-chat",
    transports=("JSON", "JSON lines", "multipart", "SSE"),
    requests=[*_CHAT_REQUEST, *((f"body.{path}", label) for path, label in _CHAT_REQUEST)],
    events={"transcript.text.delta": [("delta", Piece.DELTA), ("logprobs[].**", Piece.OPAQUE)]},
    closing={"transcript.text.done": ()},
    answers=[*_CHAT_ANSWER, *((f"response.body.{path}", piece) for path, piece in _CHAT_ANSWER)],
    chain_in=("input_file_id",),
    chain_members=("file_id",),
    chain_grows=("uploads",),
    chain_out=("id", "output_file_id", "error_file_id", "file.id", "request_id"),
    chain_unless="choices",
)

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
    *((f"tools[].{path}", label) for path, label in _TOOL),
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
    *_SHARED,
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
_LANES = ("stream_id", "session_id")
_EVENT = [
    ("type", Piece.OPAQUE),
    ("item_id", Piece.OPAQUE),
    ("response_id", Piece.OPAQUE),
    ("event_id", Piece.OPAQUE),
    ("stream_id", Piece.OPAQUE),
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
    identity=(*IDENTITY, *_LANES),
    lanes=_LANES,
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
