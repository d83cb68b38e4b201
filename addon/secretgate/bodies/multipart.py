"""Multipart bodies: file uploads, audio and image edits, Google's metadata-with-media.

Each part is read according to its content: JSON, JSON lines (an uploaded batch), other text, or
bytes that are only counted. Names, file names and all else in the headers of parts are slots
too. Boundaries stay where they are; a length declared by a part is updated when an edit changes it.
A body with invalid framing is `Unreadable`, as the receiver might see parts where the gate sees
none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from secretgate.bodies.base import SHORTEST, DefaultBody, Edit, Form, Label, Slot, Unreadable
from secretgate.bodies.documents import sealed
from secretgate.bodies.json_reader import begins_like_json
from secretgate.bodies.jsonl import jsonl_slots
from secretgate.bodies.parts import Length, ReadPart, placed, splice_measured, text_start

_BOUNDARY = re.compile(r'(?i);\s*boundary\s*=\s*(?:"([^"\\]+)"|([^\s;"]+))')
_AFTER_BOUNDARY = re.compile(rb"--|[ \t]*\r\n")
_HEADER = re.compile(rb"([!-9;-~]+):[ \t]*+((?:[^\r\n]|\r\n[ \t])*+)(?:\r\n|\Z)")
_PARAMETER = re.compile(
    rb""";\s*([\w-]+)(?:="((?:[^"\\]|\\.)*+)"|=([^\s;"]*+)|\*=(?:[\w-]*+'[\w-]*+')?([^\s;"]*+))"""
)
_PLAIN_NAME = re.compile(rb"[\w.\[\]-]{1,40}")
_JSON = re.compile(rb"(?i)application/(?:[\w.-]+\+)?json\s*(?:;|\Z)")
_LINES = re.compile(rb"(?i)application/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines)\b")
_MULTIPART = re.compile(rb"(?i)multipart/")
_OTHER_TEXT = re.compile(rb"(?i)charset\s*=\s*[\"']?[\w-]*?utf[-_]?(?:7|16|32)")
_HEADERS_OF_THE_FORMAT = frozenset(
    (
        b"content-type",
        b"content-disposition",
        b"content-encoding",
        b"content-length",
        b"content-transfer-encoding",
    )
)
_LONG_WORD = re.compile(rb"[^\s;=/]{%d}" % (2 * SHORTEST))
_AS_IT_IS = frozenset((b"", b"7bit", b"8bit", b"binary"))
_MAX_DEPTH = 3


class _Header(NamedTuple):
    start: int
    value: bytes


@dataclass(frozen=True, slots=True)
class MultipartBody(DefaultBody):
    """A multipart body, with the lengths to update when it is edited."""

    raw: bytes
    slots: Sequence[Slot]
    lengths: Sequence[Length]
    """Inner ones first."""

    def splice(self, edits: Sequence[Edit]) -> bytes:
        return splice_measured(self.raw, edits, self.lengths, lambda size: b"%d" % size)


def read_multipart(raw: bytes, content_type: str, read_part: ReadPart) -> MultipartBody:
    """Read a body; `content_type` is the header that names the boundary. Raises `Unreadable`."""
    reader = _Reader(raw, read_part, [], [])
    reader.body(0, len(raw), content_type, "", _MAX_DEPTH)
    return MultipartBody(raw, sorted(reader.slots, key=itemgetter(0)), reader.lengths)


class _Reader(NamedTuple):
    raw: bytes
    read_part: ReadPart
    slots: list[Slot]
    lengths: list[Length]

    def body(self, start: int, end: int, content_type: str, path: str, depth: int) -> None:
        match = _BOUNDARY.search(content_type)
        if match is None:
            raise Unreadable("the multipart content type has no boundary")
        if not depth:
            raise Unreadable(f"multipart bodies nested more than {_MAX_DEPTH} deep")
        preamble, *parts, epilogue = _stretches(
            self.raw, start, end, (match[1] or match[2]).encode("utf-8", "replace")
        )
        self._document(*preamble, f"{path}preamble")
        for number, (first, last) in enumerate(parts, 1):
            if first < last:
                self._part(first, last, f"{path}part {number}", depth)
        self._document(*epilogue, f"{path}epilogue")

    def _part(self, start: int, end: int, path: str, depth: int) -> None:
        headers, others, content = self._headers(start, end, path)
        absent = _Header(0, b"")
        kind = headers.get(b"content-type", absent)
        names = self._parameters(kind, path)
        names |= self._parameters(headers.get(b"content-disposition", absent), path)
        key = names.get(b"name", b"")
        if _PLAIN_NAME.fullmatch(key):
            path = path[: path.rindex("part ")] + key.decode("ascii", "replace")
        for name, header in others:
            stop = header.start + len(header.value)
            self._slot(header.start, stop, f"{path} {name.decode()}", name)
        if headers.get(b"content-encoding", absent).value.lower() not in (b"", b"identity"):
            raise Unreadable(f"{path} has a Content-Encoding of its own")
        coding = headers.get(b"content-transfer-encoding", absent).value.strip().lower()
        if coding == b"base64":
            self._slot(content, end, path, key, label=Label.BYTES)
        elif coding not in _AS_IT_IS:
            raise Unreadable(f"{path} has an unknown transfer encoding")
        elif _MULTIPART.match(kind.value):
            self.body(content, end, kind.value.decode("latin-1"), f"{path} ", depth - 1)
        else:
            self._document(content, end, path, key, kind.value, names.get(b"filename", b""))
        if length := headers.get(b"content-length"):
            stop = length.start + len(length.value)
            if length.value != b"%d" % (end - content):
                raise Unreadable(f"{path}: its Content-Length does not match its length")
            self.lengths.append(Length(length.start, stop, content, end))

    def _headers(
        self, start: int, end: int, path: str
    ) -> tuple[dict[bytes, _Header], list[tuple[bytes, _Header]], int]:
        """Return a part's headers (those of the format, others) and the offset of its content."""
        if self.raw.startswith(b"\r\n", start, end):
            return {}, [], start + 2
        stop = self.raw.find(b"\r\n\r\n", start, end)
        if stop < 0:
            raise Unreadable(f"{path}: no blank line after its headers")
        headers: dict[bytes, _Header] = {}
        others: list[tuple[bytes, _Header]] = []
        at = start
        while at < stop:
            match = _HEADER.match(self.raw, at, stop)
            if match is None:
                raise Unreadable(f"{path}: a header without a name")
            name, header = match[1].lower(), _Header(match.start(2), match[2])
            if name in headers:
                raise Unreadable(f"{path}: duplicate header {name.decode()}")
            if name in _HEADERS_OF_THE_FORMAT:
                headers[name] = header
            elif header.value:
                others.append((name, header))
            if name not in _HEADERS_OF_THE_FORMAT:
                self._between(*match.span(1), path)
            at = match.end()
        return headers, others, stop + 4

    def _parameters(self, header: _Header, path: str) -> dict[bytes, bytes]:
        """Return the parameters of a header; each becomes a slot too, and so does what is between."""
        found: dict[bytes, bytes] = {}
        at = header.start
        for match in _PARAMETER.finditer(header.value):
            name = match[1].lower()
            group = match.lastindex or 1
            found.setdefault(name, match[group])
            start, stop = (header.start + place for place in match.span(group))
            if start < stop and name != b"boundary":
                form = Form.PERCENT if group == 4 else Form.RAW
                self._slot(start, stop, f"{path} {name.decode()}", name, form)
            self._between(at, start, path)
            at = stop
        self._between(at, header.start + len(header.value), path)
        return found

    def _between(self, start: int, end: int, path: str) -> None:
        """Note what is of the format itself, unless its words are too short to be anything else."""
        if _LONG_WORD.search(self.raw, start, end):
            self._slot(start, end, f"{path} headers", b"")

    def _document(
        self,
        start: int,
        end: int,
        path: str,
        key: bytes = b"",
        kind: bytes = b"",
        filename: bytes = b"",
    ) -> None:
        data = self.raw[start:end]
        if not data.strip():
            return
        if _OTHER_TEXT.search(kind):
            raise Unreadable(f"{path} is text in UTF-7, UTF-16 or UTF-32; send it as UTF-8")
        begin = text_start(data)
        if begin is None or sealed(data):
            self._slot(start, end, path, key, label=Label.BYTES)
            return
        try:
            if _LINES.match(kind) or filename.lower().endswith((b".jsonl", b".ndjson")):
                self.slots.extend(placed(jsonl_slots(data, self.read_part), start, f"{path} "))
                return
            if _JSON.match(kind) or begins_like_json(data):
                self.slots.extend(placed(self.read_part(data), start, path))
                return
        except Unreadable:
            pass
        self._slot(start + begin, end, path, key)

    def _slot(
        self,
        start: int,
        end: int,
        path: str,
        key: bytes,
        form: Form = Form.RAW,
        label: Label = Label.TEXT,
    ) -> None:
        self.slots.append(Slot(start, end, form, label, key, path))


def _stretches(raw: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
    """Return the spans of the preamble, each part, and the epilogue."""
    stretches: list[tuple[int, int]] = []
    line = b"\r\n--" + boundary
    first = mark = start
    at = start + len(line) - 2
    if not raw.startswith(line[2:], start, end):
        mark = raw.find(line, start, end)
        at = mark + len(line)
    while mark >= 0:
        after = _AFTER_BOUNDARY.match(raw, at, end)
        if after is not None:
            stretches.append((first, mark))
            first = at = after.end()
            if after[0] == b"--":
                return [*stretches, (first, end)]
        mark = raw.find(line, at, end)
        at = mark + len(line)
    raise Unreadable("the multipart body lacks its boundary or its closing boundary")
