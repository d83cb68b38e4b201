"""The slots of a JSON body, as the strict reader locates them."""

from __future__ import annotations

from secretgate.bodies.base import THINKING, Form, Label, PlainBody, Slot
from secretgate.bodies.json_reader import read_strings
from secretgate.bodies.paths import Node

SHORTEST_KEY = 8
"""Member names of at least this length that are not part of the format are slots too."""


def json_slots(raw: bytes, root: Node[Label]) -> list[Slot]:
    """Return the slots of a JSON document. Raises `Unreadable`."""
    strings, flagged = read_strings(raw, root, SHORTEST_KEY, Label.KIND)
    # Containers are compared by identity, which is safe while `strings` and `flagged` keep them
    # alive.
    thinking = {id(container) for container in flagged}
    new = tuple.__new__
    form = Form.JSON
    slots: list[Slot] = []
    for start, end, node, container, place, is_key in strings:
        label = node.label
        if label is Label.KIND:
            if raw[start:end] in THINKING:
                thinking.add(id(container))
            label = Label.TEXT
        key = b"" if is_key or isinstance(place, int) else place
        slots.append(new(Slot, (start, end, form, label, key, (container, place))))
    if thinking:
        return [
            slot._replace(label=Label.OPAQUE)
            if slot.label is Label.TEXT and id(slot.path[0]) in thinking
            else slot
            for slot in slots
        ]
    return slots


def read_strictly(raw: bytes, root: Node[Label]) -> PlainBody:
    """Read a JSON body in full. Raises `Unreadable`."""
    return PlainBody(raw, json_slots(raw, root))
