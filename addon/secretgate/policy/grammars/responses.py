"""OpenAI Responses: items are announced, streamed in pieces and then repeated whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
    says,
)
from secretgate.policy.grammars.conversations import (
    deny_conversation,
    is_of_conversation,
    read_conversation,
)
from secretgate.policy.grammars.sessions import deny_session, is_of_session, read_session

_ITEM_PIECES: Final = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "mcp_approval_request": "arguments",
    "local_shell_call": "action",
    "shell_call": "action",
    "computer_call": "action",
    "apply_patch_call": "operation",
}
"""Where the items of tools that the client runs have their arguments."""
_TEXTS: Final = (
    *("response.output_text", "response.text", "response.refusal"),
    *("response.output_audio_transcript", "response.audio_transcript"),
    "agent.session.turn.output_text",
)
_TEXT_DELTAS: Final = frozenset(f"{name}.delta" for name in _TEXTS)
_TEXT_ENDS: Final = frozenset(f"{name}.done" for name in _TEXTS)
_OBJECTS: Final = frozenset(("action", "operation"))
_OBJECT_PIECES: Final = (
    "response.shell_call_command.",
    "response.apply_patch_call_operation_diff.",
)
"""Prefixes of events with parts of arguments that are judged once they are whole."""
_ITEM_DELTAS: Final = (
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
)

_ITEM_REPEATS: Final = tuple(name.replace(".delta", ".done") for name in _ITEM_DELTAS)


def read_responses(event: Event, kind: str) -> Reading:
    if (conversation := read_conversation(event, kind)) is not None:
        return conversation
    if (session := read_session(event, kind)) is not None:
        return session
    reading = Reading()
    at = event.get("output_index")
    if kind in _TEXT_DELTAS:
        reading.signs.append(Sign((at, TEXT, event.get("content_index")), TEXT, event, "delta"))
    elif kind in _TEXT_ENDS:
        reading.closed.append((at, TEXT, event.get("content_index")))
    elif kind in _ITEM_DELTAS:
        reading.signs.append(Sign((at, TOOL), TOOL, event, "delta"))
    elif kind == "response.output_item.added":
        item = as_dict(event.get("item"))
        if str(item.get("type")) in _ITEM_PIECES:
            reading.signs.append(Sign((at, TOOL), TOOL, name=_tool(item)))
    elif kind in _ITEM_REPEATS or kind.startswith(_OBJECT_PIECES):
        reading.signs.append(Sign((at, TOOL), TOOL))
    elif kind == "response.output_item.done":
        item = as_dict(event.get("item"))
        member = _ITEM_PIECES.get(str(item.get("type")))
        if member:
            box = item if member in _OBJECTS and member in item else None
            reading.signs.append(Sign((at, TOOL), TOOL, box, member, _tool(item)))
        reading.closed.append((at,))
    elif kind in ("response.completed", "response.incomplete", "response.failed", "response.done"):
        reading.everything = True
        reading.reason = str(as_dict(event.get("response")).get("status") or "")
    elif not kind.startswith("response.") and isinstance(event.get("output"), list):
        _output(reading, event)
        reading.everything = True
        reading.reason = str(event.get("status") or "")
    return reading


def _tool(item: Event) -> str:
    """Return the name of the tool that an item calls; a built-in one has none but its type."""
    name = str(item.get("name") or "")
    if name or item.get("type") in ("function_call", "custom_tool_call", "mcp_approval_request"):
        return name
    return str(item.get("type")).removesuffix("_call")


def _output(reading: Reading, response: Event) -> None:
    for at, item in items(response.get("output")):
        member = _ITEM_PIECES.get(str(item.get("type")))
        if member and member in item:
            reading.signs.append(Sign((at, TOOL), TOOL, item, member, _tool(item), item))
        for number, part in items(item.get("content")):
            if item.get("type") == "message" and says(part, "text"):
                reading.signs.append(Sign((at, TEXT, number), TEXT, part, "text"))


def message_item(identity: str, message: str, status: str = "completed") -> Event:
    """Return a message item that replaces a tool call."""
    part = {"type": "output_text", "text": message, "annotations": []}
    content = [part] if message else []
    return {
        "id": identity,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _become_message(item: Event, message: str) -> None:
    said = message_item(str(item.get("id") or ""), message)
    item.clear()
    item.update(said)


def deny_responses(block: Block, message: str) -> None:
    if is_of_conversation(block):
        deny_conversation(block, message)
        return
    if is_of_session(block):
        deny_session(block, message)
        return
    if block.pieces and block.pieces[0].sign.holder is not None:
        piece = block.pieces[0]
        _become_message(piece.sign.holder, message)
        piece.entry.changed = True
        return
    opener = block.entries[0]
    item = as_dict(opener.event.get("item"))
    at = opener.event.get("output_index")
    identity = str(item.get("id") or "")
    part = {"type": "output_text", "text": "", "annotations": []}
    whole = {**part, "text": message}
    lane = {name: opener.event[name] for name in ("stream_id",) if name in opener.event}
    place = {"item_id": identity, "output_index": at, "content_index": 0, **lane}
    added = {**opener.event, "item": message_item(identity, "", "in_progress")}
    said: list[Event] = [
        added,
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": message, "logprobs": []},
        {"type": "response.output_text.done", **place, "text": message, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": whole},
    ]
    opener.instead = [(str(each.get("type")), each) for each in said]
    opener.changed = True
    for entry in block.entries[1:]:
        if entry.kind == "response.output_item.done":
            entry.event["item"] = message_item(identity, message)
            entry.changed = True
        else:
            drop((entry,))


def echo_responses(event: Event, denied: Mapping[str, str]) -> bool:
    found = False
    for _, item in items(as_dict(event.get("response")).get("output")):
        identity = str(item.get("id") or "")
        if str(item.get("type")) in _ITEM_PIECES and identity in denied:
            _become_message(item, denied[identity])
            found = True
    return found
