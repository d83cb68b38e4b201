"""What a scan reads: files, folders as git sees them, standard input, diffs."""

from __future__ import annotations

import codecs
import fnmatch
import os
import re
import subprocess
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

LARGEST = 64 << 20
"""Files larger than this are not read, and said so."""
_SKIP = frozenset({".git", ".hg", ".svn"})
_BINARY_SAMPLE = 8192


@dataclass
class Source:
    """A text to scan, as UTF-8, and where it came from."""

    name: str
    text: bytes
    encoding: str = "utf-8"
    hunks: list[tuple[int, int, str, int]] = field(default_factory=list)
    """Of a diff: start and end of each added line, its file, its line there."""

    def covers(self, offset: int) -> bool:
        """Whether an offset is in what is to be scanned: of a diff, the lines it adds."""
        return not self.hunks or self._hunk(offset) is not None

    def place(self, offset: int) -> tuple[str, int, int]:
        """File, line and column (both from 1) of an offset."""
        hunk = self._hunk(offset)
        if hunk:
            start, _, name, line = hunk
            return name, line, len(self.text[start + 1 : offset].decode("utf-8", "replace")) + 1
        index = bisect_right(self._line_starts, offset) - 1
        column = len(self.text[self._line_starts[index] : offset].decode("utf-8", "replace")) + 1
        return self.name, index + 1, column

    def characters(self, offset: int) -> int:
        """An offset in characters of the decoded text."""
        return len(self.text[:offset].decode("utf-8", "replace"))

    def lines_around(self, start: int, end: int) -> bytes:
        """The lines that a stretch touches."""
        low = self.text.rfind(b"\n", 0, start) + 1
        high = self.text.find(b"\n", end)
        return self.text[low : high if high >= 0 else len(self.text)]

    def encode(self, text: bytes) -> bytes:
        """UTF-8 back into the file's own encoding."""
        if self.encoding == "utf-8":
            return text
        return text.decode("utf-8", "surrogatepass").encode(self.encoding, "surrogatepass")

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer(rb"\n", self.text))]

    def _hunk(self, offset: int) -> tuple[int, int, str, int] | None:
        index = bisect_right(self.hunks, offset, key=lambda hunk: hunk[0]) - 1
        if index < 0 or offset >= self.hunks[index][1]:
            return None
        return self.hunks[index]


def read_stdin(data: bytes) -> Source:
    """Standard input; of a diff only what it adds is scanned."""
    return diff(data) if _DIFF.search(data) else _source("-", data)


def staged() -> Iterator[Source]:
    """What git has staged."""
    command = ["git", "diff", "--cached", "--no-color", "--no-ext-diff", "-U3"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise ValueError(
            f"git diff --cached failed: {done.stderr.decode('utf-8', 'replace').strip()}"
        )
    yield diff(done.stdout)


_DIFF = re.compile(rb"(?m)^(?:diff --git |--- .*\n\+\+\+ )")
_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")


def diff(data: bytes) -> Source:
    """A unified diff."""
    source = Source("-", data)
    name, line, offset = "-", 0, 0
    for raw in data.splitlines(keepends=True):
        start, offset = offset, offset + len(raw)
        hunk = _HUNK.match(raw)
        if raw.startswith(b"+++ "):
            name = raw[4:].strip().decode("utf-8", "replace").removeprefix("b/")
        elif hunk:
            line = int(hunk[1])
        elif raw.startswith(b"+"):
            source.hunks.append((start, offset, name, line))
            line += 1
        elif raw.startswith(b" "):
            line += 1
    if not source.hunks:
        source.hunks.append((-1, -1, "-", 0))
    return source


def read_paths(paths: Sequence[Path], unreadable: Callable[[str], None]) -> Iterator[Source]:
    """The files named, and those in the folders named."""
    for path in paths:
        if not path.exists():
            unreadable(f"{path}: no such file or folder")
            continue
        for file in walk(path) if path.is_dir() else [path]:
            try:
                if file.stat().st_size > LARGEST:
                    unreadable(f"{file}: larger than {LARGEST >> 20} MB, not read")
                    continue
                data = file.read_bytes()
            except OSError as error:
                unreadable(f"{file}: {error.strerror}")
                continue
            source = _source(str(file), data)
            if not _binary(source.text):
                yield source


def _source(name: str, data: bytes) -> Source:
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            text = data.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
            return Source(name, text, encoding)
    return Source(name, data)


def _binary(text: bytes) -> bool:
    sample = text[:_BINARY_SAMPLE]
    return sample.count(b"\0") > len(sample) // 2 + 16 or sample.startswith(_MAGIC)


_MAGIC = (b"\x7fELF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"\x1f\x8b", b"MZ\x90")


def walk(folder: Path) -> Iterator[Path]:
    """The files of a folder that git does not ignore."""
    command = [
        "git",
        "-C",
        str(folder),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        done = None
    if done is not None and done.returncode == 0:
        for name in sorted(set(done.stdout.split(b"\0"))):
            path = folder / os.fsdecode(name)
            if name and path.is_file():
                yield path
        return
    yield from _walk(folder, [])


_Ignore = tuple[Path, str, bool, bool]


def _walk(folder: Path, ignores: list[_Ignore]) -> Iterator[Path]:
    ignores = [*ignores, *_ignores(folder)]
    for path in sorted(folder.iterdir()):
        if path.name in _SKIP or path.is_symlink() or _ignored(path, ignores):
            continue
        if path.is_dir():
            yield from _walk(path, ignores)
        elif path.is_file():
            yield path


def _ignores(folder: Path) -> Iterable[_Ignore]:
    file = folder / ".gitignore"
    if not file.is_file():
        return
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keep = pattern.startswith("!")
        pattern = pattern.lstrip("!")
        yield folder, pattern.rstrip("/"), keep, pattern.endswith("/")


def _ignored(path: Path, ignores: list[_Ignore]) -> bool:
    ignored = False
    for folder, pattern, keep, only_folders in ignores:
        if only_folders and not path.is_dir():
            continue
        name = path.relative_to(folder).as_posix()
        if "/" in pattern:
            hit = fnmatch.fnmatch(name, pattern.lstrip("/"))
        else:
            hit = fnmatch.fnmatch(path.name, pattern)
        if hit:
            ignored = not keep
    return ignored
