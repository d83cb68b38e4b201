"""The protocol of Vercel's AI SDK, which its gateway speaks: prompts and parts of streams as in the SDK.

What a provider behind it has signed or encrypted comes along among the options of a part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from secretgate.bodies.base import Label
from secretgate.providers.base import Dialect, Piece

_O, _B, _C = Label.OPAQUE, Label.BYTES, Label.CREDENTIAL
_SIGNED = ("signature", "redactedData", "thoughtSignature", "reasoningEncryptedContent", "itemId")


@dataclass(frozen=True)
class AISDK(Dialect):
    def refusal_event(self, status: int, message: str) -> tuple[str, dict[str, Any]]:
        return "", {"type": "error", **self.refusal(status, message)}


AI_SDK = AISDK(
    name="ai-sdk",
    transports=("JSON", "SSE"),
    requests=[
        ("prompt[].content[].type", Label.KIND),
        ("prompt[].content[].data", _B),
        ("prompt[].content[].toolCallId", _O),
        ("prompt[].content[].output.value[].data", _B),
        *((f"prompt[].content[].providerOptions.**.{name}", _O) for name in _SIGNED),
        *((f"tools[].args.{name}", _C) for name in ("headers.**", "authorization")),
        ("providerOptions.gateway.byok.**", _C),
        *((f"{file}.data", _B) for file in ("files[]", "mask", "image", "frames[].image")),
        ("audio", _B),
    ],
    answers=[
        ("id", Piece.OPAQUE),
        ("type", Piece.OPAQUE),
        ("toolCallId", Piece.OPAQUE),
        ("toolName", Piece.OPAQUE),
        ("providerMetadata.**", Piece.OPAQUE),
        ("content[].type", Piece.KIND),
        ("content[].toolCallId", Piece.OPAQUE),
        ("content[].input", Piece.WHOLE_JSON),
        ("content[].data", Piece.OPAQUE),
        ("content[].providerMetadata.**", Piece.OPAQUE),
    ],
    events={
        "text-delta": [("delta", Piece.DELTA)],
        "reasoning-delta": [("delta", Piece.OPAQUE)],
        "tool-input-delta": [("delta", Piece.DELTA_JSON)],
        "tool-call": [("input", Piece.WHOLE_JSON)],
        "file": [("data", Piece.OPAQUE)],
    },
    json_texts={
        "": [("content[].text", Piece.WHOLE_JSON)],
        "text-delta": [("delta", Piece.DELTA_JSON)],
    },
    asks_json=re.compile(rb'"responseFormat"\s*:\s*\{\s*"type"\s*:\s*"json"'),
    identity=("id",),
    closing={
        "text-end": ("id",),
        "tool-input-end": ("id",),
        "finish": (),
        "error": (),
    },
)
