"""Helpers shared by the composite formats: embedded documents, declared lengths, text detection."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple

from secretgate.bodies.base import Edit, Path, Slot, Unreadable, splice

ReadPart = Callable[[bytes], Sequence[Slot]]
"""Returns the slots of one JSON document; raises `Unreadable`."""

_UTF8_BOM = codecs.BOM_UTF8
WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks of characters of two or four bytes, with their encodings."""
CONTROL = bytes({*range(32), 127} - set(b"\t\n\r"))
"""The control characters that text does not contain."""

IN_ASCII = re.compile(r"(?i)charset\s*=\s*[\"']?[\w-]*?(?:utf[-_]?7|\bu7)\b")
"""A charset whose text looks like ASCII but is not."""


def text_start(raw: bytes) -> int | None:
    """Return the offset of the text after a byte order mark, or None if `raw` is not UTF-8 text.

    Raises `Unreadable` for UTF-16 and UTF-32: such text would be taken for binary data, and its
    secrets would be missed.
    """
    if b"\0" not in raw and decodes(raw):
        return len(_UTF8_BOM) if raw.startswith(_UTF8_BOM) else 0
    for mark, encoding in WIDE_MARKS:
        if raw.startswith(mark) and decodes(raw, encoding):
            raise Unreadable(f"text in {encoding.upper()}; send it as UTF-8")
    return None


def decodes(raw: bytes, encoding: str = "utf-8") -> bool:
    """Whether `raw` is text in this encoding."""
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def placed(slots: Sequence[Slot], offset: int, root: str) -> list[Slot]:
    """Return the slots of a document that begins at `offset`, with their paths below `root`."""
    known: dict[int, Path] = {}
    return [
        Slot(start + offset, end + offset, form, label, key, _below(path, root, known))
        for start, end, form, label, key, path in slots
    ]


def _below(path: Path, root: str, known: dict[int, Path]) -> Path:
    steps: list[tuple[Path, bytes | int]] = []
    while not isinstance(path, str):
        if (moved := known.get(id(path))) is not None:
            break
        steps.append(path)
        path = path[0]
    else:
        moved = root + path
    for step in reversed(steps):
        moved = (moved, step[1])
        known[id(step)] = moved
    return moved


class Length(NamedTuple):
    """A declared length: the span of the number, and the span of the content that it measures."""

    start: int
    end: int
    content_start: int
    content_end: int
    in_hex: bool = False
    """Whether the number and the content are written as hex digits, so that two count as one byte."""


def splice_measured(
    raw: bytes, edits: Sequence[Edit], lengths: Sequence[Length], write: Callable[[int], bytes]
) -> bytes:
    """Apply the edits to `raw` and update the `lengths` around them, listed inner ones first."""
    made = [*edits]
    starts = [edit.start for edit in edits]
    for start, end, content_start, content_end, in_hex in lengths:
        first = bisect_left(starts, content_start)
        if first == len(starts) or edits[first].end > content_end:
            continue
        growth = sum(
            len(edit.replacement) - (edit.end - edit.start)
            for edit in made
            if content_start <= edit.start and edit.end <= content_end
        )
        if growth:
            size = content_end - content_start + growth
            number = write(size // 2).hex().encode() if in_hex else write(size)
            made.append(Edit(start, end, number))
    return splice(raw, sorted(made))
