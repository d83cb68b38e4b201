"""How each API family encodes texts and tool calls in its answers: one module per family."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from secretgate.policy.grammars.anthropic import deny_anthropic, read_anthropic
from secretgate.policy.grammars.assistants import deny_assistants, read_assistants
from secretgate.policy.grammars.base import Grammar
from secretgate.policy.grammars.bedrock import deny_bedrock, read_bedrock
from secretgate.policy.grammars.chat import (
    deny_chat,
    read_chat,
    read_dashscope,
    read_dashscope_so_far,
)
from secretgate.policy.grammars.cohere import deny_cohere, echo_cohere, read_cohere
from secretgate.policy.grammars.conversations import echo_conversation
from secretgate.policy.grammars.gemini import deny_gemini, give_gemini, given_gemini, read_gemini
from secretgate.policy.grammars.ollama import read_ollama
from secretgate.policy.grammars.responses import deny_responses, echo_responses, read_responses
from secretgate.policy.grammars.tabled import deny_nothing, read_tabled, read_texts
from secretgate.providers import Dialect

GRAMMARS: Final[Mapping[str, Grammar]] = {
    "anthropic": Grammar(read_anthropic, deny_anthropic, stops={"tool_use": "end_turn"}),
    "openai-chat": Grammar(
        read_chat, deny_chat, stops={"tool_calls": "stop", "function_call": "stop"}
    ),
    "dashscope": Grammar(read_dashscope_so_far, deny_chat, stops={"tool_calls": "stop"}),
    "dashscope-incremental": Grammar(read_dashscope, deny_chat, stops={"tool_calls": "stop"}),
    "openai-responses": Grammar(read_responses, deny_responses, echo_responses),
    "openai-assistants": Grammar(read_assistants, deny_assistants),
    "gemini": Grammar(
        read_gemini,
        deny_gemini,
        echo_conversation,
        given_gemini,
        give_gemini,
        stops={"requires_action": "completed"},
    ),
    "bedrock": Grammar(
        read_bedrock, deny_bedrock, stops={"tool_use": "end_turn", "tool_calls": "stop"}
    ),
    "cohere": Grammar(read_cohere, deny_cohere, echo_cohere, stops={"TOOL_CALL": "COMPLETE"}),
    "ollama": Grammar(read_ollama, deny_chat),
}

TEXTS: Final = Grammar(read_texts, deny_nothing)
"""The grammar for messages whose payload is their texts."""


def of(dialect: Dialect) -> Grammar:
    """Return the grammar of a dialect."""
    return GRAMMARS.get(dialect.name) or Grammar(partial(read_tabled, dialect), deny_nothing)
