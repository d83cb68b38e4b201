"""Texts being edited, and the strings inside params.

`Edited` takes edits relative to the current text and records them relative to the original, so that
unchanged parts can be kept byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from secretgate.bodies.base import Edit, splice
from secretgate.bodies.steps import Steps

_SURROGATE = re.compile("[\ud800-\udfff]")


class Edited:
    """A text under edit: the original, the current text, and the edits between them."""

    __slots__ = ("edits", "original", "text")

    def __init__(self, original: bytes) -> None:
        self.original = original
        self.text = original
        self.edits: tuple[Edit, ...] = ()
        """Edits of the original, sorted and not overlapping."""

    def replace(self, spans: Iterable[Edit]) -> None:
        """Apply sorted, non-overlapping edits whose spans refer to the current `text`."""
        for start, end, new in reversed(list(spans)):
            self._one(start, end, new)
        self.text = splice(self.original, self.edits)

    def _one(self, start: int, end: int, new: bytes) -> None:
        """Add one edit, merging earlier edits that it touches into it."""
        before: list[Edit] = []
        behind: list[Edit] = []
        head = tail = b""
        shift = 0
        first, last = start, end
        found_first = False
        for edit in self.edits:
            low = edit.start + shift
            high = low + len(edit.replacement)
            if high <= start and not (high == start == low == end):
                before.append(edit)
                shift += len(edit.replacement) - (edit.end - edit.start)
                continue
            if low >= end:
                behind.append(edit)
                continue
            if not found_first:
                first = min(start - shift, edit.start)
                head = edit.replacement[: max(0, start - low)]
                found_first = True
            shift += len(edit.replacement) - (edit.end - edit.start)
            last = max(edit.end, end - shift)
            tail = edit.replacement[end - low :] if high > end else b""
        if not found_first:
            first, last = start - shift, end - shift
        self.edits = (*before, Edit(first, last, head + new + tail), *behind)


def strings(value: Any, steps: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """Yield every string in a value, with the path to it."""
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from strings(member, (*steps, str(name)))
    elif isinstance(value, list | tuple):
        for at, item in enumerate(value):
            yield from strings(item, (*steps, at))


def copied(value: Any) -> Any:
    """Return a deep copy of plain data."""
    if isinstance(value, Mapping):
        return {name: copied(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [copied(item) for item in value]
    return value


def readable(value: Any, fold: bool, originals: dict[str, set[str]]) -> Any:
    """Return a copy for CEL: without lone surrogates and, if `fold`, in lower case.

    Records in `originals` the original of each string that was changed.
    """
    if isinstance(value, str):
        text = value.encode("utf-8", "replace").decode() if _SURROGATE.search(value) else value
        text = text.lower() if fold else text
        if text != value:
            originals.setdefault(text, set()).add(value)
        return text
    if isinstance(value, Mapping):
        return {name: readable(member, fold, originals) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [readable(item, fold, originals) for item in value]
    return value


def put(value: Any, steps: Steps, text: str) -> None:
    """Set the string at the path `steps`."""
    *way, last = steps
    for step in way:
        value = value[step]
    value[last] = text


def spelled(steps: Steps) -> str:
    """Return a path as redactions name it, for example `params.input.edits[0].text`."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return "params" + "".join(parts)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")
