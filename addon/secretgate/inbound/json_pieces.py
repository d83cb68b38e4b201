"""Tells whether a text that comes in pieces is JSON, where nothing else says so.

In protobuf, the arguments of a call are a string like any other. A text counts as JSON while it
consists of objects, one after the other. Once it has been something else, it stays that.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from secretgate.inbound.restoration import Depth

_MARKS = re.compile(rb'\\.?|["{}\[\]]', re.DOTALL)


class JsonPieces(NamedTuple):
    """What is known of a text after its pieces so far."""

    level: int = 0
    """The number of open objects and lists."""
    quoted: bool = False
    """Whether it ends inside a string."""
    halved: bool = False
    """Whether it ends inside an escape."""
    fresh: bool = False
    """Whether it ends with the brace that opens an object."""
    other: bool = False
    """Whether it is no JSON."""

    @property
    def depth(self) -> Depth:
        """How values are to be written in it."""
        return Depth.PLAIN if self.other else Depth.LITERAL

    def then(self, piece: bytes) -> JsonPieces:
        """Return what is known after another piece."""
        rest = piece
        state = self
        while rest and not state.other:
            state, rest = state._object(rest) if state.level else state._between(rest)
        return state

    def _between(self, piece: bytes) -> tuple[JsonPieces, bytes]:
        piece = piece.lstrip()
        if not piece:
            return self, b""
        if piece[:1] != b"{":
            return JsonPieces(other=True), b""
        return JsonPieces(1, fresh=True), piece[1:]

    def _object(self, piece: bytes) -> tuple[JsonPieces, bytes]:
        level, quoted = self.level, self.quoted
        at = 1 if self.halved else 0
        if self.fresh:
            at = len(piece) - len(piece.lstrip())
            if at == len(piece):
                return self, b""
            if piece[at : at + 1] not in (b'"', b"}"):
                return JsonPieces(other=True), b""
        halved = False
        for mark in _MARKS.finditer(piece, at):
            found = mark[0]
            if found[:1] == b"\\":
                halved = len(found) == 1
            elif found == b'"':
                quoted = not quoted
            elif not quoted:
                level += 1 if found in (b"{", b"[") else -1
                if level == 0:
                    return JsonPieces(), piece[mark.end() :]
        return JsonPieces(level, quoted, halved), b""
