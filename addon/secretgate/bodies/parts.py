"""What the composite formats share: documents inside of a body, and text told from bytes."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Sequence

from .base import Path, Slot, Unreadable

ReadPart = Callable[[bytes], Sequence[Slot]]
"""The slots of one JSON document that stands on its own; raises `Unreadable`."""

_UTF8_BOM = codecs.BOM_UTF8
_OTHER_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def text_start(raw: bytes) -> int | None:
    """Where the text begins behind a byte order mark, or None where `raw` is no UTF-8 text.

    Text in UTF-16 is refused: it would be taken for bytes, and its secrets for none.
    """
    if raw.startswith(_OTHER_BOMS):
        raise Unreadable("text in UTF-16 or UTF-32; send it as UTF-8")
    if b"\0" in raw:
        return None
    try:
        raw.decode()
    except UnicodeDecodeError:
        return None
    return len(_UTF8_BOM) if raw.startswith(_UTF8_BOM) else 0


def placed(slots: Iterable[Slot], offset: int, root: str) -> list[Slot]:
    """Slots of a document that begins at `offset`, with their paths below `root`."""
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
