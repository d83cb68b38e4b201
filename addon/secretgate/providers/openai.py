"""OpenAI: Chat Completions and what goes with it, also of the many hosts compatible with it.

Vendors put reasoning text next to the answer under several names. The provider wrote it while
thinking, so it passes through unchanged in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import Dialect, Piece

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


# Credentials for other services, which the model does not see, and what belongs to containers.
TOOL = [
    ("headers.**", _C),
    ("authorization", _C),
    ("authorization.**", _C),
    ("transport.headers.**", _C),
    ("transport.authorization", _C),
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
SHARED = [
    ("model", _O),
    ("user", _O),
    ("safety_identifier", _O),
    ("prompt_cache_key", _O),
    *(
        (f"{tools}[].{path}", label)
        for tools in ("tools", "definition.tools")  # Foundry's agents
        for path, label in TOOL
    ),
    ("integrations[].headers.**", _C),  # LM Studio
]

# What Azure searches for an answer, and keys for the providers behind Vercel's gateway.
_SOURCES = [
    *(
        (f"data_sources[].parameters.{path}authentication.**", _C)
        for path in ("", "embedding_dependency.")
    ),
    *(
        (f"dataSources[].parameters.{name}", _C)
        for name in ("key", "embeddingKey", "connectionString", "authentication.**")
    ),
    ("providerOptions.gateway.byok.**", _C),
    ("compound_custom.tools.*.authorization", _C),  # Groq
]
_CHAT_REQUEST = [
    *SHARED,
    *_SOURCES,
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
    json_texts={
        "": [
            ("choices[].delta.content", Piece.DELTA_JSON),
            ("choices[].message.content", Piece.WHOLE_JSON),
        ]
    },
    closing={"transcript.text.done": ()},
    answers=[*_CHAT_ANSWER, *((f"response.body.{path}", piece) for path, piece in _CHAT_ANSWER)],
    chain_in=("input_file_id",),
    chain_members=("file_id",),
    chain_grows=("uploads",),
    chain_out=("id", "output_file_id", "error_file_id", "file.id", "request_id"),
    chain_unless="choices",
)
