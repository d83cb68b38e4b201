"""Streamed answers of every family: interleaved pieces of free text and of JSON arguments.

A `Family` writes the stream as the provider would and reads it as a client would, without using
code of the gate.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.families.anthropic import (
    anthropic_events,
    anthropic_read,
    bedrock_invoke,
    bedrock_invoke_read,
)
from harness.families.base import Pieces, events, lines, sse
from harness.families.gemini import (
    gemini_array,
    gemini_events,
    gemini_read,
    live_events,
    live_read,
    wrapped,
)
from harness.families.openai import (
    assistants,
    assistants_read,
    chat_events,
    chat_read,
    delegated,
    perplexity_events,
    perplexity_read,
    responses_events,
    responses_read,
    transcript_events,
    transcript_read,
)
from harness.families.others import (
    ai_sdk_events,
    ai_sdk_read,
    amazon_q,
    amazon_q_read,
    cohere_events,
    cohere_read,
    cohere_v1,
    cohere_v1_read,
    converse,
    converse_read,
    dashscope,
    dashscope_read,
    ollama,
    ollama_generate,
    ollama_read,
)
from secretgate.providers import DIALECTS, Dialect
from secretgate.streams.base import Framer
from secretgate.streams.eventstream import EventStreamFramer
from secretgate.streams.json_array import JsonArrayFramer
from secretgate.streams.ndjson import NdjsonFramer
from secretgate.streams.sse import SseFramer


@dataclass(frozen=True)
class Family:
    dialect: Dialect
    framer: Callable[[], Framer]
    write: Callable[[Pieces, Pieces], bytes]
    read: Callable[[bytes], tuple[str, str]]
    """Returns the free text and the arguments."""
    arguments: bool = True
    """Whether arguments are streamed in pieces."""


def _family(
    dialect: str,
    make: Callable[[Pieces, Pieces], list[Any]],
    read: Callable[[Sequence[Any]], tuple[str, str]],
    end: str = "\n",
    named: str = "",
    done: bool = False,
    arguments: bool = True,
) -> Family:
    return Family(
        DIALECTS[dialect],
        SseFramer,
        lambda texts, pieces: sse(make(texts, pieces), end, named, done),
        lambda raw: read(events(raw)),
        arguments,
    )


_INCREMENTAL = DIALECTS["dashscope"].answering(b'{"parameters":{"incremental_output": true}}')

FAMILIES: dict[str, Family] = {
    "anthropic": _family("anthropic", anthropic_events, anthropic_read, named="type"),
    "chat": _family("openai-chat", chat_events, chat_read, done=True),
    "perplexity": _family("openai-chat", perplexity_events, perplexity_read, "\r\n", arguments=False),
    "transcript": _family("openai-chat", transcript_events, transcript_read, arguments=False),
    "responses": _family("openai-responses", responses_events, responses_read, named="type"),
    "responses live": _family(
        "openai-responses",
        lambda texts, pieces: delegated(responses_events(texts, pieces)),
        lambda payloads: responses_read([payload["event"] for payload in payloads]),
    ),
    "gemini": _family("gemini", gemini_events, gemini_read, "\r\n"),
    "code assist": _family(
        "gemini",
        lambda texts, pieces: wrapped(gemini_events(texts, pieces)),
        lambda payloads: gemini_read([payload["response"] for payload in payloads]),
    ),
    "gemini array": Family(
        DIALECTS["gemini"], JsonArrayFramer, gemini_array, lambda raw: gemini_read(json.loads(raw))
    ),
    "gemini live": _family("gemini", live_events, live_read, arguments=False),
    "bedrock invoke": Family(DIALECTS["bedrock"], EventStreamFramer, bedrock_invoke, bedrock_invoke_read),
    "bedrock converse": Family(DIALECTS["bedrock"], EventStreamFramer, converse, converse_read),
    "amazon q": Family(DIALECTS["amazon-q"], EventStreamFramer, amazon_q, amazon_q_read),
    **{
        f"Zed, {name}": Family(
            DIALECTS["zed"],
            NdjsonFramer,
            lambda texts, pieces, make=make: lines(
                [{"status": "started"}, *({"event": each} for each in make(texts, pieces))]
            ),
            lambda raw, read=read: read(
                [each["event"] for each in map(json.loads, raw.splitlines()) if "event" in each]
            ),
            name != "gemini",
        )
        for name, make, read in (
            ("anthropic", anthropic_events, anthropic_read),
            ("responses", responses_events, responses_read),
            ("chat", chat_events, chat_read),
            ("gemini", gemini_events, gemini_read),
        )
    },
    "AI SDK": _family("ai-sdk", ai_sdk_events, ai_sdk_read),
    "cohere": _family("cohere", cohere_events, cohere_read, named="type"),
    "cohere v1": Family(DIALECTS["cohere"], NdjsonFramer, cohere_v1, cohere_v1_read, False),
    "ollama": Family(DIALECTS["ollama"], NdjsonFramer, ollama, ollama_read, False),
    "ollama generate": Family(DIALECTS["ollama"], NdjsonFramer, ollama_generate, ollama_read, False),
    "dashscope": Family(
        _INCREMENTAL,
        SseFramer,
        dashscope,
        lambda raw: dashscope_read(events(raw)),
        False,
    ),
    "assistants": Family(DIALECTS["openai-assistants"], SseFramer, assistants, assistants_read),
}  # fmt: skip
