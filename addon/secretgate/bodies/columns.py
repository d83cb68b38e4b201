"""The text strings of a JSON body, stored in columns.

A body has thousands of them, and few ever matter, so a `Slot` is created only on request.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from secretgate.bodies.base import Form, Label, Path, Slot


class Kind(NamedTuple):
    """What the strings at one place of a body have in common."""

    label: Label
    key: bytes
    path: Path
    """Their path if no array encloses them, otherwise empty."""


class Columns:
    """The start, the bytes and the kind of each string, in three parallel lists."""

    __slots__ = ("kinds", "raws", "starts")

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.raws: list[bytes] = []
        """The bytes between the quotes."""
        self.kinds: list[Kind] = []

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[Slot]:
        return map(self.slot, range(len(self.starts)))

    def slot(self, number: int) -> Slot:
        start, (_, key, path) = self.starts[number], self.kinds[number]
        return Slot(start, start + len(self.raws[number]), Form.JSON, Label.TEXT, key, path)

    def add(self, start: int, raw: bytes, kind: Kind) -> None:
        self.starts.append(start)
        self.raws.append(raw)
        self.kinds.append(kind)

    def extend(self, more: Columns) -> None:
        self.starts += more.starts
        self.raws += more.raws
        self.kinds += more.kinds

    def cut(self, length: int) -> None:
        """Drop everything after the first `length` strings."""
        del self.starts[length:], self.raws[length:], self.kinds[length:]
