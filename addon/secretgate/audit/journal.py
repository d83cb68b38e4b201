"""The files of the audit log: `audit.jsonl`, older `audit-<first record>.jsonl`, `audit.head`.

All workers of an installation write one chain. Each batch is appended under a lock, after what
other workers have written, and then the head is updated. A batch that cannot be written completely,
for example because the disk is full, is removed again. If a process or machine dies in between, the
head may lag behind, which the next writer corrects, or a line may be cut off, which the next writer
terminates and reports.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from secretgate.audit import chain
from secretgate.audit.chain import GENESIS, HEAD_SIZE, Head
from secretgate.audit.locks import locked
from secretgate.audit.record import Record, stamp
from secretgate.state import private_file, private_folder

CURRENT = "audit.jsonl"
HEAD = "audit.head"
_OLDER = re.compile(r"audit-([0-9]{10,18})\.jsonl\Z")

_LONGEST = 1 << 20
"""Longer than any record."""


def files(folder: Path) -> list[Path]:
    """Return the log files, oldest first."""
    older = sorted(
        (int(match[1]), path) for path in folder.iterdir() if (match := _OLDER.match(path.name))
    )
    current = folder / CURRENT
    return [*(path for _, path in older), *([current] if current.exists() else [])]


@contextlib.contextmanager
def head_locked(
    folder: Path, key: bytes, opened: Callable[[Path, int], int] = private_file
) -> Iterator[tuple[int, Head | None, bool]]:
    """Lock the head; yield its file descriptor, the head if valid, and whether the file had content."""
    descriptor = opened(folder / HEAD, os.O_RDWR | os.O_CREAT)
    try:
        with locked(descriptor):
            os.lseek(descriptor, 0, os.SEEK_SET)
            sealed = os.read(descriptor, HEAD_SIZE)
            yield descriptor, chain.open_head(key, sealed), bool(sealed)
    finally:
        os.close(descriptor)


class Journal:
    """Appends to the log files.

    `rotate`: maximum bytes per file; `keep`: number of older files kept; 0 means no limit.
    """

    def __init__(self, folder: Path, key: bytes, rotate: int = 0, keep: int = 0) -> None:
        self.folder = folder
        self._key = key
        self._rotate = rotate
        self._keep = keep

    def check(self) -> None:
        """Check that only the owner has access to the existing log; raise OSError or StateError."""
        if not self.folder.exists():
            return
        private_folder(self.folder)
        for path in {self.folder / HEAD, self.folder / CURRENT, *files(self.folder)}:
            with contextlib.suppress(FileNotFoundError):
                os.close(private_file(path, os.O_RDONLY))

    def prepare(self) -> None:
        """Create what is missing; raise OSError or StateError if nothing could be written."""
        private_folder(self.folder)
        with head_locked(self.folder, self._key):
            os.close(self._open())

    def write(self, records: Sequence[bytes]) -> None:
        self.append(records)

    def close(self) -> None:
        """Do nothing: no file stays open between batches."""

    def append(self, records: Sequence[bytes]) -> Head:
        """Append records (JSON objects), all or none; return the new head. Raise OSError."""
        private_folder(self.folder)
        with head_locked(self.folder, self._key) as (descriptor, head, existed):
            log = self._open()
            try:
                head, owed = self._caught_up(log, head, existed)
                if self._rotate and head.size and head.size + _length(records) > self._rotate:
                    os.close(log)
                    log = -1
                    head = self._rotated(head)
                    log = self._open()
                head = self._write(log, head, [*owed, *records])
            finally:
                if log >= 0:
                    os.close(log)
            # The records are written; if the head cannot be, the next batch corrects it.
            with contextlib.suppress(OSError):
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, head.sealed(self._key))
            return head

    def _open(self) -> int:
        return private_file(self.folder / CURRENT, os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def _write(self, log: int, head: Head, records: Sequence[bytes]) -> Head:
        seq, last, lines = head.seq, head.hash, []
        for record in records:
            seq += 1
            line, last = chain.seal(self._key, seq, last, record)
            lines.append(line)
        data = memoryview(b"".join(lines))
        size = os.fstat(log).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(log, data[written:])
            os.fsync(log)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(log, size)
            raise
        return msgspec.structs.replace(head, seq=seq, hash=last, size=size + len(data))

    def _caught_up(
        self, log: int, head: Head | None, existed: bool
    ) -> tuple[Head, Sequence[bytes]]:
        """Return the head that matches the file, and records that report what was wrong."""
        size = os.fstat(log).st_size
        if head is not None and size == head.size:
            return head, ()
        owed: list[bytes] = []
        if head is None:
            head = self._remade()
            if existed or head.seq:
                owed.append(_recovered("the head was missing or damaged"))
        if size < head.size:
            owed.append(_recovered("the file was shorter than the head says"))
            head = msgspec.structs.replace(head, size=size - _torn(log, size))
        whole, _, torn = _read(log, head.size, size).rpartition(b"\n")
        for line in whole.split(b"\n") if whole else ():
            found = chain.link(self._key, line)
            if found is not None and found.sound and found.seq == head.seq + 1:
                head = msgspec.structs.replace(head, seq=found.seq, hash=found.hash)
        if torn:
            os.write(log, b"\n")
            owed.append(_recovered("a line was cut off", torn=len(torn)))
        return msgspec.structs.replace(head, size=size + bool(torn)), owed

    def _remade(self) -> Head:
        """Rebuild the head from the files."""
        there = files(self.folder)
        firsts = [_ends(path)[0] for path in there]
        known = [first for first in firsts if first is not None]
        last = next(
            (end for path in reversed(there) if (end := _ends(path)[1]) is not None), (0, GENESIS)
        )
        current = self.folder / CURRENT
        return Head(
            seq=last[0],
            hash=last[1],
            size=_whole(current),
            first=(_ends(current)[0] if current.exists() else None) or last[0] + 1,
            oldest=known[0] if known else 1,
        )

    def _rotated(self, head: Head) -> Head:
        first = head.first
        while (target := self.folder / f"audit-{first:010d}.jsonl").exists():
            first += 1
        (self.folder / CURRENT).replace(target)
        older = [path for path in files(self.folder) if path.name != CURRENT]
        gone = older[: -self._keep] if self._keep else []
        for path in gone:
            path.unlink(missing_ok=True)
        kept = older[len(gone) :]
        match = _OLDER.match(kept[0].name) if kept else None
        oldest = int(match[1]) if match else head.seq + 1
        return msgspec.structs.replace(head, size=0, first=head.seq + 1, oldest=oldest)


def _recovered(reason: str, torn: int = 0) -> bytes:
    record = Record(
        time=stamp(time.time()), event="recovered", process=os.getpid(), reason=reason, torn=torn
    )
    return msgspec.json.encode(record)


def _length(records: Sequence[bytes]) -> int:
    return sum(len(record) + 170 for record in records)


def _read(log: int, start: int, end: int) -> bytes:
    os.lseek(log, start, os.SEEK_SET)
    pieces = []
    while start < end and (piece := os.read(log, min(end - start, 1 << 20))):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _torn(log: int, size: int) -> int:
    """Return the number of bytes after the last line end."""
    tail = _read(log, max(0, size - _LONGEST), size)
    return len(tail.rpartition(b"\n")[2])


def _ends(path: Path) -> tuple[int | None, tuple[int, str] | None]:
    """Return the number of a file's first record, and the number and hash of its last."""
    first: int | None = None
    last: tuple[int, str] | None = None
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            found = chain.link(b"", line.rstrip(b"\n")) if line.endswith(b"\n") else None
            if found is not None:
                first = found.seq if first is None else first
                last = found.seq, found.hash
    return first, last


def _whole(path: Path) -> int:
    """Return the length of a file up to the end of its last complete line."""
    size = 0
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            size += len(line) if line.endswith(b"\n") else 0
    return size
