"""Cohere: one event kind per step in v2; complete calls in v1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secretgate.policy.grammars.base import (
    TEXT,
    TOOL,
    Block,
    Event,
    Reading,
    Sign,
    as_dict,
    drop,
    items,
    note_stop,
    says,
)
from secretgate.policy.grammars.chat import tool_calls_of


def read_cohere(event: Event, kind: str) -> Reading:
    reading = Reading()
    kind = kind or str(event.get("event_type") or "")
    at = event.get("index")
    message = as_dict(as_dict(event.get("delta")).get("message"))
    if kind in ("content-start", "content-delta"):
        content = as_dict(message.get("content"))
        if says(content, "text"):
            reading.signs.append(Sign((at, TEXT), TEXT, content, "text"))
    elif kind == "content-end":
        reading.closed.append((at, TEXT))
    elif kind in ("tool-call-start", "tool-call-delta"):
        function = as_dict(as_dict(message.get("tool_calls")).get("function"))
        box = function if says(function, "arguments") else None
        reading.signs.append(
            Sign((at, TOOL), TOOL, box, "arguments", str(function.get("name") or ""))
        )
    elif kind == "tool-call-end":
        reading.signs.append(Sign((at, TOOL), TOOL))
        reading.closed.append((at, TOOL))
    elif kind == "message-end":
        reading.everything = True
        note_stop(reading, as_dict(event.get("delta")), "finish_reason")
    elif kind == "text-generation":
        reading.signs.append(Sign((TEXT,), TEXT, event, "text"))
    elif kind == "tool-calls-generation":
        _first_calls(reading, event)
    elif kind == "stream-end":
        reading.everything = True
        note_stop(reading, event, "finish_reason")
    elif isinstance(event.get("message"), dict):
        said = event["message"]
        for number, part in items(said.get("content")):
            if says(part, "text"):
                reading.signs.append(Sign((number, TEXT), TEXT, part, "text"))
        reading.signs += [
            sign._replace(holder=(said, sign.holder[1])) for sign in tool_calls_of(0, said)
        ]
        reading.everything = True
        note_stop(reading, event, "finish_reason")
    elif says(event, "text") and "generation_id" in event:
        reading.signs.append(Sign((TEXT,), TEXT, event, "text"))
        _first_calls(reading, event)
        reading.everything = True
    return reading


def _first_calls(reading: Reading, event: Event) -> None:
    """Add the tool calls of a v1 event, in which calls are complete."""
    for number, call in items(event.get("tool_calls")):
        name = str(call.get("name") or "")
        reading.signs.append(Sign((TOOL, number), TOOL, call, "parameters", name, (event, call)))


def deny_cohere(block: Block, message: str) -> None:
    holder = next((piece.sign.holder for piece in block.pieces), None)
    if holder is not None:
        said, call = holder
        said["tool_calls"] = [each for each in said.get("tool_calls", ()) if each is not call]
        if "parameters" in call:
            said["text"] = message
        elif isinstance(said.get("content"), list):
            said["content"].append({"type": "text", "text": message})
        else:
            said["content"] = [{"type": "text", "text": message}]
        if not said["tool_calls"]:
            del said["tool_calls"]
        block.pieces[0].entry.changed = True
        return
    opener = block.entries[0]
    index = opener.event.get("index")

    def part(kind: str, **content: Any) -> tuple[str, Event]:
        delta = {"delta": {"message": {"content": content}}} if content else {}
        return kind, {"type": kind, "index": index, **delta}

    opener.instead = [
        part("content-start", type="text", text=""),
        part("content-delta", text=message),
        part("content-end"),
    ]
    opener.changed = True
    drop(block.entries[1:])


def echo_cohere(event: Event, denied: Mapping[str, str]) -> bool:
    response = as_dict(event.get("response"))
    if not denied or "tool_calls" not in response:
        return False
    del response["tool_calls"]
    return True
