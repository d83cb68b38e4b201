"""Events of our own: what is still held back of a text goes out before the event that ends it.

An extra event is a copy of the last one that carried a piece of the text, with nothing in it but the
piece and what places it. Where events are numbered, those behind it are counted up.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from secretgate import tolerant
from secretgate.bodies.base import Edit, splice
from secretgate.inbound.event_reader import Steps

NUMBER: Final = "sequence_number"
_NUMBERED = re.compile(rb'("sequence_number"[ \t\r\n]*:[ \t\r\n]*)([0-9]+)')
# Scalars that an extra event keeps below its top level: what places it and names its kind.
_KEPT = ("type", "role", "index", "thought")
_NEVER_KEPT = ("obfuscation", "usage")
_MARK = "\0held\0"
_SPELLED_MARK = msgspec.json.encode(_MARK)


def extra(event: dict[str, Any], path: Steps, held: bytes, number: int | None) -> bytes:
    """The payload of an event like `event` with nothing in it but `held`, as it is spelled."""
    value = _skeleton(event, path)
    if number is not None:
        value[NUMBER] = number
    return tolerant.encode(value).replace(_SPELLED_MARK, b'"' + held + b'"', 1)


def number_of(event: dict[str, Any] | None) -> int | None:
    number = event.get(NUMBER) if event is not None else None
    return number if isinstance(number, int) else None


def renumbered(payload: bytes, number: int | None, shift: int) -> bytes:
    """A payload with the number of its event counted up."""
    if number is None:
        return payload
    for match in _NUMBERED.finditer(payload):
        if int(match[2]) == number:
            edit = Edit(match.start(2), match.end(2), str(number + shift).encode())
            return splice(payload, [edit])
    return payload


def _skeleton(event: Any, path: Steps, top: bool = True) -> Any:
    """A copy of an event that carries nothing but one text, where `_MARK` stands."""
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
    kept[step] = _skeleton(event[step], tuple(rest), False)
    return kept
