"""Extracts text from files that are not text: PDF, office formats, compressed files, and others.

The others are databases, programs, uncompressed archives and text in UTF-16, whose readable words
are taken as stored. All of it is searched for secrets, never edited: a PDF, for one, cannot be
rewritten without changing its appearance. A finding therefore decides over the whole request.
Scanned pages have no text; nor do pages whose fonts map glyphs by a table of their own, unless
`pypdf` is installed (the extra `pdf`), which reads such tables.
"""

from __future__ import annotations

import bz2
import io
import logging
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

import zstandard

from secretgate.bodies.parts import WIDE_MARKS, decodes

LIMIT: Final = 32 << 20
"""Maximum number of bytes unpacked from one document."""
_CHUNK: Final = 2 << 10
"""How many bytes are unpacked at once: bzip2 can make 40 MB of so many."""
_STREAM: Final = re.compile(rb"stream\r?\n")
_PICTURE: Final = re.compile(rb"/Subtype\s*/Image\b")
_HEAD: Final = 1000
"""Maximum number of bytes before a stream that describe it."""
_SHOWN: Final = re.compile(
    rb"\((?P<text>(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+)\)?|<(?P<hex>[0-9A-Fa-f\s]+)>(?!>)"
    rb"|(?P<move>\b(?:Td|TD|Tm|T\*|ET|BT)\b|['\"])",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(rb"\\(?:([0-7]{1,3})|\r?\n|(.))", re.DOTALL)
_SHORT: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_MEDIA: Final = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF.{4}(?:WEBP|WAVE|AVI )|BM.{4}\0\0|II\*\0|MM\0\*|ID3|\xff[\xe0-\xff]"
    rb"|OggS|fLaC|.{4}ftyp|\x1aE\xdf\xa3|\x1f\x8b|\x28\xb5\x2f\xfd|7z\xbc\xaf|BZh|\xfd7zXZ|wOF[F2]",
    re.DOTALL,
)
"""Magic bytes of media, fonts and compressed files, which hold no text as stored."""
_CONTROL: Final = re.compile(rb"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_WORDS: Final = re.compile(rb"[\t -~]{8,}")
_TAR: Final = slice(257, 262)
_SQLITE: Final = b"SQLite format 3\0"
_TAG: Final = re.compile(rb"<[^<>]*>")
_PARAGRAPH: Final = re.compile(rb"</(?:w:p|a:p|row|si|text:p)>|<(?:w:br|w:cr|text:line-break)[ /]")
_BROKEN: Final = (
    zlib.error,
    lzma.LZMAError,
    zstandard.ZstdError,
    zipfile.BadZipFile,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
)
"""What broken and encrypted archives raise."""
_DEEPEST: Final = 3
"""How deep archives within archives are read."""
_ENTITIES: Final = (
    (b"&lt;", b"<"),
    (b"&gt;", b">"),
    (b"&quot;", b'"'),
    (b"&apos;", b"'"),
    (b"&amp;", b"&"),
)


def sealed(raw: bytes) -> bool:
    """Whether a file is a document that must not be edited in place, even if it looks like text.

    A PDF records the offset of every object in it, an archive its length.
    """
    return raw.startswith((b"%PDF-", b"PK\x03\x04", _SQLITE)) or raw[_TAR] == b"ustar"


def is_file(raw: bytes) -> bool:
    """Whether the first bytes identify a format that is not text."""
    return _MEDIA.match(raw) is not None or sealed(raw) or raw.startswith((b"\0asm", b"\x7fELF"))


def is_text(raw: bytes) -> bool:
    """Whether a file is text that can be edited in place: UTF-8, or one byte per character.

    The latter, such as Latin-1, differs from binary data by the absence of control characters.
    """
    if sealed(raw) or _is_wide(raw):
        return False
    return decodes(raw) or (_CONTROL.search(raw) is None and _MEDIA.match(raw) is None)


def is_certain(raw: bytes) -> bool:
    """Whether bytes are UTF-8, wide characters or of a known format, which chance does not make."""
    return is_file(raw) or _is_wide(raw) or decodes(raw)


def _is_wide(raw: bytes) -> bool:
    """Whether the bytes look like characters of two or four bytes."""
    return raw.count(0) * 3 > len(raw)


def extracted(raw: bytes) -> tuple[bytes, bool]:
    """Return the text of a file, and whether that is all of it; empty if none can be read."""
    left = [LIMIT]
    return b"\n".join(_texts(raw, left, _DEEPEST)), left[0] > 0


def _texts(raw: bytes, left: list[int], deeper: int) -> Iterator[bytes]:
    """Yield the texts of a file. `left`: how many bytes may still be unpacked."""
    if raw.startswith(b"%PDF-"):
        yield from _pdf(raw, left)
        yield _by_pypdf(raw)
    elif raw.startswith(b"PK\x03\x04"):
        with suppress(*_BROKEN):
            yield from _zipped(raw, left, deeper)
    elif unpack := next((_UNPACK[mark] for mark in _UNPACK if raw.startswith(mark)), None):
        yield from _within(_unpacked(unpack(raw), left[0]), left, deeper)
    else:
        yield _standing(raw)


def _within(content: bytes, left: list[int], deeper: int) -> Iterator[bytes]:
    """Yield the texts of what was unpacked."""
    left[0] -= len(content)
    if is_text(content):
        yield content
    elif deeper and left[0] > 0:
        yield from _texts(content, left, deeper - 1)


def _standing(raw: bytes) -> bytes:
    """Return the readable words stored uncompressed in a file, whatever the character width."""
    for mark, encoding in WIDE_MARKS:
        if raw.startswith(mark):
            # Whoever reads on past a mark that is wrong sees what is stored.
            return raw.decode(encoding, "replace").encode() + b"\n" + _words(raw)
    if _MEDIA.match(raw):
        return b""
    return _words(raw.replace(b"\0", b"") if _is_wide(raw) else raw)


def _words(raw: bytes) -> bytes:
    return b"\n".join(_WORDS.findall(raw))


def _pdf(raw: bytes, left: list[int]) -> Iterator[bytes]:
    """Yield what pages show, and what stands beside: titles, links, form fields, metadata."""
    streams = list(_streams(raw))
    ends = [0, *(end for _, end in streams)]
    starts = [*(start for start, _ in streams), len(raw)]
    between = zip(ends, starts, strict=True)
    yield from _beside(b"\n".join(raw[start:end] for start, end in between))
    for start, end in streams:
        head = max(0, start - _HEAD)
        if _PICTURE.search(raw, max(head, raw.rfind(b"obj", head, start)), start):
            continue
        content = raw[start:end]
        if content[:1] in (b"\x78", b"\x58", b"\x68"):
            try:
                content = zlib.decompressobj().decompress(content, left[0])
            except zlib.error:
                continue
        left[0] -= len(content)
        if left[0] <= 0:
            return
        if b"BT" in content and (b"Tj" in content or b"TJ" in content or b"'" in content):
            yield _shown(content)
        elif _CONTROL.search(content) is None:
            yield from _beside(content)


def _streams(raw: bytes) -> Iterator[tuple[int, int]]:
    end = 0
    while begin := _STREAM.search(raw, end):
        end = raw.find(b"endstream", begin.end())
        if end < 0:
            return
        yield begin.end(), end
        end += len(b"endstream")


def _beside(objects: bytes) -> Iterator[bytes]:
    """Yield the text of objects that are no page, as stored and as their strings read."""
    yield _words(objects)
    for match in _SHOWN.finditer(objects):
        if match["text"] is not None and (b"\\" in match["text"] or b"\0" in match["text"]):
            yield _words(_ESCAPE.sub(_unescaped, match["text"]).replace(b"\0", b""))
        elif match["hex"] is not None:
            yield _words(_of_hex(match["hex"]))


def _shown(content: bytes) -> bytes:
    """Return the text shown by a page's content stream; a move on the page becomes a line break."""
    out = []
    for match in _SHOWN.finditer(content):
        if match["text"] is not None:
            out.append(_ESCAPE.sub(_unescaped, match["text"]))
        elif match["hex"] is not None:
            out.append(_of_hex(match["hex"]))
        else:
            out.append(b"\n")
    return b"".join(out)


def _of_hex(text: bytes) -> bytes:
    digits = b"".join(text.split())
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()).replace(b"\0", b"")


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes([int(match[1], 8) & 255])
    return _SHORT.get(match[2], match[2]) if match[2] else b""


