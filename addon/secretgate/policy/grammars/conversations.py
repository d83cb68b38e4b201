"""Mistral's conversations, and Gemini's interactions: outputs of several kinds, whole or in pieces.

Interactions name their outputs steps; those of the first versions named them outputs, too.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    note_stop,
    says,
)

_ENDS: Final = frozenset(
    (
        *("conversation.response.done", "conversation.response.error"),
        *("interaction.complete", "interaction.completed"),
    )
)
_TEXTS: Final = ("message.output", "text")
_CALLS: Final = ("function.call", "function_call")
_DELTAS: Final = ("function.call.delta", "content.delta", "step.start", "step.delta")


def read_conversation(event: Event, kind: str) -> Reading | None:
    """Return what an event of these formats says, or None for other events."""
    if isinstance(event.get("outputs"), list):
        reading = Reading(everything=True)
        for at, output in items(event["outputs"]):
            _output(reading, at, output, str(output.get("type")))
        return reading
    if isinstance(event.get("steps"), list):
        reading = Reading(everything=True)
        for at, step in items(event["steps"]):
            _step(reading, at, step)
        note_stop(reading, event, "status")
        return reading
    reading = Reading(everything=kind in _ENDS)
    if kind in ("message.output.delta", "function.call.delta"):
        _output(reading, event.get("output_index"), event, kind.removesuffix(".delta"))
    elif kind == "content.delta":
        delta = as_dict(event.get("delta"))
        _output(reading, event.get("index"), delta, str(delta.get("type")))
    elif kind == "step.start":
        _step(reading, event.get("index"), as_dict(event.get("step")), begun=True)
    elif kind == "step.delta":
        _piece(reading, event.get("index"), as_dict(event.get("delta")))
    elif kind == "interaction.status_update":
        note_stop(reading, event, "status")
    elif kind in ("content.stop", "step.stop"):
        reading.closed.append((event.get("index"),))
    elif not reading.everything:
        return None
    else:
        note_stop(reading, as_dict(event.get("interaction")), "status")
    return reading


def _step(reading: Reading, at: Any, step: Event, begun: bool = False) -> None:
    """Read a step; of one that has only `begun`, arguments and texts may follow in pieces."""
    if step.get("type") in _CALLS:
        box = step if step.get("arguments") or not begun else None
        name = str(step.get("name") or "")
        reading.signs.append(Sign((at, TOOL), TOOL, box, "arguments", name, step))
    elif step.get("type") == "model_output":
        for number, part in items(step.get("content")):
            if says(part, "text"):
                reading.signs.append(Sign((at, TEXT, number), TEXT, part, "text"))


def _piece(reading: Reading, at: Any, delta: Event) -> None:
    if delta.get("type") == "text" and says(delta, "text"):
        reading.signs.append(Sign((at, TEXT), TEXT, delta, "text"))
    elif delta.get("type") == "arguments_delta" and "arguments" in delta:
        reading.signs.append(Sign((at, TOOL), TOOL, delta, "arguments", holder=delta))


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
    whole = any(isinstance(entry.event.get(name), list) for name in ("outputs", "steps"))
    return (whole or entry.kind in _DELTAS) and isinstance(sign.holder, dict)


def deny_conversation(block: Block, message: str) -> None:
    (entry, sign), *more = block.signs
    output = sign.holder
    said: Event = {"type": "text", "text": message}
    if entry.kind == "step.start":
        begun = {**entry.event, "step": {"type": "model_output", "content": []}}
        piece = {"event_type": "step.delta", "index": entry.event.get("index"), "delta": said}
        entry.instead = [(entry.kind, begun), ("step.delta", piece)]
        entry.changed = True
        drop(each for each, _ in more)
        return
    if "steps" in entry.event:
        said = {"type": "model_output", "content": [said]}
    elif "." in str(output.get("type")):
        kind = str(output["type"]).replace("function.call", "message.output")
        kept = {name: output[name] for name in ("object", "id", "output_index") if name in output}
        said = {**kept, "type": kind, "role": "assistant", "content": message}
    output.clear()
    output.update(said)
    entry.changed = True
    if output is entry.event:
        entry.instead = [(str(said["type"]), output)]
    drop(each for each, _ in more if each is not entry)


def echo_conversation(event: Event, denied: Mapping[str, str]) -> bool:
    found = False
    for _, step in items(as_dict(event.get("interaction")).get("steps")):
        identity = str(step.get("id") or "")
        if step.get("type") in _CALLS and identity in denied:
            text = {"type": "text", "text": denied[identity]}
            step.clear()
            step.update({"type": "model_output", "content": [text]})
            found = True
    return found
