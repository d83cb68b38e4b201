"""Multipart bodies: file uploads, audio and image edits, Google's metadata-with-media.

Each part is read as what it is: JSON, JSON lines (an uploaded batch), other text, or bytes that are
only counted. The field and file names are slots too. Boundaries stay where they are; a length that
a part declares is set anew when an edit changes it. A body whose framing does not hold is
`Unreadable`, as the receiver may see parts where we see none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .base import Edit, Form, Label, Slot, Unreadable, splice
from .jsonl import jsonl_slots
from .parts import ReadPart, placed, text_start

_BOUNDARY = re.compile(r'(?i);\s*boundary\s*=\s*(?:"([^"\\]+)"|([^\s;"]+))')
_HEADER = re.compile(rb"(?m)^([!-9;-~]+):[ \t]*((?:[^\r\n]|\r\n[ \t])*)(?:\r\n|\Z)")
_PARAMETER = re.compile(
    rb'(?i);\s*(name|filename)(?:="((?:[^"\\]|\\.)*)"|=([^\s;"]+)|\*=[\w-]*\'[\w-]*\'([^\s;"]+))'
)
_JSON = re.compile(rb"(?i)application/(?:[\w.-]+\+)?json\s*(?:;|\Z)")
_LINES = re.compile(rb"(?i)application/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines)\b")
_MAX_DEPTH = 3


class _Length(NamedTuple):
    """A declared length: where its digits stand, and where the content does."""

    start: int
    end: int
    content_start: int
    content_end: int


class _Part(NamedTuple):
    start: int
    head_end: int
    end: int


@dataclass(frozen=True, slots=True)
class MultipartBody:
    raw: bytes
    slots: Sequence[Slot]
    lengths: Sequence[_Length]
    """Inner ones first."""

    def splice(self, edits: Sequence[Edit]) -> bytes:
        edits = [*edits]
        for start, end, content_start, content_end in self.lengths:
            growth = sum(
                len(edit.replacement) - (edit.end - edit.start)
                for edit in edits
                if content_start <= edit.start and edit.end <= content_end
            )
            if growth:
                size = content_end - content_start + growth
                edits.append(Edit(start, end, b"%d" % size))
        return splice(self.raw, sorted(edits))


def read_multipart(raw: bytes, content_type: str, read_part: ReadPart) -> MultipartBody:
    """A multipart body; `content_type` is the header with the boundary in it."""
    reader = _Reader(raw, read_part)
    reader.body(0, len(raw), content_type, "", 0)
    return MultipartBody(raw, reader.slots, reader.lengths)


class _Reader:
    def __init__(self, raw: bytes, read_part: ReadPart) -> None:
        self._raw = raw
        self._read_part = read_part
        self.slots: list[Slot] = []
        self.lengths: list[_Length] = []

    def body(self, start: int, end: int, content_type: str, path: str, depth: int) -> None:
        match = _BOUNDARY.search(content_type)
        if match is None:
            raise Unreadable("a multipart Content-Type without a boundary")
        if depth >= _MAX_DEPTH:
            raise Unreadable(f"multipart bodies nested more than {_MAX_DEPTH} deep")
        at = start
        for number, (first, head_end, last) in enumerate(
            _parts(self._raw, start, end, (match[1] or match[2]).encode())
        ):
            self._beside(at, first)
            at = last
            self._part(first, head_end, last, f"{path}part {number + 1}", depth)
        self._beside(at, end)

    def _beside(self, start: int, end: int) -> None:
        ...
