"""OpenAI Assistants: the provider keeps the thread, so what it was issued counts for all its runs."""

from __future__ import annotations

from secretgate.bodies.base import Label
from secretgate.providers.base import Piece
from secretgate.providers.openai import OpenAI

_O, _B, _C = Label.OPAQUE, Label.BYTES, Label.CREDENTIAL
_IDS = ("id", "object", "thread_id", "assistant_id", "run_id", "model", "status", "role")
_TOOL = [
    ("id", Piece.OPAQUE),
    ("type", Piece.OPAQUE),
    ("function.name", Piece.OPAQUE),
]

ASSISTANTS = OpenAI(
    name="openai-assistants",
    transports=("JSON", "SSE"),
    requests=[
        ("model", _O),
        ("assistant_id", _O),
        ("thread_id", _O),
        ("tool_outputs[].tool_call_id", _O),
        ("file_ids[]", _O),
        *(
            (f"{resources}.**.{ids}[]", _O)
            for resources in ("tool_resources", "thread.tool_resources")
            for ids in ("file_ids", "vector_store_ids")
        ),
        # Azure
        ("tool_resources.mcp[].headers.**", _C),
        ("thread.tool_resources.mcp[].headers.**", _C),
        ("tool_approvals[].headers.**", _C),
        *(
            (f"{message}attachments[].file_id", _O)
            for message in ("", "messages[].", "thread.messages[].", "additional_messages[].")
        ),
        *(
            (f"{content}[].{path}", label)
            for content in (
                "content",
                "messages[].content",
                "thread.messages[].content",
                "additional_messages[].content",
            )
            for path, label in (("image_url.url", _B), ("image_file.file_id", _O))
        ),
    ],
    answers=[
        *((name, Piece.OPAQUE) for name in _IDS),
        *((f"data[].{name}", Piece.OPAQUE) for name in _IDS),
        *(
            (f"{each}{calls}.tool_calls[].{path}", piece)
            for each in ("", "data[].")
            for calls in ("required_action.submit_tool_outputs", "step_details")
            for path, piece in (
                ("id", Piece.OPAQUE),
                ("function.arguments", Piece.WHOLE_JSON),
            )
        ),
        ("content[].image_file.file_id", Piece.OPAQUE),
    ],
    events={
        "thread.message.delta": [
            ("delta.content[].text.value", Piece.DELTA),
            ("delta.content[].refusal", Piece.DELTA),
            ("delta.content[].image_file.file_id", Piece.OPAQUE),
        ],
        "thread.run.step.delta": [
            *((f"delta.step_details.tool_calls[].{path}", piece) for path, piece in _TOOL),
            ("delta.step_details.tool_calls[].function.arguments", Piece.DELTA_JSON),
            ("delta.step_details.tool_calls[].code_interpreter.input", Piece.DELTA),
        ],
    },
    identity=("id",),
    closing={
        "thread.message.completed": ("id",),
        "thread.message.incomplete": ("id",),
        "thread.run.step.completed": ("id",),
        "thread.run.requires_action": (),
        "thread.run.completed": (),
        "thread.run.incomplete": (),
        "thread.run.failed": (),
        "error": (),
    },
    chain_in=("thread_id", "assistant_id"),
    chain_members=("file_id", "file_ids", "vector_store_ids"),
    chain_grows=("threads", "assistants"),
    chain_out=("id", "thread_id"),
)
