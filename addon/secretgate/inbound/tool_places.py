"""Identifies tool arguments in answers, for rules that restore values in tool calls only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_MEMBERS: Final = frozenset(
    (
        *("input", "arguments", "parameters", "args", "partial_json", "partialArgs", "custom"),
        *("tool_calls", "tool_call_delta", "toolUse", "functionCall", "functionCalls"),
        *("function_call", "action", "operation"),
    )
)
_EVENTS: Final = re.compile("_call|tool-(?:call|input)")
"""Parts of the names of events with tool input: `response.function_call_arguments.delta`."""


def in_tool(kind: str, path: Iterable[str | int]) -> bool:
    """Whether the string at a path of an event of this kind belongs to a tool call's arguments."""
    return _EVENTS.search(kind) is not None or any(step in _MEMBERS for step in path)
