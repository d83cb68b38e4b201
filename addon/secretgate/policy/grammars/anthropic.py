"""Anthropic: indexed blocks, tool arguments as JSON deltas; sessions of agents send whole events."""

from __future__ import annotations

from typing import Final

from secretgate.policy.grammars.base import (
    TEXT,
    TOOL,
    Block,
    Event,
    Piece,
    Reading,
    Sign,
    as_dict,
    drop,
    items,
    note_stop,
    says,
)

_CUSTOM: Final = "agent.custom_tool_use"
"""An agent's call of a tool that the client runs."""


def read_anthropic(event: Event, kind: str) -> Reading:
    reading = Reading()
    if kind == "content_block_start":
        block, key = as_dict(event.get("content_block")), (event.get("index"),)
        if block.get("type") == "text":
            reading.signs.append(Sign(key, TEXT, block, "text"))
        elif block.get("type") == "tool_use":
            # Compatible services send all arguments at once here.
            box = block if block.get("input") else None
            reading.signs.append(Sign(key, TOOL, box, "input", str(block.get("name") or "")))
    elif kind == "content_block_delta":
        delta, key = as_dict(event.get("delta")), (event.get("index"),)
        if says(delta, "text"):
            reading.signs.append(Sign(key, TEXT, delta, "text"))
        elif says(delta, "partial_json"):
            reading.signs.append(Sign(key, TOOL, delta, "partial_json"))
    elif kind == "content_block_stop":
        reading.closed.append((event.get("index"),))
    elif kind == "message_delta":
        reading.everything = True
        note_stop(reading, as_dict(event.get("delta")), "stop_reason")
    elif kind == "message_stop":
        reading.everything = True
    elif kind == _CUSTOM or isinstance(event.get("content"), list):
        _message(reading, event)
        reading.everything = True
        note_stop(reading, event, "stop_reason")
    elif not kind and isinstance(event.get("data"), list):
        for number, each in items(event["data"]):
            _message(reading, each, number)
        reading.everything = True
    return reading


def _message(reading: Reading, said: Event, number: int = 0) -> None:
    """Read a whole message, or an event of a session."""
    blocks = [said] if said.get("type") == _CUSTOM else said.get("content")
    for at, block in items(blocks):
        kind, key = block.get("type"), (number, at)
        if kind == "text" and says(block, "text"):
            reading.signs.append(Sign(key, TEXT, block, "text"))
        elif kind in ("tool_use", _CUSTOM) and "input" in block:
            name = str(block.get("name") or "")
            reading.signs.append(Sign(key, TOOL, block, "input", name, block))


def deny_anthropic(block: Block, message: str) -> None:
    if block.pieces and block.pieces[0].sign.holder is not None:
        piece = block.pieces[0]
        _become_text(piece, message)
        return
    opener, *_ = block.entries
    deltas = [piece.entry for piece in block.pieces if piece.entry is not opener]
    opener.event["content_block"] = {"type": "text", "text": "" if deltas else message}
    opener.changed = True
    for entry in deltas[:1]:
        entry.event["delta"] = {"type": "text_delta", "text": message}
        entry.changed = True
    drop(deltas[1:])


def _become_text(piece: Piece, message: str) -> None:
    """Replace a whole call by a text, or by an agent's message if it is an event."""
    entry, called = piece.entry, piece.sign.holder
    said: Event = {"type": "text", "text": message}
    if called.get("type") == _CUSTOM:
        kept = ("id", "processed_at", "session_thread_id")
        about = {name: called[name] for name in kept if name in called}
        said = {**about, "type": "agent.message", "content": [said]}
    called.clear()
    called.update(said)
    entry.changed = True
    if called is entry.event:
        entry.instead = [(str(said["type"]), called)]