def _by_pypdf(raw: bytes) -> bytes:
    try:
        pypdf = import_module("pypdf")
    except ImportError:
        return b""
    # Its warnings may quote the file.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        pages = pypdf.PdfReader(io.BytesIO(raw)).pages
        return "\n".join(page.extract_text() for page in pages).encode("utf-8", "surrogatepass")
    except (pypdf.errors.PyPdfError, KeyError, TypeError, AttributeError):
        return b""


def _is_media(head: bytes) -> bool:
    # The mark of UTF-16 reads like the beginning of an MP3.
    others = (b"\xff\xfe", b"\xfe\xff", *_UNPACK)
    return _MEDIA.match(head) is not None and not head.startswith(others)


def _members(raw: bytes, mark: bytes, member: Callable[[], Any]) -> Iterator[bytes]:
    """Yield the content of a compressed file, which may be several files, one after the other."""
    at = 0
    while raw.startswith(mark, at):
        unpacking = member()
        while not unpacking.eof and at < len(raw):
            chunk = raw[at : at + _CHUNK]
            at += len(chunk)
            yield unpacking.decompress(chunk)
        at -= len(unpacking.unused_data)
        while raw.startswith(bytes(4), at):
            at += 4


def _frames(raw: bytes) -> Iterator[bytes]:
    """Yield the content of a zstd file."""
    frames = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    while piece := frames.read1(LIMIT):
        yield piece


