"""Extra events: what is still held back of a text is sent before the event that ends the text.

An extra event is a copy of the last one that carried a piece of the text, reduced to the piece and
the members that identify it. If events are numbered, later ones are renumbered.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from secretgate import tolerant
from secretgate.bodies.base import Edit, splice
from secretgate.bodies.steps import Steps

NUMBER: Final = "sequence_number"
_NUMBERED = re.compile(rb'("sequence_number"[ \t\r\n]*:[ \t\r\n]*)([0-9]+)')
# Scalars that an extra event keeps below its top level: those that identify the text and its kind.
_KEPT = ("type", "role", "index", "thought")
# Kept there as an empty string: Mistral's SDK rejects a piece of a call without a name, and others
# append the names of the pieces to each other.
_EMPTIED = ("name",)
_NEVER_KEPT = ("obfuscation", "usage")
_MARK = "\0held\0"
_SPELLED_MARK = msgspec.json.encode(_MARK)


def extra(
    event: dict[str, Any], path: Steps, held: bytes, number: int | None, member: str = ""
) -> bytes:
    """Return the payload of an event like `event` whose only content is `held`, still encoded.

    `member`: which member holds the event that has the text, if that is wrapped in `event`.
    """
    value = inner = _skeleton(event, path)
    if member:
        inner = value[member] = _skeleton(event[member], path[1:])
    if number is not None:
        inner[NUMBER] = number
    return tolerant.encode(value).replace(_SPELLED_MARK, b'"' + held + b'"', 1)


def number_of(event: dict[str, Any] | None) -> int | None:
    number = event.get(NUMBER) if event is not None else None
    return number if isinstance(number, int) else None


def renumbered(payload: bytes, number: int | None, shift: int) -> bytes:
    """Return a payload with its sequence number increased by `shift`."""
    if number is None:
        return payload
    for match in _NUMBERED.finditer(payload):
        if int(match[2]) == number:
            edit = Edit(match.start(2), match.end(2), str(number + shift).encode())
            return splice(payload, [edit])
    return payload


def _skeleton(event: Any, path: Steps, top: bool = True) -> Any:
    """Return a copy of an event reduced to a single text, with `_MARK` in its place."""
    if not path:
        return _MARK
    step, *rest = path
    if isinstance(event, list):
        return [_skeleton(event[int(step)], tuple(rest), False)]
    kept = {
        name: value
        for name, value in event.items()
        if name not in _NEVER_KEPT
        and not isinstance(value, dict | list)
        and (not isinstance(value, str) or top or name in _KEPT)
    }
    kept |= {name: "" for name in _EMPTIED if not top and isinstance(event.get(name), str)}
    kept[step] = _skeleton(event[step], tuple(rest), False)
    return kept
