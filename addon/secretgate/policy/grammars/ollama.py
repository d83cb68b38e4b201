"""Ollama: each line has a piece of a message; calls are complete."""

from __future__ import annotations

from secretgate.policy.grammars.base import TEXT, TOOL, Event, Reading, Sign, as_dict, items, says


def read_ollama(event: Event, kind: str) -> Reading:
    reading = Reading()
    said = as_dict(event.get("message"))
    if says(said, "content") and said["content"]:
        reading.signs.append(Sign((TEXT,), TEXT, said, "content"))
    if says(event, "response") and event["response"]:
        reading.signs.append(Sign((TEXT,), TEXT, event, "response"))
    for number, call in items(said.get("tool_calls")):
        function = as_dict(call.get("function"))
        key = (TOOL, id(call), number)
        function.setdefault("arguments", {})
        reading.signs.append(
            Sign(key, TOOL, function, "arguments", str(function.get("name") or ""), (said, call))
        )
    if event.get("done") is True:
        reading.everything = True
        reading.reason = str(event.get("done_reason") or "")
    return reading
