"""Mistral's conversations, and Gemini's interactions: outputs of several kinds, whole or in pieces."""

from __future__ import annotations

from typing import Any, Final

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

_ENDS: Final = frozenset(
    ("conversation.response.done", "conversation.response.error", "interaction.complete")
)
_TEXTS: Final = ("message.output", "text")
_CALLS: Final = ("function.call", "function_call")
_DELTAS: Final = ("function.call.delta", "content.delta")


def read_conversation(event: Event, kind: str) -> Reading | None:
    """Return what an event of these formats says, or None for other events."""
    if isinstance(event.get("outputs"), list):
        reading = Reading(everything=True)
        for at, output in items(event["outputs"]):
            _output(reading, at, output, str(output.get("type")))
        return reading
    reading = Reading(everything=kind in _ENDS)
    if kind in ("message.output.delta", "function.call.delta"):
        _output(reading, event.get("output_index"), event, kind.removesuffix(".delta"))
    elif kind == "content.delta":
        delta = as_dict(event.get("delta"))
        _output(reading, event.get("index"), delta, str(delta.get("type")))
    elif kind == "content.stop":
        reading.closed.append((event.get("index"),))
    elif not reading.everything:
        return None
    return reading


def _output(reading: Reading, at: Any, output: Event, kind: str) -> None:
    member = "text" if kind == "text" else "content"
    if kind in _CALLS and "arguments" in output:
        name = str(output.get("name") or "")
        reading.signs.append(Sign((at, TOOL), TOOL, output, "arguments", name, output))
    elif kind in _TEXTS and says(output, member):
        reading.signs.append(Sign((at, TEXT), TEXT, output, member))
    elif kind == "message.output":
        chunks = [*items(output.get("content")), (0, as_dict(output.get("content")))]
        for number, chunk in chunks:
            if says(chunk, "text"):
                reading.signs.append(Sign((at, TEXT, number), TEXT, chunk, "text"))


def is_of_conversation(block: Block) -> bool:
    """Return whether it is a call of these formats: items of the Responses API have the same type."""
    entry, sign = block.signs[0]
    ours = isinstance(entry.event.get("outputs"), list) or entry.event.get("type") in _DELTAS
    return ours and isinstance(sign.holder, dict)


def deny_conversation(block: Block, message: str) -> None:
    (entry, sign), *more = block.signs
    output = sign.holder
    said = {"type": "text", "text": message}
    if "." in str(output.get("type")):
        kind = str(output["type"]).replace("function.call", "message.output")
        kept = {name: output[name] for name in ("object", "id", "output_index") if name in output}
        said = {**kept, "type": kind, "role": "assistant", "content": message}
    output.clear()
    output.update(said)
    entry.changed = True
    if output is entry.event:
        entry.instead = [(str(said["type"]), output)]
    drop(each for each, _ in more if each is not entry)
