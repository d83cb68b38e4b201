"""The families by name, the rules they are tested with, and how to judge answers by these."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.families.base import events, sse
from harness.families.openai import delegated
from policy.answer_streams import (
    Seen,
    anthropic_read,
    anthropic_write,
    bedrock_chat_read,
    bedrock_chat_write,
    chat_read,
    chat_write,
    cohere_read,
    cohere_write,
    converse_read,
    converse_write,
    gemini_read,
    gemini_write,
    ollama_read,
    ollama_write,
    responses_read,
    responses_write,
)
from policy.kit import SCANNER, enforced, scope
from secretgate.policy.answers import Judge, judging
from secretgate.policy.engine import Policy
from secretgate.policy.judged import JudgedFramer
from secretgate.policy.model import Decision
from secretgate.streams.base import Framer
from secretgate.streams.eventstream import EventStreamFramer
from secretgate.streams.json_array import JsonArrayFramer
from secretgate.streams.ndjson import NdjsonFramer
from secretgate.streams.sse import SseFramer

REDACT = enforced(
    "  - {name: mask, action: redact, match: {operation: llm.text, direction: response}, redact: {secrets: true}}"
)
DENY = enforced(
    "  - {name: no-rm, action: deny, message: not that, match: {operation: llm.tool_use,"
    " when: \"params.name == 'bash' && params.input.command.contains('rm -rf')\"}}"
)
SAYS = "[secretgate denied the call of bash: not that (rule no-rm)]"


def judge(text: str, dialect: Any, told: list[Decision] | None = None) -> Judge:
    policy = Policy([scope(text)], SCANNER)
    heard = told if told is not None else []
    made = judging(
        policy, {"host": "h"}, dialect, lambda operation, decision: heard.append(decision)
    )
    assert made is not None
    return made


def streamed(framer: Framer, judge: Judge, raw: bytes, size: int = 0) -> bytes:
    judged = JudgedFramer(framer, judge)
    size = size or len(raw)
    out = [
        frame.raw for at in range(0, len(raw), size) for frame in judged.feed(raw[at : at + size])
    ]
    return b"".join([*out, *(frame.raw for frame in judged.finish())])


@dataclass(frozen=True)
class Case:
    dialect: str
    framer: Callable[[], Framer]
    write: Callable[[Sequence[tuple[str, str]]], bytes]
    """Returns a stream with these tool calls after the text `Hm. `."""
    read: Callable[[bytes], Seen]
    stops: tuple[str, str] = ("", "")
    """The stop reasons with and without tool calls."""


CASES = {
    "anthropic": Case(
        "anthropic",
        SseFramer,
        lambda calls: sse(anthropic_write(calls), named="type"),
        lambda raw: anthropic_read(events(raw)),
        ("tool_use", "end_turn"),
    ),
    "chat": Case("openai-chat", SseFramer, chat_write, chat_read, ("tool_calls", "stop")),
    "responses": Case("openai-responses", SseFramer, responses_write, responses_read),
    "responses live": Case(
        "openai-responses",
        SseFramer,
        lambda calls: sse(delegated(events(responses_write(calls)))),
        lambda raw: responses_read(sse([each["event"] for each in events(raw)], named="type")),
    ),
    "gemini": Case(
        "gemini",
        SseFramer,
        lambda calls: sse(gemini_write(calls), "\r\n"),
        lambda raw: gemini_read(events(raw)),
        ("STOP", "STOP"),
    ),
    "gemini array": Case(
        "gemini",
        JsonArrayFramer,
        lambda calls: json.dumps(gemini_write(calls), indent=1).encode(),
        lambda raw: gemini_read(json.loads(raw)),
        ("STOP", "STOP"),
    ),
    "code assist": Case(
        "gemini",
        SseFramer,
        lambda calls: sse([{"response": each} for each in gemini_write(calls)]),
        lambda raw: gemini_read([each["response"] for each in events(raw)]),
        ("STOP", "STOP"),
    ),
    "bedrock converse": Case(
        "bedrock", EventStreamFramer, converse_write, converse_read, ("tool_use", "end_turn")
    ),
    "bedrock chat": Case(
        "bedrock", EventStreamFramer, bedrock_chat_write, bedrock_chat_read, ("tool_calls", "stop")
    ),
    "cohere": Case("cohere", SseFramer, cohere_write, cohere_read, ("TOOL_CALL", "COMPLETE")),
    "ollama": Case("ollama", NdjsonFramer, ollama_write, ollama_read),
}
BAD = ("bash", '{"command": "rm -rf /"}')
GOOD = ("ls", '{"path": "/"}')
