"""Protobuf without its schema: Connect and gRPC to hosts that do not speak JSON.

On the wire, a string, a nested message and plain bytes look alike: a field number, a length, and
that many bytes. What a field holds is determined by trial, in this order:

1. All of it parses as a message, and it is not clean text (UTF-8 without control characters): a
   message.
2. It parses as a message and is clean text as well: a message only if it consists of texts and
   nested messages alone, with their numbers and lengths. A key that happens to parse as some
   numbers is thus a text, so that it is scanned.
3. It is UTF-8: a text.
4. Anything else: bytes, which are only counted.

A text may be a whole message in hex digits: where a proxy allows no call in both directions, Cursor
sends its messages so, one request each. A text in such a message is a text like any other. In the
JSON form of such a request, the digits are a string.

An edit in a text changes its length and that of every message around it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from secretgate.bodies.base import (
    Body,
    DefaultBody,
    Edit,
    Form,
    Label,
    PlainBody,
    Slot,
    Unreadable,
    spell,
)
from secretgate.bodies.parts import CONTROL, Length, decodes, splice_measured

_LAST_NUMBER: Final = (1 << 29) - 1
_VARINT, _FIXED64, _MEASURED, _GROUP, _GROUP_END, _FIXED32 = range(6)
_FIXED_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_MAX_DEPTH: Final = 50
_HEX: Final = re.compile(rb"(?:[0-9a-f]{2}){16,}+")
_SURE: Final = 8
"""Minimum length in bytes of a text that chance does not make of a digest in hex."""


class _Shape(IntEnum):
    """The result of trying to parse a span as a message."""

    NONE = 0
    MESSAGE = 1
    TEXTS = 2
    """A text, or a message that holds nothing but texts."""


@dataclass(frozen=True, slots=True)
class ProtobufBody(DefaultBody):
    """A protobuf message, with the lengths to update when it is edited."""

    raw: bytes
    slots: Sequence[Slot]
    lengths: Sequence[Length]
    """Inner ones first."""

    def splice(self, edits: Sequence[Edit]) -> bytes:
        return splice_measured(self.raw, edits, self.lengths, _varint)


def read_protobuf(
    raw: bytes, in_hex: bool = False, credentials: Collection[str] = ()
) -> ProtobufBody:
    """Read one message. Raises `Unreadable`.

    `in_hex`: read the messages that its texts hold as hex, too; `credentials`: the dotted numbers
    of fields that are never read.
    """
    walk = _Walk(raw, in_hex, credentials)
    if walk.message(0, len(raw), "", 0) is _Shape.NONE and raw:
        raise Unreadable("the body is not a protobuf message")
    return ProtobufBody(raw, walk.slots, walk.lengths)


def read_digits(body: PlainBody) -> Body:
    """Return a JSON body with the slots of the messages that its strings hold as hex."""
    slots: list[Slot] = []
    lengths: list[Length] = []
    for slot in body.slots:
        text = body.raw[slot.start : slot.end]
        if slot.label is Label.TEXT and _HEX.fullmatch(text):
            walk = _Walk(body.raw)
            if walk.digits(slot.start, text, f".{spell(slot.path)}"):
                slots += walk.slots
                lengths += walk.lengths
                continue
        slots.append(slot)
    return ProtobufBody(body.raw, slots, lengths) if lengths else body


class _Walk:
    def __init__(self, raw: bytes, in_hex: bool = False, credentials: Collection[str] = ()) -> None:
        self.raw = raw
        self._credentials = credentials
        self._in_hex = in_hex
        self.slots: list[Slot] = []
        self.lengths: list[Length] = []

    def message(self, at: int, end: int, path: str, depth: int) -> _Shape:
        """Parse a span as a message; on `NONE` the caller must discard the slots found in it."""
        shape = _Shape.TEXTS
        groups: list[int] = []
        while at < end:
            tag, at = self._number(at, end)
            number, wire = tag >> 3, tag & 7
            if at < 0 or not 0 < number <= _LAST_NUMBER:
                return _Shape.NONE
            if wire == _MEASURED:
                start = at
                size, at = self._number(at, end)
                if at < 0 or at + size > end:
                    return _Shape.NONE
                if size:
                    shape = min(shape, self._field(at, at + size, f"{path}.{number}", depth))
                    self.lengths.append(Length(start, at, at, at + size))
                at += size
                continue
            shape = _Shape.MESSAGE
            if wire == _VARINT:
                _, at = self._number(at, end)
                if at < 0:
                    return _Shape.NONE
            elif wire in _FIXED_SIZES:
                at += _FIXED_SIZES[wire]
            elif wire == _GROUP:
                groups.append(number)
            elif wire != _GROUP_END or not groups or groups.pop() != number:
                return _Shape.NONE
        return shape if at == end and not groups else _Shape.NONE

    def _field(self, start: int, end: int, path: str, depth: int) -> _Shape:
        text = self.raw[start:end]
        is_utf8 = decodes(text)
        if path[1:] in self._credentials:
            slot = Slot(start, end, Form.RAW, Label.CREDENTIAL, b"", f"field {path[1:]}")
            self.slots.append(slot)
            return _Shape.MESSAGE
        slots, lengths = len(self.slots), len(self.lengths)
        if depth < _MAX_DEPTH:
            shape = self.message(start, end, path, depth + 1)
            clean = is_utf8 and len(text.translate(None, CONTROL)) == len(text)
            if shape is _Shape.TEXTS or (shape is _Shape.MESSAGE and not clean):
                return shape
            del self.slots[slots:], self.lengths[lengths:]
        if self._in_hex and is_utf8 and _HEX.fullmatch(text) and self.digits(start, text, path):
            return _Shape.TEXTS
        label = Label.TEXT if is_utf8 else Label.BYTES
        self.slots.append(Slot(start, end, Form.RAW, label, b"", f"field {path[1:]}"))
        return _Shape.TEXTS if is_utf8 else _Shape.MESSAGE

    def digits(self, at: int, text: bytes, path: str) -> bool:
        """Add the slots of a message in hex that begins at `at`; return whether it is one."""
        inner = _Walk(bytes.fromhex(text.decode()))
        shape = inner.message(0, len(inner.raw), path, 0)
        if shape is _Shape.NONE or not any(
            slot.label is Label.TEXT and slot.end - slot.start >= _SURE for slot in inner.slots
        ):
            return False
        self.slots += (
            slot._replace(start=at + 2 * slot.start, end=at + 2 * slot.end, form=Form.HEX)
            for slot in inner.slots
        )
        for length in inner.lengths:
            start, end, first, last = (at + 2 * place for place in length[:4])
            self.lengths.append(Length(start, end, first, last, in_hex=True))
        return True

    def _number(self, at: int, end: int) -> tuple[int, int]:
        """Return a varint and its end offset, or an end of -1 if it does not end in time."""
        value = shift = 0
        for place in range(at, min(at + 10, end)):
            byte = self.raw[place]
            value |= (byte & 127) << shift
            if byte < 128:
                return value, place + 1
            shift += 7
        return 0, -1


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
