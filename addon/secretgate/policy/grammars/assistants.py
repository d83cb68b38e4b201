"""OpenAI Assistants: a run that calls tools stops, and names its calls in `required_action`.

A run waits for the outputs of all its calls, so none can be left out: if one is denied, the client is
told that the run has failed, and why.
"""

from __future__ import annotations

from typing import Final

from secretgate.policy.grammars.base import (
    TEXT,
    TOOL,
    Block,
    Entry,
    Event,
    Reading,
    Sign,
    as_dict,
    drop,
    items,
    says,
)

_MESSAGE_ENDS: Final = frozenset(("thread.message.completed", "thread.message.incomplete"))
_ACTION: Final = "thread.run.requires_action"


def read_assistants(event: Event, kind: str) -> Reading:
    delta = as_dict(event.get("delta"))
    if kind == "thread.message.delta":
        return Reading(_texts(delta, event.get("id")))
    if kind == "thread.run.step.delta":
        return Reading(_pieces(as_dict(delta.get("step_details"))))
    if kind in _MESSAGE_ENDS:
        return Reading(closed=[(event.get("id"), TEXT)])
    if kind == _ACTION:
        return Reading(_calls(event), everything=True)
    if kind:
        return Reading()
    reading = Reading(everything=True)
    for at, each in [(0, event), *items(event.get("data"))]:
        reading.signs += [*_texts(each, each.get("id")), *_calls(each, at)]
    return reading


def _texts(said: Event, identity: object) -> list[Sign]:
    return [
        Sign((identity, TEXT, part.get("index", at)), TEXT, as_dict(part["text"]), "value")
        for at, part in items(said.get("content"))
        if says(as_dict(part.get("text")), "value")
    ]


def _pieces(details: Event) -> list[Sign]:
    signs = []
    for at, call in items(details.get("tool_calls")):
        function = as_dict(call.get("function"))
        box = function if says(function, "arguments") else None
        key = (TOOL, 0, call.get("index", at))
        if function:
            signs.append(Sign(key, TOOL, box, "arguments", str(function.get("name") or "")))
    return signs


def _calls(run: Event, at: int = 0) -> list[Sign]:
    """Return the calls that a run waits for; they repeat what its steps have said in pieces."""
    action = as_dict(as_dict(run.get("required_action")).get("submit_tool_outputs"))
    signs = []
    for number, call in items(action.get("tool_calls")):
        function = as_dict(call.get("function"))
        so_far = (function, "arguments") if says(function, "arguments") else None
        name = str(function.get("name") or "")
        signs.append(Sign((TOOL, at, number), TOOL, None, "", name, run, so_far))
    return signs


def deny_assistants(block: Block, message: str) -> None:
    for entry, sign in block.signs:
        if sign.holder is None:
            drop((entry,))
        else:
            _fail(entry, sign.holder, message)


def _fail(entry: Entry, run: Event, message: str) -> None:
    run["status"], run["required_action"] = "failed", None
    run["last_error"] = {"code": "server_error", "message": message}
    entry.changed = True
    if entry.kind == _ACTION:
        entry.instead = [("thread.run.failed", run)]
