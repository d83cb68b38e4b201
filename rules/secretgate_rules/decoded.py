"""Spans of a text decoded from an encoding, with a map from decoded to encoded offsets."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from .model import Layer

Places = tuple[list[int], list[int]]
"""Offsets in the decoded and in the encoded text; see `Decoded`."""
Token = tuple[int, int, bytes]
"""Start and end of an encoded token, and its decoded bytes."""


@dataclass(slots=True)
class Decoded:
    """A decoded span: its text, and the map from its offsets to those of the encoded bytes.

    The map is built on first use, because few spans contain a secret. In it, `inner[i]` and
    `outer[i]` are the offsets at which the i-th segment starts in the decoded and in the encoded
    text; a segment of equal length on both sides maps byte for byte.
    """

    text: bytes
    raw: bytes
    trace: Callable[[bytes], Places]
    _known: Places | None = None

    def start(self, offset: int) -> int:
        """Return the start, in the encoded text, of the decoded byte at `offset`."""
        inner, outer = self._places()
        at = bisect_right(inner, offset) - 1
        return outer[at] + (offset - inner[at] if _plain(inner, outer, at) else 0)

    def end(self, offset: int) -> int:
        """Return the end, in the encoded text, of the decoded byte before `offset`."""
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


_MEANINGS: Final = 1 << 16


class Meanings(dict[bytes, bytes]):
    """The decoded bytes of each token, computed once; limited in size."""

    def __init__(self, meaning: Callable[[bytes], bytes]) -> None:
        self._meaning = meaning

    def __missing__(self, token: bytes) -> bytes:
        said = self._meaning(token)
        if len(self) < _MEANINGS:
            self[token] = said
        return said


class Piece(NamedTuple):
    """An encoded span of a text, and its decoded form."""

    layer: Layer
    decoded: Decoded


def traced(tokens: Callable[[bytes], Iterable[Token]]) -> Callable[[bytes], Places]:
    """Return a function that builds the map of a text in which only `tokens` are encoded."""

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
