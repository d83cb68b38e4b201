"""A stretch of a text read through an encoding, with a map back to where each byte came from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from .model import Layer

Places = tuple[list[int], list[int]]
Token = tuple[int, int, bytes]
"""Where something stands that is written otherwise, and what it says."""


@dataclass(slots=True)
class Decoded:
    """A stretch decoded: the text, and where its bytes came from.

    The map is made when it is first asked for: few stretches hold a secret. In it, `inner[i]` and
    `outer[i]` are the offsets at which the i-th stretch starts in the decoded and in the encoded
    text; a stretch that is as long on both sides maps byte for byte.
    """

    text: bytes
    raw: bytes
    trace: Callable[[bytes], Places]
    _known: Places | None = None

    def start(self, offset: int) -> int:
        """Where in the encoded text the byte at `offset` begins."""
        inner, outer = self._places()
        at = bisect_right(inner, offset) - 1
        return outer[at] + (offset - inner[at] if _plain(inner, outer, at) else 0)

    def end(self, offset: int) -> int:
        """Where in the encoded text the byte before `offset` ends."""
        inner, outer = self._places()
        if offset <= 0:
            return outer[0]
        at = bisect_right(inner, offset - 1) - 1
        return outer[at] + offset - inner[at] if _plain(inner, outer, at) else outer[at + 1]

    def _places(self) -> Places:
        if self._known is None:
            self._known = self.trace(self.raw)
        return self._known


def _plain(inner: list[int], outer: list[int], at: int) -> bool:
    return at + 1 < len(inner) and inner[at + 1] - inner[at] == outer[at + 1] - outer[at]


class Piece(NamedTuple):
    """An encoded stretch of a text."""

    layer: Layer
    decoded: Decoded


def traced(tokens: Callable[[bytes], Iterable[Token]]) -> Callable[[bytes], Places]:
    """The map of a text in which tokens stand for something and all else for itself."""

    def trace(raw: bytes) -> Places:
        inner, outer = [0], [0]
        length = position = 0
        for start, end, said in tokens(raw):
            if start > position:
                length += start - position
                inner.append(length)
                outer.append(start)
            length += len(said)
            inner.append(length)
            outer.append(end)
            position = end
        inner.append(length + len(raw) - position)
        outer.append(len(raw))
        return inner, outer

    return trace
