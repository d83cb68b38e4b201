"""Bedrock: Converse events, Anthropic's, and the chat completions of other vendors."""

from __future__ import annotations

from secretgate.policy.grammars.anthropic import deny_anthropic, read_anthropic
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
from secretgate.policy.grammars.chat import deny_chat, read_chat


def read_bedrock(event: Event, kind: str) -> Reading:
    reading = Reading()
    at = event.get("contentBlockIndex")
    if kind == "contentBlockStart":
        tool = as_dict(as_dict(event.get("start")).get("toolUse"))
        if tool:
            reading.signs.append(Sign((at,), TOOL, None, "", str(tool.get("name") or "")))
    elif kind == "contentBlockDelta":
        delta = as_dict(event.get("delta"))
        tool = as_dict(delta.get("toolUse"))
        if says(delta, "text"):
            reading.signs.append(Sign((at,), TEXT, delta, "text"))
        elif says(tool, "input"):
            reading.signs.append(Sign((at,), TOOL, tool, "input"))
    elif kind == "contentBlockStop":
        reading.closed.append((at,))
    elif kind == "messageStop":
        reading.everything = True
        note_stop(reading, event, "stopReason")
    elif "message" in as_dict(event.get("output")):
        for number, block in items(as_dict(event["output"]["message"]).get("content")):
            tool = as_dict(block.get("toolUse"))
            if says(block, "text"):
                reading.signs.append(Sign((number,), TEXT, block, "text"))
            elif "input" in tool:
                reading.signs.append(
                    Sign((number,), TOOL, tool, "input", str(tool.get("name") or ""), block)
                )
        reading.everything = True
        note_stop(reading, event, "stopReason")
    elif "choices" in event:
        return read_chat(event, kind)
    else:
        return read_anthropic(event, kind)
    return reading


def deny_bedrock(block: Block, message: str) -> None:
    entry, sign = block.signs[0]
    if "choices" in entry.event:
        deny_chat(block, message)
    elif isinstance(sign.holder, dict) and "toolUse" in sign.holder:
        sign.holder.clear()
        sign.holder["text"] = message
        entry.changed = True
    elif not entry.kind.startswith("contentBlock"):
        deny_anthropic(block, message)
    elif deltas := [piece.entry for piece in block.pieces]:
        deltas[0].event["delta"] = {"text": message}
        deltas[0].changed = True
        drop(each for each in block.entries if each is not deltas[0])
    else:
        entry.event["start"] = {}
        entry.changed = True
