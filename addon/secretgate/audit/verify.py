"""Verifies the audit log: every record intact, none missing, added or moved.

Each problem is reported with file and line, and reading continues after it. Records cut off at the
end are noticed only by comparison with the head or with an *anchor*: the number and hash of a
record that was noted elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from secretgate.audit import chain
from secretgate.audit.chain import GENESIS, Head, Link
from secretgate.audit.journal import files, head_locked
from secretgate.audit.record import Record


class Place(NamedTuple):
    """A line of a file with a message about it."""

    file: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


@dataclass
class Verification:
    """The result of a verification."""

    problems: list[Place] = field(default_factory=list)
    notes: list[Place] = field(default_factory=list)
    """What the writers noticed and recorded, such as a line left by a power cut."""
    records: int = 0
    lost: int = 0
    """Records that could not be written at the time, according to the log itself."""
    files: int = 0
    last: tuple[int, str] = (0, GENESIS)
    """Number and hash of the last record, usable as the next anchor."""


class AnchorError(ValueError):
    """The text is not NUMBER:HASH."""


def _copy(path: Path, flags: int) -> int:
    """Open a file whoever may read it, because a copy of a log may be verified."""
    return os.open(path, flags, 0o600)


def anchor(text: str) -> tuple[int, str]:
    """Parse NUMBER:HASH; raise AnchorError."""
    number, _, digest = text.partition(":")
    if not number.isdigit() or len(digest) != 64:
        raise AnchorError(f"{text!r} is not NUMBER:HASH as `secretgate audit verify` prints it")
    return int(number), digest.lower()


def verify(folder: Path, key: bytes, expected: tuple[int, str] | None = None) -> Verification:
    """Verify the log in a folder; raise OSError if the files cannot be read."""
    result = Verification()
    with head_locked(folder, key, _copy) as (_, head, existed):
        opened = [(path, path.open("rb")) for path in files(folder)]
    reader = _Reader(key, head, result, expected)
    for path, file in opened:
        with file:
            reader.read(path, file)
    reader.end(folder, existed)
    result.files = len(opened)
    return result


class _Reader:
    def __init__(
        self, key: bytes, head: Head | None, result: Verification, expected: tuple[int, str] | None
    ) -> None:
        self._key = key
        self._head = head
        self._result = result
        self._anchor = expected
        self._next: int | None = None
        # The hash of the previous record; None if that record was changed.
        self._prev: str | None = None
        self._torn: tuple[Path, int, int] | None = None
        self._place = (Path(), 0)

    def read(self, path: Path, file: BinaryIO) -> None:
        line = 0
        for line, text in enumerate(file, 1):
            self._place = path, line
            found = chain.link(self._key, text.rstrip(b"\n")) if text.endswith(b"\n") else None
            if found is None:
                self._unlike(path, line, text)
            else:
                self._link(path, line, text, found)

    def end(self, folder: Path, existed: bool) -> None:
        self._settle(None)
        if self._head is None:
            self._headless(folder, existed)
        elif self._result.last[0] < self._head.seq:
            first, last = self._result.last[0] + 1, self._head.seq
            path, line = self._place if self._place[1] else (folder, 0)
            self._problem(path, line, f"{_span(first, last)} missing after this: cut off")
        if self._anchor is not None:
            number, _ = self._anchor
            self._problem(*self._place, f"record {number} of the anchor is missing from the log")

    def _headless(self, folder: Path, existed: bool) -> None:
        if existed:
            what = "damaged, or sealed with another key: it cannot be determined whether records were cut off"
            self._problem(folder / "audit.head", 0, what)
        elif self._result.records or self._result.problems:
            what = "missing: it cannot be determined whether records were cut off at the end"
            self._problem(folder / "audit.head", 0, what)

    def _unlike(self, path: Path, line: int, text: bytes) -> None:
        self._settle(None)
        self._torn = path, line, len(text.rstrip(b"\n"))

    def _settle(self, record: Record | None) -> None:
        """Classify a pending non-record line; the record after it may say that it was cut off."""
        if self._torn is None:
            return
        path, line, length = self._torn
        self._torn = None
        if record is not None and record.event == "recovered" and record.torn == length:
            self._result.notes.append(
                Place(path, line, "a record that was cut off while being written")
            )
        else:
            self._problem(path, line, "not a record of this log: inserted, or a record cut short")

    def _link(self, path: Path, line: int, text: bytes, found: Link) -> None:
        if not found.sound:
            self._settle(None)
            self._problem(path, line, f"record {found.seq} was changed")
            if found.seq == self._expected(found.seq):
                self._next, self._prev = found.seq + 1, None
                self._result.last = found.seq, found.hash
            return
        record = _decoded(text)
        self._settle(record)
        expected = self._expected(found.seq)
        if found.seq < expected:
            what = f"record {found.seq} is out of order, or a copy of an earlier line"
            self._problem(path, line, what)
            return
        if found.seq > expected:
            what = f"{_span(expected, found.seq - 1)} missing before this"
            self._problem(path, line, what)
        elif self._prev is not None and found.prev != self._prev:
            what = f"record {found.seq} does not follow from the previous record"
            self._problem(path, line, what)
        self._take(path, line, found, record)

    def _expected(self, seq: int) -> int:
        if self._next is None:
            oldest = self._head.oldest if self._head is not None else seq
            self._next = oldest
            self._prev = GENESIS if oldest == 1 else None
        return self._next

    def _take(self, path: Path, line: int, found: Link, record: Record | None) -> None:
        result = self._result
        result.records += 1
        result.last = found.seq, found.hash
        self._next, self._prev = found.seq + 1, found.hash
        if self._anchor is not None and self._anchor[0] == found.seq:
            if self._anchor[1] != found.hash:
                self._problem(path, line, f"record {found.seq} does not match the anchor")
            self._anchor = None
        if record is not None and record.event == "lost":
            result.lost += record.count
            result.notes.append(Place(path, line, f"{record.count} records could not be written"))
        elif record is not None and record.event == "recovered" and not record.torn:
            result.notes.append(Place(path, line, record.reason))

    def _problem(self, path: Path, line: int, what: str) -> None:
        self._result.problems.append(Place(path, line, what))


def _span(first: int, last: int) -> str:
    return f"record {first} is" if first == last else f"records {first} to {last} are"


def _decoded(text: bytes) -> Record | None:
    try:
        return msgspec.json.decode(text, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def records(folder: Path) -> Iterator[Record]:
    """Yield every readable record, in order."""
    for path in files(folder):
        with path.open("rb") as file:
            for line in file:
                record = _decoded(line)
                if record is not None:
                    yield record
