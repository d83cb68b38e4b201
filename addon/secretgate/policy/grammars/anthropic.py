"""Anthropic: indexed blocks, tool arguments as JSON deltas."""

from __future__ import annotations

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


def read_anthropic(event: Event, kind: str) -> Reading:
    reading = Reading()
    if kind == "content_block_start":
        block, key = as_dict(event.get("content_block")), (event.get("index"),)
        if block.get("type") == "text":
            reading.signs.append(Sign(key, TEXT, block, "text"))
        elif block.get("type") == "tool_use":
            reading.signs.append(Sign(key, TOOL, None, "", str(block.get("name") or "")))
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
    elif isinstance(event.get("content"), list):
        for at, block in items(event["content"]):
            if block.get("type") == "text" and says(block, "text"):
                reading.signs.append(Sign((at,), TEXT, block, "text"))
            elif block.get("type") == "tool_use" and "input" in block:
                reading.signs.append(
                    Sign((at,), TOOL, block, "input", str(block.get("name") or ""), block)
                )
        reading.everything = True
        note_stop(reading, event, "stop_reason")
    return reading


def deny_anthropic(block: Block, message: str) -> None:
    if block.pieces and block.pieces[0].sign.holder is not None:
        piece = block.pieces[0]
        piece.sign.holder.clear()
        piece.sign.holder.update({"type": "text", "text": message})
        piece.entry.changed = True
        return
    opener, deltas = block.entries[0], [piece.entry for piece in block.pieces]
    opener.event["content_block"] = {"type": "text", "text": "" if deltas else message}
    opener.changed = True
    for entry in deltas[:1]:
        entry.event["delta"] = {"type": "text_delta", "text": message}
        entry.changed = True
    drop(deltas[1:])
