"""OpenAI Chat Completions and compatible APIs: choices with a message, or with deltas of one.

Streamed transcripts of audio have events of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secretgate.policy.grammars.base import (
    TEXT,
    TOOL,
    Block,
    Event,
    Reading,
    Sign,
    as_dict,
    items,
    note_stop,
    says,
)


def read_chat(event: Event, kind: str) -> Reading:
    if kind == "transcript.text.delta":
        return Reading([Sign((kind, TEXT), TEXT, event, "delta")])
    if kind == "transcript.text.done":
        return Reading(everything=True)
    return _choices(event)


def read_dashscope(event: Event, kind: str) -> Reading:
    return _choices(as_dict(event.get("output")))


def read_dashscope_so_far(event: Event, kind: str) -> Reading:
    """Read DashScope without `incremental_output`, where every event repeats the text so far."""
    reading = read_dashscope(event, kind)
    reading.signs = [
        sign._replace(box=None, so_far=(sign.box, sign.member)) if sign.box else sign
        for sign in reading.signs
    ]
    return reading


def _choices(event: Event) -> Reading:
    reading = Reading()
    for at, choice in items(event.get("choices")):
        index = choice.get("index", at)
        streamed = "delta" in choice
        said = as_dict(choice["delta"] if streamed else choice.get("message"))
        if says(choice, "text"):
            reading.signs.append(Sign((index, TEXT), TEXT, choice, "text"))
        again = as_dict(choice.get("message")) if streamed else {}
        so_far = (again, "content") if says(again, "content") else None
        if says(said, "content") and (said["content"] or so_far):
            sign = Sign((index, TEXT), TEXT, said, "content", so_far=so_far)
            reading.signs.append(sign)
        for number, part in items(said.get("content")):
            if says(part, "text"):
                reading.signs.append(Sign((index, TEXT, number), TEXT, part, "text"))
        reading.signs += tool_calls_of(index, said)
        if choice.get("finish_reason") not in (None, "", "null"):
            reading.closed.append((index,))
            note_stop(reading, choice, "finish_reason")
    return reading


def tool_calls_of(index: Any, said: Event) -> Iterator[Sign]:
    for number, call in items(said.get("tool_calls")):
        key = (index, TOOL, call.get("index", number))
        function, custom = as_dict(call.get("function")), as_dict(call.get("custom"))
        inner, member = (custom, "input") if custom else (function, "arguments")
        name, box = str(inner.get("name") or ""), inner if member in inner else None
        yield Sign(key, TOOL, box, member, name, (said, call))
    function = as_dict(said.get("function_call"))
    if function:
        name, box = str(function.get("name") or ""), function if "arguments" in function else None
        yield Sign((index, TOOL, "function_call"), TOOL, box, "arguments", name, (said, None))


def deny_chat(block: Block, message: str) -> None:
    for number, (entry, sign) in enumerate(block.signs):
        said, call = sign.holder
        left = [each for each in said.pop("tool_calls", ()) if each is not call]
        if left:
            said["tool_calls"] = left
        if call is None:
            said.pop("function_call", None)
        if not number:
            before = said.get("content")
            said["content"] = f"{before}\n{message}" if before else message
        entry.changed = True
