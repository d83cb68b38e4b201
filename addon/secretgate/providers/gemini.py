"""Gemini's generateContent family: Gemini API, Vertex and (nested one level deeper) Code Assist.

A thought signature accompanies text, calls and thoughts, and must come back unchanged on the same
part. Parts are therefore never merged or split; held-back text is sent as a separate part without a
signature, before the next event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import Dialect, Piece

_O, _T, _B = Label.OPAQUE, Label.TEXT, Label.BYTES

_PART = [
    ("functionCall.args.**", _T),
    ("functionResponse.response.**", _T),
    ("function_call.args.**", _T),
    ("function_response.response.**", _T),
    ("thought", Label.KIND),
    ("thoughtSignature", _O),
    ("thought_signature", _O),
    ("inlineData.data", _B),
    ("inline_data.data", _B),
    ("functionCall.id", _O),
    ("functionResponse.id", _O),
    ("functionResponse.parts[].inlineData.data", _B),
]
_CONTENTS = (
    "contents[].parts[]",
    "contents.parts[]",
    "systemInstruction.parts[]",
    "content.parts[]",
    "turns[].parts[]",
    "requests[].content.parts[]",
    "requests[].contents[].parts[]",
    "system_instruction.parts[]",
)
_BODY = [
    *((f"{parts}.{path}", label) for parts in _CONTENTS for path, label in _PART),
    ("model", _O),
    ("cachedContent", _O),
    ("session_id", _O),
    ("sessionId", _O),
]
_WRAPPERS = (
    "",
    "request.",
    "generateContentRequest.",
    "setup.",
    "clientContent.",
    "toolResponse.",
    "batch.inputConfig.requests.requests[].request.",
    "cachedContent.",
)

_ANSWER = [
    ("candidates[].content.parts[].text", Piece.DELTA),
    ("candidates[].content.parts[].thought", Piece.KIND),
    ("candidates[].content.parts[].thoughtSignature", Piece.OPAQUE),
    ("candidates[].content.parts[].functionCall.name", Piece.CLOSE),
    ("candidates[].content.parts[].functionCall.id", Piece.OPAQUE),
    ("candidates[].content.parts[].functionCall.partialArgs[].stringValue", Piece.DELTA),
    ("candidates[].content.parts[].functionCall.partialArgs[].jsonPath", Piece.OPAQUE),
    ("candidates[].content.parts[].inlineData.data", Piece.OPAQUE),
    ("candidates[].content.role", Piece.OPAQUE),
    ("candidates[].finishReason", Piece.CLOSE),
    ("candidates[].logprobsResult.**", Piece.OPAQUE),
    ("candidates[].avgLogprobs", Piece.OPAQUE),
    ("modelVersion", Piece.OPAQUE),
    ("responseId", Piece.OPAQUE),
    ("createTime", Piece.OPAQUE),
    ("serverContent.modelTurn.parts[].text", Piece.DELTA),
    ("serverContent.modelTurn.parts[].thoughtSignature", Piece.OPAQUE),
    ("serverContent.modelTurn.parts[].inlineData.data", Piece.OPAQUE),
    ("serverContent.outputTranscription.text", Piece.DELTA),
    ("serverContent.inputTranscription.text", Piece.DELTA),
    ("toolCall.functionCalls[].id", Piece.OPAQUE),
    ("delta.text", Piece.DELTA),
    ("delta.arguments", Piece.DELTA_JSON),
    ("delta.type", Piece.KIND),
    ("delta.signature", Piece.OPAQUE),
    ("delta.thought_signature", Piece.OPAQUE),
    ("outputs[].signature", Piece.OPAQUE),
    ("outputs[].thought_signature", Piece.OPAQUE),
]

_STATUSES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    502: "UNAVAILABLE",
}


@dataclass(frozen=True)
class Gemini(Dialect):
    def refusal(self, status: int, message: str) -> dict[str, Any]:
        code = _STATUSES.get(status, "INTERNAL")
        return {"error": {"code": status, "message": message, "status": code}}


GEMINI = Gemini(
    name="gemini",
    transports=("JSON", "SSE", "JSON array", "WebSocket", "resumable upload"),
    requests=[
        *((wrapper + path, label) for wrapper in _WRAPPERS for path, label in _BODY),
        ("project", _O),
        ("user_prompt_id", _O),
        ("realtimeInput.mediaChunks[].data", _B),
        ("realtimeInput.audio.data", _B),
        ("realtimeInput.video.data", _B),
        ("previous_interaction_id", _O),
        ("input[].signature", _O),
        ("input[].thought_signature", _O),
        ("input[].data", _B),
        ("input[].content[].signature", _O),
        ("input[].content[].thought_signature", _O),
        ("input[].content[].data", _B),
        ("instances[].image.bytesBase64Encoded", _B),
    ],
    answers=[
        *_ANSWER,
        *((f"response.{path}", piece) for path, piece in _ANSWER),
        ("traceId", Piece.OPAQUE),
    ],
    identity=("index", "thought"),
    ends=("serverContent.turnComplete", "serverContent.generationComplete"),
    chain_in=(
        "cachedContent",
        "request.cachedContent",
        "previous_interaction_id",
        "batch.inputConfig.fileName",
        "setup.cachedContent",
        "setup.sessionResumption.handle",
    ),
    chain_members=("fileUri", "file_uri"),
    chain_out=(
        "name",
        "id",
        "interaction.id",
        "file.name",
        "response.responsesFile",
        "metadata.output.responsesFile",
        "sessionResumptionUpdate.newHandle",
    ),
)
