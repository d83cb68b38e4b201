"""Gemini: parts of candidates; a call is either complete or in pieces, each with a JSON path."""

from __future__ import annotations

from typing import Any

from secretgate.policy.grammars.base import (
    TEXT,
    TOOL,
    Block,
    Event,
    Key,
    Reading,
    Sign,
    as_dict,
    give_plain,
    given_plain,
    items,
    note_stop,
    says,
)
from secretgate.policy.grammars.conversations import (
    deny_conversation,
    is_of_conversation,
    read_conversation,
)


def read_gemini(event: Event, kind: str) -> Reading:
    if (conversation := read_conversation(event, kind)) is not None:
        return conversation
    reading = Reading()
    inner = as_dict(event.get("response")) or event
    for at, candidate in items(inner.get("candidates")):
        index = candidate.get("index", at)
        _parts(reading, index, as_dict(candidate.get("content")))
        if candidate.get("finishReason"):
            reading.closed.append((index,))
            note_stop(reading, candidate, "finishReason")
    server = as_dict(inner.get("serverContent"))
    _parts(reading, "live", as_dict(server.get("modelTurn")))
    if server.get("turnComplete") or server.get("generationComplete"):
        reading.closed.append(("live",))
    calls = as_dict(inner.get("toolCall"))
    for number, call in items(calls.get("functionCalls")):
        key = ("live", TOOL, id(call), number)
        reading.signs.append(
            Sign(key, TOOL, call, "args", str(call.get("name") or ""), (inner, calls, call))
        )
        reading.closed.append(("live",))
    return reading


def _parts(reading: Reading, index: Any, content: Event) -> None:
    for number, part in items(content.get("parts")):
        if says(part, "text") and part.get("thought") is not True:
            reading.signs.append(Sign((index, TEXT), TEXT, part, "text"))
        call = part.get("functionCall")
        if not isinstance(call, dict):
            continue
        name = str(call.get("name") or "")
        if call.get("args") is None and (not name or "willContinue" in call):
            key: Key = (index, TOOL, "in pieces")
            box = call if "partialArgs" in call else None
            reading.signs.append(Sign(key, TOOL, box, "partialArgs", name, part))
            reading.closed += [] if call.get("willContinue") else [key]
        else:
            call.setdefault("args", {})
            key = (index, TOOL, id(part), number)
            reading.signs.append(Sign(key, TOOL, call, "args", name, part))


def deny_gemini(block: Block, message: str) -> None:
    if is_of_conversation(block):
        deny_conversation(block, message)
        return
    for number, (entry, sign) in enumerate(block.signs):
        if isinstance(sign.holder, tuple):
            inner, calls, called = sign.holder
            left = [each for each in calls["functionCalls"] if each is not called]
            calls["functionCalls"] = left
            if not left:
                inner.pop("toolCall")
                turn = {"role": "model", "parts": [{"text": message}]}
                inner["serverContent"] = {"modelTurn": turn, "turnComplete": True}
        else:
            sign.holder.clear()
            sign.holder["text"] = "" if number else message
        entry.changed = True


def given_gemini(block: Block) -> Any:
    """Return a call's arguments; those of a call in pieces are merged by JSON path."""
    if block.pieces[0].sign.member != "partialArgs":
        return given_plain(block)
    given: dict[str, Any] = {}
    for _, sign in block.pieces:
        for _, piece in items(sign.box["partialArgs"] if sign.box else ()):
            path = str(piece.get("jsonPath") or "").removeprefix("$").lstrip(".")
            values = [value for name, value in piece.items() if name.endswith("Value")]
            value = values[0] if values else None
            if isinstance(value, str) and isinstance(given.get(path), str):
                value = given[path] + value
            given[path] = value
    return given


def give_gemini(block: Block, given: Any) -> None:
    """Set the arguments; a call that came in pieces is replaced by a complete one."""
    if block.pieces[0].sign.member != "partialArgs":
        give_plain(block, given)
        return
    for number, (entry, sign) in enumerate(block.signs):
        sign.holder.pop("functionCall")
        if number:
            sign.holder["text"] = ""
        else:
            sign.holder["functionCall"] = {"name": block.name, "args": given}
        entry.changed = True
