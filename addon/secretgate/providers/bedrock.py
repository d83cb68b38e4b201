"""Amazon Bedrock: Converse, and InvokeModel with the body format of the model's vendor.

For Claude, that body and the events are Anthropic's, each event base64-encoded in a message of the
binary stream (`streams/eventstream.py` unwraps it). Converse has its own JSON, recognised by the
event name in the message header. Reasoning is passed back unchanged, with its signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.anthropic import ANTHROPIC
from secretgate.providers.base import Dialect, Piece
from secretgate.providers.openai import CHAT

_O, _T, _B = Label.OPAQUE, Label.TEXT, Label.BYTES

_BLOCK = [
    ("reasoningContent.**", _O),
    ("toolUse.input.**", _T),
    ("toolUse.toolUseId", _O),
    ("toolResult.toolUseId", _O),
    ("image.source.bytes", _B),
    ("video.source.bytes", _B),
    ("audio.source.bytes", _B),
    ("document.source.bytes", _B),
    ("guardContent.image.source.bytes", _B),
    ("toolResult.content[].json.**", _T),
    ("toolResult.content[].image.source.bytes", _B),
    ("toolResult.content[].video.source.bytes", _B),
    ("toolResult.content[].document.source.bytes", _B),
]
_CONVERSE = [
    *(
        (f"{blocks}.{path}", label)
        for blocks in ("messages[].content[]", "system[]")
        for path, label in _BLOCK
    ),
    ("guardrailConfig.guardrailIdentifier", _O),
    ("requestMetadata.**", _T),
]
_FILES = (
    "inlineSessionState.files[].source",
    "sessionState.files[].source",
    "retrieveAndGenerateConfiguration.externalSourcesConfiguration.sources[]",
)
_ANSWER_BLOCK = [
    ("reasoningContent.**", Piece.OPAQUE),
    ("toolUse.toolUseId", Piece.OPAQUE),
    ("toolUse.name", Piece.OPAQUE),
]
_STREAM = {
    "contentBlockStart": [
        ("start.toolUse.toolUseId", Piece.OPAQUE),
        ("start.toolUse.name", Piece.OPAQUE),
    ],
    "contentBlockDelta": [
        ("delta.text", Piece.DELTA),
        ("delta.toolUse.input", Piece.DELTA_JSON),
        ("delta.reasoningContent.**", Piece.OPAQUE),
        ("delta.image.source.bytes", Piece.OPAQUE),
        ("p", Piece.OPAQUE),
    ],
}
_STATUS_NAMES = {
    400: "ValidationException",
    403: "AccessDeniedException",
    502: "ModelErrorException",
}


@dataclass(frozen=True)
class Bedrock(Dialect):
    def refusal(self, status: int, message: str) -> dict[str, Any]:
        return {"message": message, "__type": _STATUS_NAMES.get(status, "ValidationException")}

    def refusal_event(self, status: int, message: str) -> tuple[str, dict[str, Any]]:
        return "modelStreamErrorException", {"message": message}


BEDROCK = Bedrock(
    name="bedrock",
    transports=("JSON", "AWS eventstream"),
    requests=[
        *_CONVERSE,
        *ANTHROPIC.requests,
        *((f"input.converse.{path}", label) for path, label in _CONVERSE),
        ("input.invokeModel.body", _B),
        ("event.audioInput.content", _B),
        ("event.toolResult.toolUseId", _O),
        ("modelId", _O),
        ("nextToken", _O),
        ("clientRequestToken", _O),
        ("sessionId", _O),
        *((f"modelInput.{path}", label) for path, label in (*_CONVERSE, *ANTHROPIC.requests)),
        ("images[]", _B),
        ("content[].image.source.bytes", _B),
        ("payload.contentBlocks[].image.source.bytes", _B),
        *((f"{path}.byteContent.data", _B) for path in _FILES),
    ],
    answers=[
        ("p", Piece.OPAQUE),
        *((f"output.message.content[].{path}", piece) for path, piece in _ANSWER_BLOCK),
        ("generation", Piece.DELTA),
        ("outputText", Piece.DELTA),
        ("outputs[].text", Piece.DELTA),
        ("completion", Piece.DELTA),
        ("text", Piece.DELTA),
        ("choices[].message.content", Piece.DELTA),
        ("contentBlockDelta.delta.text", Piece.DELTA),
        ("contentBlockDelta.delta.toolUse.input", Piece.DELTA_JSON),
        ("contentBlockDelta.delta.reasoningContent.**", Piece.OPAQUE),
        ("contentBlockStart.start.toolUse.toolUseId", Piece.OPAQUE),
        ("event.textOutput.content", Piece.DELTA),
        ("event.toolUse.content", Piece.WHOLE_JSON),
        ("event.audioOutput.content", Piece.OPAQUE),
        ("messageStop.stopReason", Piece.CLOSE),
        ("stop_reason", Piece.CLOSE),
        ("completionReason", Piece.CLOSE),
        ("images[]", Piece.OPAQUE),
        *ANTHROPIC.answers,
        *((path, piece) for path, piece in CHAT.answers if path.startswith("choices[]")),
    ],
    events={**ANTHROPIC.events, **_STREAM},
    json_texts={
        **ANTHROPIC.json_texts,
        "": [
            *ANTHROPIC.json_texts[""],
            *CHAT.json_texts[""],
            ("output.message.content[].text", Piece.WHOLE_JSON),
        ],
        "contentBlockDelta": [("delta.text", Piece.DELTA_JSON)],
    },
    identity=(*ANTHROPIC.identity, "contentBlockIndex"),
    closing={
        **ANTHROPIC.closing,
        "contentBlockStop": ("contentBlockIndex",),
        "messageStop": (),
        "metadata": (),
    },
    chain_in=("sessionId",),
    chain_grows=("sessions",),
    chain_out=("sessionId",),
)