_GZIP: Final = b"\x1f\x8b"
_BZIP2: Final = b"BZh"
_XZ: Final = b"\xfd7zXZ"
_UNPACK: Final[dict[bytes, Callable[[bytes], Iterator[bytes]]]] = {
    _GZIP: lambda raw: _members(raw, _GZIP, lambda: zlib.decompressobj(31)),
    _BZIP2: lambda raw: _members(raw, _BZIP2, bz2.BZ2Decompressor),
    _XZ: lambda raw: _members(raw, _XZ, lambda: lzma.LZMADecompressor(memlimit=LIMIT * 4)),
    b"\x28\xb5\x2f\xfd": _frames,
}
"""How compressed files begin, and what unpacks them."""


def _unpacked(pieces: Iterator[bytes], most: int) -> bytes:
    """Return what can be unpacked of a file, broken or not, and somewhat more than `most` at the most."""
    read = []
    with suppress(*_BROKEN):
        for piece in pieces:
            read.append(piece)
            most -= len(piece)
            if most < 0:
                break
    return b"".join(read)


def _zipped(raw: bytes, left: list[int], deeper: int) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        yield archive.comment
        for entry in archive.infolist():
            if left[0] <= 0:
                return
            yield entry.filename.encode("utf-8", "surrogateescape") + b"\n" + entry.comment
            content = b""
            with suppress(*_BROKEN), archive.open(entry) as file:
                head = file.read(16)
                content = b"" if _is_media(head) else head + file.read(left[0])
            if entry.filename.endswith((".xml", ".rels")):
                left[0] -= len(content)
                yield _plain(content)
            else:
                yield from _within(content, left, deeper)


def _plain(xml: bytes) -> bytes:
    text = _TAG.sub(b"", _PARAGRAPH.sub(b"\n<", xml))
    for entity, plain in _ENTITIES:
        text = text.replace(entity, plain)
    return text
