"""A body that is a single text."""

from __future__ import annotations

from secretgate.bodies.base import Form, Label, PlainBody, Slot, Unreadable
from secretgate.bodies.parts import text_start


def read_text(raw: bytes) -> PlainBody:
    start = text_start(raw)
    if start is None:
        raise Unreadable("the body is not UTF-8 text")
    slots = [Slot(start, len(raw), Form.RAW, Label.TEXT, b"", "body")] if start < len(raw) else []
    return PlainBody(raw, slots)
