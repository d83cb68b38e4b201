"""JSON lines: batch files, telemetry batches. One document per line; blank lines are skipped."""

from __future__ import annotations

from secretgate.bodies.base import PlainBody, Slot, Unreadable
from secretgate.bodies.parts import ReadPart, placed, text_start


def jsonl_slots(raw: bytes, read_part: ReadPart) -> list[Slot]:
    """Return the slots of all lines. Raises `Unreadable`, naming the line."""
    slots: list[Slot] = []
    at = text_start(raw) or 0
    number = 0
    while at < len(raw):
        number += 1
        end = raw.find(b"\n", at) + 1 or len(raw)
        line = raw[at:end]
        if not line.isspace():
            try:
                slots += placed(read_part(line), at, f"line {number}")
            except Unreadable as error:
                raise Unreadable(f"line {number}: {error.reason}") from None
        at = end
    return slots


def read_jsonl(raw: bytes, read_part: ReadPart) -> PlainBody:
    return PlainBody(raw, jsonl_slots(raw, read_part))
