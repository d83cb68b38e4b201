"""Selects the reader for a body: a table of media types, and what the bytes themselves say.

The bytes take precedence over the header. What begins like JSON and is valid JSON is read as JSON
under any type, since that is how a receiver that ignores the type will read it; only then is the
table consulted. (Protobuf is the exception: its tags and lengths may look like white space.) Files
(images, audio, archives) are recognised by their magic bytes: text found in them is scanned
(`documents.py`), the rest only counted. What no reader accepts is `Unreadable`, and policy decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from secretgate.bodies.base import Body, Form, Label, PlainBody, Slot, Unreadable
from secretgate.bodies.documents import is_file, sealed
from secretgate.bodies.envelopes import read_envelopes
from secretgate.bodies.json_body import Seen
from secretgate.bodies.json_reader import begins_like_json
from secretgate.bodies.json_spans import json_slots, read_strictly
from secretgate.bodies.json_walk import Reading, read_json
from secretgate.bodies.jsonl import read_jsonl
from secretgate.bodies.multipart import read_multipart
from secretgate.bodies.parts import IN_ASCII, text_start
from secretgate.bodies.protobuf import read_digits, read_protobuf
from secretgate.bodies.text import read_text
from secretgate.bodies.urlencoded import read_urlencoded
from secretgate.providers import Dialect

Reader = Callable[[bytes, str, Dialect], Body]

_IN_HEX: Final = "protobuf"
"""The dialect whose messages may be strings of hex digits in JSON."""
_MEDIA: Final = re.compile(r"(?:image|audio|video|font)/.*")


def _json(raw: bytes, content_type: str, dialect: Dialect, seen: Seen | None = None) -> Body:
    root = dialect.request_paths.root
    if dialect.name == _IN_HEX:
        return read_digits(read_strictly(raw, root))
    return read_strictly(raw, root) if seen is None else read_json(raw, root, seen)


def _lines(raw: bytes, content_type: str, dialect: Dialect) -> Body:
    return read_jsonl(raw, _part(dialect))


def _multipart(raw: bytes, content_type: str, dialect: Dialect) -> Body:
    return read_multipart(raw, content_type, _part(dialect))


def _part(dialect: Dialect) -> Callable[[bytes], Sequence[Slot]]:
    return lambda part: json_slots(part, dialect.request_paths.root)


def _text(raw: bytes, content_type: str, dialect: Dialect) -> Body:
    return read_text(raw)


def _file(raw: bytes, content_type: str, dialect: Dialect) -> Body:
    """Read a file: as text if it is text, otherwise as bytes that are only counted."""
    if text_start(raw) is not None and not sealed(raw):
        return read_text(raw)
    return PlainBody(raw, [Slot(0, len(raw), Form.RAW, Label.BYTES, b"", "body")])


def _envelopes(raw: bytes, content_type: str, dialect: Dialect) -> Body:
    return read_envelopes(raw, lambda part: _message(part, "", dialect))


def _message(raw: bytes, content_type: str, dialect: Dialect) -> Body:
    return read_protobuf(raw, in_hex=True, credentials=dialect.numbered)


def _json_envelopes(raw: bytes, content_type: str, dialect: Dialect) -> Body:
    return read_envelopes(raw, lambda part: read_strictly(part, dialect.request_paths.root))


BY_TYPE: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "application/json": _json,
        "application/x-amz-json-1.0": _json,
        "application/x-amz-json-1.1": _json,
        "application/jsonl": _lines,
        "application/x-jsonl": _lines,
        "application/jsonlines": _lines,
        "application/x-jsonlines": _lines,
        "application/json-lines": _lines,
        "application/x-ndjson": _lines,
        "application/ndjson": _lines,
        "application/x-json-stream": _lines,
        "application/x-www-form-urlencoded": lambda raw, *_: read_urlencoded(raw),
        "application/proto": _message,
        "application/protobuf": _message,
        "application/x-protobuf": _message,
        "application/vnd.google.protobuf": _message,
        "application/connect+proto": _envelopes,
        "application/grpc": _envelopes,
        "application/grpc+proto": _envelopes,
        "application/grpc-web": _envelopes,
        "application/grpc-web+proto": _envelopes,
        "application/connect+json": _json_envelopes,
        "application/grpc+json": _json_envelopes,
        "application/grpc-web+json": _json_envelopes,
        "application/pdf": _file,
        "application/zip": _file,
        "application/gzip": _file,
        "application/x-tar": _file,
        "application/xml": _text,
        "application/yaml": _text,
        "application/x-yaml": _text,
        "application/javascript": _text,
        "application/x-sh": _text,
    }
)


def read(raw: bytes, content_type: str, dialect: Dialect, seen: Seen | None = None) -> Body:
    """Return a body with its slots. Raises `Unreadable`.

    In JSON, items that were `seen` before are skipped; if `seen` is None, all strings become slots.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if not raw.strip():
        return PlainBody(raw, [])
    if IN_ASCII.search(content_type):
        raise Unreadable("text in UTF-7; send it as UTF-8")
    reader = _reader(media_type)
    if reader is not _json and "proto" not in media_type and begins_like_json(raw):
        try:
            return _json(raw, content_type, dialect, seen)
        except Unreadable:
            if reader is None:
                raise
    if reader is _json or (reader is None and not media_type):
        return _json(raw, content_type, dialect, seen)
    if reader is not None:
        return reader(raw, content_type, dialect)
    if not media_type.startswith("application/grpc") and (
        is_file(raw) or text_start(raw) is not None
    ):
        # Messages of gRPC may also be sent in base64.
        return _file(raw, content_type, dialect)
    raise Unreadable(f"no reader for {media_type}, and the body is not text")


def reading(raw: bytes, content_type: str, dialect: Dialect, seen: Seen) -> Reading | None:
    """Return the reading of a body that says that it is JSON, not begun yet; None for others."""
    media_type = content_type.partition(";")[0].strip().lower()
    if (
        dialect.name == _IN_HEX
        or _reader(media_type) is not _json
        or IN_ASCII.search(content_type)
        or not raw.strip()
    ):
        return None
    return Reading(raw, dialect.request_paths.root, seen)


def read_upload(raw: bytes, dialect: Dialect) -> Body:
    """Return the bytes of a file, or a part of one, that is uploaded on its own, with its slots.

    Its content type says nothing: clients send their default one. Raises `Unreadable`.
    """
    if begins_like_json(raw):
        with suppress(Unreadable):
            return _json(raw, "", dialect)
    return _file(raw, "", dialect)


def _reader(media_type: str) -> Reader | None:
    if reader := BY_TYPE.get(media_type):
        return reader
    if media_type.endswith("+json"):
        return _json
    if media_type.startswith("multipart/"):
        return _multipart
    if media_type.startswith("text/") or media_type.endswith("+xml"):
        return _text
    return _file if _MEDIA.match(media_type) else None
