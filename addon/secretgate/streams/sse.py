"""Server-sent events: the stream format of nearly every provider.

An event ends at a blank line, and a line ends with LF, CRLF or CR. Events that share one kind of
line end are kept together as a run; mixed line ends go through a regular expression. Both cut at
the same places, however the stream was chunked. An event is parsed only on demand, as most events
are never read.

A trailing CR that could be the first half of a CRLF waits for its LF only after another LF: a
server that writes bare CRs never sends one, so its events are not delayed.

(`find` rather than `in`: for bytes it is several times faster, and this runs for every event.)
"""

from __future__ import annotations

import re

import msgspec

from secretgate.scanner import Scanner
from secretgate.streams.base import END_MARK, Frame, Run
from secretgate.streams.whole import is_json

_BLANK_LINE = re.compile(rb"\n(?:\n|\r(?:\n|(?!\Z)))|\r\r")
_COMMENTS = re.compile(rb"(?::[^\r\n]*+(?:\r\n?|\n))++\Z")
_TWO_BLANK_LINES = Scanner([rb"\n\n\n|\n\r\n\r\n"], once=True)
_MUCH = 2048
"""Size in bytes above which a `Scanner` search is faster than `find`."""
_BOM = b"\xef\xbb\xbf"
_ENDS = (b"\n", b"\r")
_NO_PAYLOAD = (b"", END_MARK)


class SseFrame(msgspec.Struct, frozen=True, gc=False):
    """One event, or comments between events: `text`, then the blank line that ended it."""

    text: bytes
    end: bytes = b"\n\n"
    whole: bool = True

    @property
    def raw(self) -> bytes:
        return self.text + self.end

    @property
    def payload(self) -> bytes | None:
        if not self.whole:
            return None
        head, value = self._usual()
        if head is None:
            lines = [_data(line) for line in _lines(self.text)]
            values = [value for value in lines if value is not None]
            if not values:
                return None
            value = b"\n".join(values)
        return None if not value or value.strip() in _NO_PAYLOAD else value

    @property
    def event(self) -> str:
        text = self.text
        name = b""
        if text[:7] == b"event: " and text.find(b"\r") < 0 and text.find(b"\nevent") < 0:
            name = text[7:].partition(b"\n")[0]
        elif text.find(b"event") >= 0:
            for line in _lines(text):
                field, _, value = line.partition(b":")
                if field == b"event":
                    name = value.removeprefix(b" ")
        return name.decode("utf-8", "replace")

    def with_payload(self, payload: bytes) -> bytes:
        head, _ = self._usual()
        if head is not None and payload.find(b"\n") < 0 and payload.find(b"\r") < 0:
            return b"".join((head, payload, self.end))
        values = payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        lines = self.raw.splitlines(keepends=True)
        places = [at for at, line in enumerate(lines) if _data(_bare(line)) is not None]
        if len(values) != len(places):
            for at in places[1:]:
                lines[at] = b""
            del places[1:]
            groups = [values]
        else:
            groups = [[value] for value in values]
        for at, group in zip(places, groups, strict=False):
            lines[at] = _data_lines(lines[at], group)
        return b"".join(lines)

    def _usual(self) -> tuple[bytes | None, bytes]:
        """Return the text up to the payload, and the payload.

        Only for the usual case of an event whose last line is its only `data` field; `(None, b"")`
        otherwise.
        """
        head, field, value = self.text.partition(b"data: ")
        if (
            field
            and (not head or head[-1:] in _ENDS)
            and head.find(b"data") < 0
            and value.find(b"\n") < 0
            and value.find(b"\r") < 0
        ):
            return head + field, value
        return None, b""


class SseFramer:
    """Cuts a stream into server-sent events. A comment line is emitted without waiting for more."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._edge = b""

    def feed(self, data: bytes) -> list[Frame]:
        run = self.run(data)
        return [*run.frames()] if isinstance(run, Run) else run

    def run(self, data: bytes) -> Run | list[Frame]:
        if self._held:
            probe = self._edge + data
            self._held.append(data)
            if not _holds_blank_line(probe) and not self._is_comment(data):
                self._edge = probe[-3:]
                return []
            data = b"".join(self._held)
            self._held = []
        end = _one_end(data)
        if end:
            if data.endswith(end):
                return Run(data, end, SseFrame)
            stop = data.rfind(end)
            stop = self._keep(data, 0 if stop < 0 else stop + len(end))
            return Run(data[:stop], end, SseFrame)
        frames: list[Frame] = []
        at = 0
        for blank in _BLANK_LINE.finditer(data):
            frames.append(SseFrame(data[at : blank.end()], b""))
            at = blank.end()
        if self._keep(data, at) > at:
            frames.append(SseFrame(data[at:], b""))
        return frames

    def _keep(self, data: bytes, at: int) -> int:
        """Hold back `data[at:]`, unless it is comments; return where the held part begins."""
        if at == len(data):
            return at
        tail = data[at:]
        if tail[:1] == b":" and _COMMENTS.match(tail):
            return len(data)
        self._held = [tail]
        self._edge = tail[-3:]
        return at

    def finish(self) -> list[Frame]:
        text = b"".join(self._held)
        self._held = []
        if not text:
            return []
        frame = SseFrame(text, b"")
        return [SseFrame(text, b"", whole=is_json(frame.payload))]

    def _is_comment(self, data: bytes) -> bool:
        return self._held[0][:1] == b":" and data.endswith(_ENDS)


def _one_end(data: bytes) -> bytes:
    """Return the terminator of every event in `data`, or an empty string if they differ."""
    end = b"\n\n"
    if data.find(b"\r") >= 0:
        if not data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n"):
            return b""
        end = b"\r\n\r\n"
    if len(data) > _MUCH:
        return b"" if _TWO_BLANK_LINES.scan(data) else end
    return b"" if data.find(b"\n" + end) >= 0 else end


def _holds_blank_line(data: bytes) -> bool:
    return data.find(b"\n\n") >= 0 or (
        data.find(b"\r") >= 0 and _BLANK_LINE.search(data) is not None
    )


def _lines(text: bytes) -> list[bytes]:
    """Return the lines of `text` without byte order marks.

    A BOM counts only at the start of the stream, and what a line means must not depend on where the
    stream was cut.
    """
    lines = text.splitlines()
    return [line.removeprefix(_BOM) for line in lines] if text.find(_BOM) >= 0 else lines


def _bare(line: bytes) -> bytes:
    return line.rstrip(b"\r\n").removeprefix(_BOM)


def _data(line: bytes) -> bytes | None:
    """Return the value of a `data` field, or None if the line is something else."""
    if line[:5] == b"data:":
        return line[6:] if line[5:6] == b" " else line[5:]
    return b"" if line == b"data" else None


def _data_lines(line: bytes, values: list[bytes]) -> bytes:
    """Return the `data` field `line` once for each of `values`, spelled as the original."""
    bare = _bare(line)
    start = line.index(bare)
    end = line[start + len(bare) :]
    tight = bare[4:6] != b": " and bare != b"data"
    fields = [b"data:" if tight and value[:1] != b" " else b"data: " for value in values]
    if bare == b"data" and values == [b""]:
        fields = [bare]
    rows = [field + value for field, value in zip(fields, values, strict=True)]
    return line[:start] + (end or b"\n").join(rows) + end
