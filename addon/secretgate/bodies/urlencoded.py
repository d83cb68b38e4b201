"""`application/x-www-form-urlencoded`: values and names are slots, as either may hold a secret."""

from __future__ import annotations

from urllib.parse import unquote_plus

from secretgate.bodies.base import Form, Label, PlainBody, Slot, Unreadable
from secretgate.bodies.parts import text_start


def read_urlencoded(raw: bytes) -> PlainBody:
    if text_start(raw) != 0:
        raise Unreadable("the form is not text")
    slots: list[Slot] = []
    at = 0
    for pair in raw.split(b"&"):
        name, equals, value = pair.partition(b"=")
        path = unquote_plus(name.decode(), errors="replace")
        if name:
            slots.append(_slot(at, name, b"", path))
        if value:
            key = path.encode(errors="replace") if equals else b""
            slots.append(_slot(at + len(name) + 1, value, key, path))
        at += len(pair) + 1
    return PlainBody(raw, slots)


def _slot(start: int, text: bytes, key: bytes, path: str) -> Slot:
    return Slot(start, start + len(text), Form.PERCENT, Label.TEXT, key, path)
