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

_O, _T, _C, _B = Label.OPAQUE, Label.TEXT, Label.CREDENTIAL, Label.BYTES

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
    ("toolCall.id", _O),
    ("toolResponse.id", _O),
    ("executableCode.id", _O),
    ("codeExecutionResult.id", _O),
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

# Interactions: what was said so far is sent as a list of steps, one step, or content.
_STEP = [
    ("id", _O),
    ("call_id", _O),
    ("signature", _O),
    ("thought_signature", _O),
    ("data", _B),
    ("summary[].text", _O),
    ("summary[].data", _B),
    ("content[].data", _B),
    ("content[].signature", _O),
    ("content[].thought_signature", _O),
    ("result[].data", _B),
    ("result[].widget_context_token", _O),
]
_TOOL = [
    ("headers.**", _C),
    ("exa_ai_search_config.api_key", _C),
    ("parallel_ai_search_config.api_key", _C),
    ("mcpServers[].streamableHttpTransport.headers.**", _C),
    ("mcp_servers[].streamable_http_transport.headers.**", _C),
]
# Of generateContent, where they go beside the contents.
_SEARCHES = [
    *((f"{search}.apiKey", _C) for search in ("exaAiSearch", "parallelAiSearch")),
    *((f"{maps}.**", _C) for maps in ("googleMaps.authConfig", "google_maps.auth_config")),
    *(
        (f"retrieval.{api}.**", _C)
        for api in (
            *("externalApi.apiAuth", "externalApi.authConfig"),
            *("external_api.api_auth", "external_api.auth_config"),
        )
    ),
]
_STEPS = ("input", "input[]", "interaction.input", "interaction.input[]")
# Where an agent works: what it may reach, and with which credentials.
_ENVIRONMENT = [
    ("network.allowlist[].transform.**", _C),
    ("network.allowlist[].credential", _O),
    ("env.*.credential", _O),
]
_INTERACTION = [
    *((f"{steps}.{path}", label) for steps in _STEPS for path, label in _STEP),
    *(
        (f"{environment}{path}", label)
        for environment in ("", "environment.", "base_environment.", "interaction.environment.")
        for path, label in _ENVIRONMENT
    ),
    ("continuation_token", _O),
]

_ANSWER_STEP = [
    ("id", Piece.OPAQUE),
    ("call_id", Piece.OPAQUE),
    ("signature", Piece.OPAQUE),
    ("thought_signature", Piece.OPAQUE),
    ("summary[].text", Piece.OPAQUE),
    ("content[].data", Piece.OPAQUE),
    ("data", Piece.OPAQUE),
]
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
    ("sessionResumptionUpdate.newHandle", Piece.OPAQUE),
    ("toolCall.functionCalls[].name", Piece.CLOSE),
    ("toolCall.functionCalls[].partialArgs[].stringValue", Piece.DELTA),
    ("toolCall.functionCalls[].partialArgs[].jsonPath", Piece.OPAQUE),
    ("delta.text", Piece.DELTA),
    ("delta.arguments", Piece.DELTA_JSON),
    ("delta.type", Piece.KIND),
    ("delta.signature", Piece.OPAQUE),
    ("delta.thought_signature", Piece.OPAQUE),
    ("delta.data", Piece.OPAQUE),
    ("delta.content.text", Piece.OPAQUE),  # of a summary of thoughts
    *(
        (f"{steps}.{path}", piece)
        for steps in ("outputs[]", "steps[]", "input[]", "step", "interaction.steps[]")
        for path, piece in _ANSWER_STEP
    ),
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
        *(
            (f"{wrapper}generationConfig.speechConfig.**.voiceConsentSignature.signature", _O)
            for wrapper in ("", "request.", "setup.")
        ),
        *(
            (f"{wrapper}tools[].{path}", label)
            for wrapper in (*_WRAPPERS, "interaction.")
            for path, label in (*_SEARCHES, *_TOOL)
        ),
        ("toolResponse.functionResponses[].id", _O),
        ("setup.sessionResumption.handle", _O),
        ("project", _O),
        ("user_prompt_id", _O),
        ("realtimeInput.mediaChunks[].data", _B),
        ("realtimeInput.audio.data", _B),
        ("realtimeInput.video.data", _B),
        ("previous_interaction_id", _O),
        *_INTERACTION,
        ("instances[].image.bytesBase64Encoded", _B),
    ],
    answers=[
        *_ANSWER,
        *((f"response.{path}", piece) for path, piece in _ANSWER),
        ("traceId", Piece.OPAQUE),
    ],
    json_texts={
        "": [
            (f"{wrapper}candidates[].content.parts[].text", Piece.DELTA_JSON)
            for wrapper in ("", "response.")
        ]
    },
    identity=("index", "thought"),
    closing={
        "content.stop": ("index",),
        "step.stop": ("index",),
        "interaction.complete": (),
        "interaction.completed": (),
    },
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
