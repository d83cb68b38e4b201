"""The text of the content view: the placeholders in a body with their places, then the body."""

from __future__ import annotations

import json
from collections.abc import Iterator

from secretgate.bodies import readers
from secretgate.bodies.base import Unreadable, spell
from secretgate.placeholders import Template
from secretgate.providers import DIALECTS

_MOST_PLACES = 8
_GENERIC = DIALECTS["generic"]


def holds(data: bytes, template: Template) -> bool:
    """Return whether a body contains a placeholder."""
    return template.exact.search(data) is not None


def listing(data: bytes, content_type: str, template: Template) -> str:
    """Return the text of the content view for a body."""
    places: dict[str, list[str]] = {}
    for name, place in _found(data, content_type, template):
        places.setdefault(name, []).append(place)
    head = [f"# {len(places)} placeholder{'' if len(places) == 1 else 's'}"]
    for name, where in places.items():
        shown = ", ".join(where[:_MOST_PLACES])
        more = f" and {len(where) - _MOST_PLACES} more" if len(where) > _MOST_PLACES else ""
        head.append(f"# {name}  in {shown}{more}")
    return "\n".join([*head, "", _pretty(data)])


def _found(data: bytes, content_type: str, template: Template) -> Iterator[tuple[str, str]]:
    try:
        slots = readers.read(data, content_type, _GENERIC).slots
    except Unreadable:
        for number, line in enumerate(data.splitlines(), 1):
            for match in template.exact.finditer(line):
                yield match[0].decode(), f"line {number}"
        return
    for slot in slots:
        for match in template.exact.finditer(data, slot.start, slot.end):
            yield match[0].decode(), spell(slot.path) or "the body"


def _pretty(data: bytes) -> str:
    try:
        return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "backslashreplace")
