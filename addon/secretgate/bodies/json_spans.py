"""JSON bodies as slots."""

from __future__ import annotations

from secretgate.bodies.base import Form, Label, PlainBody, Slot
from secretgate.json_reader import JsonReader
from secretgate.paths import Node

SHORTEST_KEY = 8
"""Member names of this length and more that are no part of the format are slots too."""


def json_slots(raw: bytes, root: Node[Label]) -> list[Slot]:
    """The slots of a JSON document; raises Unreadable."""
    reader = JsonReader(root, SHORTEST_KEY)
    reader.read(raw)
    new = tuple.__new__
    form = Form.JSON
    return [
        new(
            Slot,
            (
                start,
                end,
                form,
                node.label,
                b"" if is_key or isinstance(place, int) else place,
                (container, place),
            ),
        )
        for start, end, node, container, place, is_key in reader.strings
    ]


def read_json(raw: bytes, root: Node[Label]) -> PlainBody:
    return PlainBody(raw, json_slots(raw, root))
