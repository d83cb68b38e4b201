"""Where in an answer tool arguments stand, for rules that put values back into tool calls alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MEMBERS: Final = frozenset(
    (
        *("input", "arguments", "parameters", "args", "partial_json", "partialArgs", "custom"),
        *("tool_calls", "tool_call_delta", "toolUse", "functionCall", "functionCalls"),
        *("function_call", "action", "operation"),
    )
)
_EVENTS: Final = "_call"
"""In the name of an event whose pieces are a tool's: `response.function_call_arguments.delta`."""


def in_tool(kind: str, path: Iterable[str | int]) -> bool:
    """Whether the string at a path of such an event is an argument of a tool call, or a part of one."""
    return _EVENTS in kind or any(step in _MEMBERS for step in path)
