"""Amazon Q Developer and Kiro: one state of the conversation a request, a binary stream of events back.

The events have no type of their own; the headers of their messages name them. The last piece of a
tool's input is an event with `stop`.
"""

from __future__ import annotations

from secretgate.bodies.base import Label
from secretgate.providers.base import Piece
from secretgate.providers.bedrock import BEDROCK as _BEDROCK
from secretgate.providers.bedrock import Bedrock

_O, _B = Label.OPAQUE, Label.BYTES

_USER = [
    ("modelId", _O),
    ("images[].source.bytes", _B),
    ("documents[].source.bytes", _B),
    ("userInputMessageContext.toolResults[].toolUseId", _O),
]
_ASSISTANT = [
    ("messageId", _O),
    ("toolUses[].toolUseId", _O),
    ("reasoningContent.**", _O),
]
_TURNS = ("currentMessage", "history[]")

AMAZON_Q = Bedrock(
    name="amazon-q",
    transports=_BEDROCK.transports,
    requests=[
        *(
            (f"conversationState.{turn}.{message}.{path}", label)
            for turn in _TURNS
            for message, paths in (
                ("userInputMessage", _USER),
                ("assistantResponseMessage", _ASSISTANT),
            )
            for path, label in paths
        ),
        ("conversationState.conversationId", _O),
        ("conversationState.agentContinuationId", _O),
        ("profileArn", _O),
        ("nextToken", _O),
    ],
    answers=[
        ("conversationId", Piece.OPAQUE),
        ("messageId", Piece.OPAQUE),
        ("utteranceId", Piece.OPAQUE),
        ("modelId", Piece.OPAQUE),
        ("toolUseId", Piece.OPAQUE),
    ],
    events={
        **{name: [("content", Piece.DELTA)] for name in ("assistantResponseEvent", "codeEvent")},
        "toolUseEvent": [("input", Piece.DELTA_JSON), ("name", Piece.OPAQUE)],
        "reasoningContentEvent": [("**", Piece.OPAQUE)],
    },
    identity=("toolUseId",),
    ends=("stop",),
)
