"""Files that contain a text, of every kind that is read, made when a test runs."""

from __future__ import annotations

import contextlib
import io
import sqlite3
import tarfile
import zipfile
import zlib

LARGE = b"a word " * (5 << 20)


def pdf(text: str, packed: bool = True, style: str = "plain") -> bytes:
    shown = {
        "plain": f"({text}) Tj",
        "kerned": "["
        + " -20 ".join(f"({text[at : at + 3]})" for at in range(0, len(text), 3))
        + "] TJ",
        "hex": f"<{text.encode().hex()}> Tj",
        "octal": "(" + "".join(f"\\{ord(char):03o}" for char in text) + ") Tj",
    }[style]
    page = f"BT /F1 12 Tf 72 720 Td {shown} ET".encode()
    content = zlib.compress(page) if packed else page
    head = f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode()
    return b"%PDF-1.7\n1 0 obj\n" + head + content + b"\nendstream\nendobj\n%%EOF\n"


def docx(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        runs = "".join(
            f"<w:r><w:t>{text[at : at + 5]}</w:t></w:r>" for at in range(0, len(text), 5)
        )
        archive.writestr("word/document.xml", f"<w:document><w:p>{runs}</w:p></w:document>")
        archive.writestr("word/media/image1.png", b"\x89PNG" + bytes(200))
    return file.getvalue()


def archive(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("project/.env", f"KEY={text}\n")
    return file.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("logo.png", b"\x89PNG" + bytes(200))
        packed.writestr(name, content)
    return file.getvalue()


def locked(text: str) -> bytes:
    """Return an archive whose first entry is marked as encrypted, in both places that say so."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("first.env", bytes(20))
        packed.writestr("second.env", text)
    raw = bytearray(file.getvalue())
    raw[6] |= 1
    raw[raw.index(b"PK\1\2") + 8] |= 1
    return bytes(raw)


def pdf_with(objects: bytes, packed: bool = False) -> bytes:
    """Return a PDF with something beside its page."""
    if packed:
        content = zlib.compress(objects)
        objects = b"<< /Type /ObjStm >>\nstream\n" + content + b"\nendstream"
    return pdf("hello").replace(b"%%EOF", b"2 0 obj\n" + objects + b"\nendobj\n%%EOF")


def unpacked(text: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("project/.env")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
    return file.getvalue()


def database(text: str) -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
        connection.execute("INSERT INTO notes VALUES (?)", (text,))
        connection.commit()
        return connection.serialize()


def program(text: str) -> bytes:
    return b"\x7fELF\2\1\1" + bytes(range(256)) + text.encode() + b"\0" + bytes(range(128, 256))


def large_pdf() -> bytes:
    page = zlib.compress(b"BT (" + LARGE + b") Tj ET")
    return b"%PDF-1.7\n1 0 obj\n<<>>\nstream\n" + page + b"\nendstream"
