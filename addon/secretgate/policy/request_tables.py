"""Which string of a request is which part of a conversation: a table for each dialect.

A row gives the path of a string, the call it makes, and the paths of related strings (role, id,
tool name); in those, every `[]` refers to the same item as in the row's own path. Strings at paths
without a row make no call. For a dialect without a table, every string makes an `llm.text`.
`decomposing` reads bodies with these tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

TEXT, RESULT = "llm.text", "llm.tool_result"


class Row(NamedTuple):
    path: str
    operation: str
    role: str = ""
    """The path of the role, or `=` followed by the role itself."""
    identity: str = ""
    """The path of the tool call's id."""
    name: str = ""
    """The path of the tool's name, if it is next to the result."""


@dataclass(frozen=True)
class Table:
    rows: Sequence[Row]
    names: Sequence[tuple[str, str]] = ()
    """Where earlier tool calls are in a body: the path of the id and the path of the name."""
    model: str = "model"
    messages: Sequence[str] = ("messages[]",)
    wrappers: Sequence[str] = ("",)
    """Path prefixes under which a whole request may be nested."""


_ANTHROPIC = Table(
    rows=(
        Row("system", TEXT, "=system"),
        Row("system[].text", TEXT, "=system"),
        Row("prompt", TEXT, "=user"),
        Row("messages[].content", TEXT, "messages[].role"),
        Row("messages[].content[].text", TEXT, "messages[].role"),
        Row("messages[].content[].content", RESULT, "", "messages[].content[].tool_use_id"),
        Row("messages[].content[].content[].text", RESULT, "", "messages[].content[].tool_use_id"),
        *(
            Row(
                f"{events}.content[].text",
                TEXT,
                f"{events}.type",
                f"{events}.custom_tool_use_id",
            )
            for events in ("events[]", "initial_events[]")
        ),
    ),
    names=(("messages[].content[].id", "messages[].content[].name"),),
    wrappers=("", "requests[].params."),
)
_CHAT = Table(
    rows=(
        Row("prompt", TEXT, "=user"),
        Row("input", TEXT, "=user"),
        Row("messages[].content", TEXT, "messages[].role", "messages[].tool_call_id"),
        Row("messages[].content[].text", TEXT, "messages[].role", "messages[].tool_call_id"),
    ),
    names=(("messages[].tool_calls[].id", "messages[].tool_calls[].function.name"),),
    wrappers=("", "body."),
)
_RESPONSES = Table(
    rows=(
        Row("instructions", TEXT, "=system"),
        Row("input", TEXT, "=user"),
        Row("input[].content", TEXT, "input[].role"),
        Row("input[].content[].text", TEXT, "input[].role"),
        Row("input[].output", RESULT, "", "input[].call_id"),
        Row("input[].output[].text", RESULT, "", "input[].call_id"),
        Row("input[].output[].stdout", RESULT, "", "input[].call_id"),
        Row("input[].output[].stderr", RESULT, "", "input[].call_id"),
        Row("inputs", TEXT, "=user"),
        Row("inputs[].content", TEXT, "inputs[].role"),
        Row("inputs[].content[].text", TEXT, "inputs[].role"),
        Row("inputs[].result", RESULT, "", "inputs[].tool_call_id"),
        Row("item.content[].text", TEXT, "item.role"),
        Row("item.output", RESULT, "", "item.call_id"),
        Row("events[].input[].content", TEXT, "events[].input[].role"),
        Row("events[].input[].content[].text", TEXT, "events[].input[].role"),
        Row("events[].output", RESULT, "", "events[].call_id"),
        Row("events[].output[].text", RESULT, "", "events[].call_id"),
        Row("events[].error", RESULT, "", "events[].call_id"),
    ),
    names=(("input[].call_id", "input[].name"),),
    messages=("input[]",),
    wrappers=("", "response.", "body."),
)
_GEMINI = Table(
    rows=(
        Row("systemInstruction.parts[].text", TEXT, "=system"),
        Row("system_instruction.parts[].text", TEXT, "=system"),
        Row("contents.parts[].text", TEXT, "contents.role"),
        Row("contents[].parts[].text", TEXT, "contents[].role"),
        *(
            Row(
                f"{turn}.parts[].{part}.response.**",
                RESULT,
                "",
                f"{turn}.parts[].{part}.id",
                f"{turn}.parts[].{part}.name",
            )
            for turn in ("contents[]", "contents")
            for part in ("functionResponse", "function_response")
        ),
        Row("turns[].parts[].text", TEXT, "turns[].role"),
        Row(
            "functionResponses[].response.**",
            RESULT,
            "",
            "functionResponses[].id",
            "functionResponses[].name",
        ),
        Row("text", TEXT, "=user"),
        Row("input", TEXT, "=user"),
        Row("input[].text", TEXT, "=user"),
        Row("input[].content[].text", TEXT, "input[].type"),
        *(
            Row(path, RESULT, "", "input[].call_id", "input[].name")
            for path in ("input[].result", "input[].result[].text", "input[].result.**")
        ),
        Row("system_instruction", TEXT, "=system"),
    ),
    messages=("contents[]", "turns[]"),
    wrappers=(
        "",
        "request.",
        "generateContentRequest.",
        "setup.",
        "clientContent.",
        "toolResponse.",
        "realtimeInput.",
        "batch.inputConfig.requests.requests[].request.",
    ),
)
_CONVERSE = Table(
    rows=(
        *_ANTHROPIC.rows,
        Row(
            "messages[].content[].toolResult.content[].text",
            RESULT,
            "",
            "messages[].content[].toolResult.toolUseId",
        ),
        Row(
            "messages[].content[].toolResult.content[].json.**",
            RESULT,
            "",
            "messages[].content[].toolResult.toolUseId",
        ),
        Row("inputText", TEXT, "=user"),
    ),
    names=(
        *_ANTHROPIC.names,
        (
            "messages[].content[].toolUse.toolUseId",
            "messages[].content[].toolUse.name",
        ),
    ),
    wrappers=("", "input.converse.", "modelInput."),
)
_COHERE = Table(
    rows=(
        *_CHAT.rows,
        Row("message", TEXT, "=user"),
        Row("preamble", TEXT, "=system"),
        Row("chat_history[].message", TEXT, "chat_history[].role"),
        Row("messages[].content[].document.data", RESULT, "", "messages[].tool_call_id"),
        Row("messages[].content[].document.data.**", RESULT, "", "messages[].tool_call_id"),
        Row("tool_results[].outputs[].**", RESULT, "", "", "tool_results[].call.name"),
    ),
    names=_CHAT.names,
    messages=("messages[]", "chat_history[]"),
)
_OLLAMA = Table(
    rows=(
        Row("system", TEXT, "=system"),
        Row("prompt", TEXT, "=user"),
        Row(
            "messages[].content",
            TEXT,
            "messages[].role",
            "messages[].tool_call_id",
            "messages[].tool_name",
        ),
    ),
    names=_CHAT.names,
)
_USER, _SAID = "userInputMessage", "assistantResponseMessage"
_RESULTS = f"{_USER}.userInputMessageContext.toolResults[]"
_AMAZON_Q = Table(
    rows=tuple(
        row
        for turn in ("conversationState.currentMessage", "conversationState.history[]")
        for row in (
            Row(f"{turn}.{_USER}.content", TEXT, "=user"),
            Row(f"{turn}.{_SAID}.content", TEXT, "=assistant"),
            *(
                Row(
                    f"{turn}.{_RESULTS}.content[].{path}",
                    RESULT,
                    "",
                    f"{turn}.{_RESULTS}.toolUseId",
                )
                for path in ("text", "json.**")
            ),
        )
    ),
    names=(
        (
            f"conversationState.history[].{_SAID}.toolUses[].toolUseId",
            f"conversationState.history[].{_SAID}.toolUses[].name",
        ),
    ),
    model="conversationState.currentMessage.userInputMessage.modelId",
    messages=("conversationState.history[]",),
)
_DASHSCOPE = Table(rows=_CHAT.rows, names=_CHAT.names, wrappers=("input.",))
_ASSISTANTS = Table(
    rows=(
        Row("instructions", TEXT, "=system"),
        *(
            Row(f"{message}{path}", TEXT, f"{message}role")
            for message in ("", "messages[].", "thread.messages[].", "additional_messages[].")
            for path in ("content", "content[].text")
        ),
        Row("tool_outputs[].output", RESULT, "", "tool_outputs[].tool_call_id"),
    )
)
GENERIC = Table(rows=(Row("**", TEXT),), messages=())

TABLES: Mapping[str, Table] = {
    "anthropic": _ANTHROPIC,
    "openai-chat": _CHAT,
    "openai-responses": _RESPONSES,
    "openai-assistants": _ASSISTANTS,
    "gemini": _GEMINI,
    "bedrock": _CONVERSE,
    "amazon-q": _AMAZON_Q,
    "cohere": _COHERE,
    "ollama": _OLLAMA,
    "dashscope": _DASHSCOPE,
}
