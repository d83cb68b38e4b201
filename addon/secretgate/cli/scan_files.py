"""Lists and reads files for a scan, leaving out what git ignores."""

from __future__ import annotations

import codecs
import os
import re
import stat
import subprocess
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import FileIO
from pathlib import Path

LARGEST = 64 << 20
"""Maximum file size in bytes; larger files are reported as not read."""
_SKIP = frozenset({".git", ".hg", ".svn"})
_BINARY_SAMPLE = 8192
_AT_ONCE = 1 << 16
"""Bytes that are read before a file may turn out to be binary: most files have no more."""


@dataclass(frozen=True, slots=True)
class AddedLine:
    """A line of a diff to scan, with its position in the diff and in the file."""

    begin: int
    start: int
    """Offset of its text, after the sign."""
    end: int
    file: str
    number: int


@dataclass
class Source:
    """A text to scan, as UTF-8, with its origin."""

    name: str
    text: bytes
    encoding: str = "utf-8"
    mark: bytes = b""
    """The file's byte order mark, which is not part of the text."""
    added: list[AddedLine] = field(default_factory=list)
    """The lines of a diff to scan, in order; empty for other texts."""
    _counted: tuple[int, int] = field(default=(0, 0), init=False)

    def covers(self, offset: int) -> bool:
        """Return whether the text at an offset is to be scanned."""
        return not self.added or self._line(offset) is not None

    def place(self, offset: int) -> tuple[str, int, int]:
        """Return file, line and column of an offset; lines and columns count from 1."""
        line = self._line(offset)
        if line:
            return line.file, line.number, self._count(line.start, offset) + 1
        index = bisect_right(self._line_starts, offset) - 1
        return self.name, index + 1, self._count(self._line_starts[index], offset) + 1

    def characters(self, offset: int) -> int:
        """Convert a byte offset to characters of the decoded text; fast for ascending offsets."""
        begin, counted = self._counted if self._counted[0] <= offset else (0, 0)
        self._counted = (offset, counted + self._count(begin, offset))
        return self._counted[1]

    def lines_around(self, start: int, end: int) -> bytes:
        """Return the lines that contain the bytes from `start` to `end`."""
        low = self.text.rfind(b"\n", 0, start) + 1
        high = self.text.find(b"\n", end)
        return self.text[low : high if high >= 0 else len(self.text)]

    def encode(self, text: bytes) -> bytes:
        """Convert UTF-8 text back to the file's encoding, with its byte order mark."""
        if self.encoding != "utf-8":
            text = text.decode("utf-8", "surrogatepass").encode(self.encoding, "surrogatepass")
        return self.mark + text

    def whole(self) -> Source:
        """Return the same text, all of which is to be scanned."""
        return Source(self.name, self.text, self.encoding, self.mark)

    def _count(self, start: int, end: int) -> int:
        return len(self.text[start:end].decode("utf-8", "replace"))

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer(rb"\n", self.text))]

    def _line(self, offset: int) -> AddedLine | None:
        index = bisect_right(self.added, offset, key=lambda line: line.begin) - 1
        if index < 0 or offset >= self.added[index].end:
            return None
        return self.added[index]


def list_paths(paths: Sequence[Path], unreadable: Callable[[str], None]) -> Iterator[str]:
    """Yield the files named, and those in the folders named."""
    for path in paths:
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            unreadable(f"{path}: no such file or folder")
            continue
        except OSError as error:
            unreadable(f"{path}: {error.strerror}")
            continue
        if is_folder:
            yield from walk(path, unreadable)
        else:
            yield str(path)


_MAGIC = (b"\x7fELF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"\x1f\x8b", b"MZ\x90")


def read(
    files: Iterable[str], unreadable: Callable[[str], None], binaries: Callable[[str], None]
) -> Iterator[Source]:
    """Yield the text files among `files`; report those that cannot be read, and binary ones."""
    for file in files:
        try:
            with FileIO(file) as opened:
                size = os.fstat(opened.fileno()).st_size
                if size > LARGEST:
                    unreadable(f"{file}: larger than {LARGEST >> 20} MB, not read")
                    continue
                data = opened.read(_AT_ONCE)
                if data.startswith(_MAGIC):
                    binaries(file)
                    continue
                if len(data) != size:
                    data += opened.readall()
        except OSError as error:
            unreadable(f"{file}: {error.strerror}")
            continue
        source = from_bytes(file, data)
        if binary(source.text):
            binaries(file)
        else:
            yield source


_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def from_bytes(name: str, data: bytes) -> Source:
    """Return a file's text, decoded as its byte order mark says."""
    for mark, encoding in _MARKS:
        if not data.startswith(mark):
            continue
        body = data[len(mark) :]
        if encoding == "utf-8":
            return Source(name, body, mark=mark)
        try:
            text = body.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            continue
        return Source(name, text, encoding, mark)
    return Source(name, data)


def binary(text: bytes) -> bool:
    """Return whether the content is not text, but for example an image, a program or an archive."""
    sample = text[:_BINARY_SAMPLE]
    return sample.count(b"\0") > len(sample) // 2 + 16 or sample.startswith(_MAGIC)


_LIST = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
_CLOSED = b"warning: could not open directory"


def walk(folder: Path, unreadable: Callable[[str], None]) -> Iterator[str]:
    """Yield the files of a folder that git does not ignore.

    Repositories inside, submodules among them, are read as well. Symbolic links are not followed.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *_LIST],
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError:
        done = None
    if done is None or done.returncode != 0:
        yield from _walk(folder, [], unreadable)
        return
    for warning in done.stderr.splitlines():
        if warning.startswith(_CLOSED):
            unreadable(f"{folder}: git: {os.fsdecode(warning.removeprefix(b'warning: '))}")
    for name in sorted(set(done.stdout.split(b"\0")) - {b""}):
        path = folder / os.fsdecode(name)
        try:
            mode = path.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue  # git lists it, and it was deleted or replaced
        except OSError as error:
            unreadable(f"{path}: {error.strerror}")
            continue
        if stat.S_ISDIR(mode):
            yield from walk(path, unreadable)
        elif stat.S_ISREG(mode):
            yield str(path)


@dataclass(frozen=True)
class _Ignore:
    folder: Path
    pattern: re.Pattern[str]
    keep: bool
    only_folders: bool


_HERE = f".{os.sep}"


def _walk(folder: Path, ignores: list[_Ignore], unreadable: Callable[[str], None]) -> Iterator[str]:
    try:
        ignores = [*ignores, *_ignores(folder)]
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except OSError as error:
        unreadable(f"{folder}: {error.strerror}")
        return
    for entry in entries:
        path = entry.path.removeprefix(_HERE)
        if entry.name in _SKIP or entry.is_symlink() or (ignores and _ignored(Path(path), ignores)):
            continue
        if entry.is_dir():
            yield from _walk(Path(path), ignores, unreadable)
        elif entry.is_file():
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
        pattern = pattern.removeprefix("!")
        yield _Ignore(folder, _glob(pattern), keep, pattern.endswith("/"))


_GLOB = re.compile(r"/\*\*$|\*\*/|\*+|\?|\[[!^]?\]?[^\]]*\]|\\.|.")
_GLOBS = {"/**": "/.+", "**/": "(?:.*/)?", "?": "[^/]"}


def _glob(pattern: str) -> re.Pattern[str]:
    """Compile a .gitignore line into an expression for paths relative to its folder."""
    body = pattern.rstrip("/")
    anchored = "/" in body
    parts = []
    for part in _GLOB.findall(body.removeprefix("/")):
        if part.startswith("*") and part not in _GLOBS:
            parts.append("[^/]*")
        elif len(part) > 2 and part.startswith("["):
            parts.append("[^" + part[2:] if part[1] in "!^" else part)
        else:
            parts.append(_GLOBS.get(part) or re.escape(part.removeprefix("\\")))
    try:
        return re.compile(("" if anchored else "(?:.*/)?") + "".join(parts))
    except re.error:
        return re.compile("(?!)")


def _ignored(path: Path, ignores: list[_Ignore]) -> bool:
    ignored = False
    for line in ignores:
        if line.only_folders and not path.is_dir():
            continue
        if line.pattern.fullmatch(path.relative_to(line.folder).as_posix()):
            ignored = not line.keep
    return ignored
