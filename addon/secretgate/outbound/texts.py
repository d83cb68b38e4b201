"""Obtains the text of a slot: as it stands, decoded from base64, or extracted from a document."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, overload

from secretgate.bodies import documents, forms
from secretgate.bodies.base import SHORTEST, Body, Form, Label, Slot
from secretgate.bodies.columns import Columns
from secretgate.bodies.json_body import JsonBody
from secretgate.outbound import split_keys
from secretgate_rules.keys import Keys

_HEADS = (
    b"JVBERi0",
    b"UEsDB",
    b"H4sI",
    b"SDRzSU",
    b"QlpoO",
    b"/Td6WF",
    b"_Td6WF",
    b"KLUv/",
    b"KLUv_",
    b"U1FMaXRlIGZvcm1hdC",
)
"""How base64 of a PDF, a ZIP archive, gzip (once and twice, as Helm's secrets), bzip2, xz, zstd and SQLite begins."""
_PACKED = Keys(_HEADS)
_SIGNS = Keys((*_HEADS, split_keys.NAMED))
_TWICE = b"H4sI"
_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BACKSLASH = ord("\\")
_PACKED_RUN = re.compile(b"(?:%b)" % b"|".join(_HEADS) + rb"[A-Za-z0-9+/_\s-]{60,}+")
_DATA_URL = re.compile(rb"data:[^,;]{0,200}(?:;[^,;]{0,200})*;base64,")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_TOKEN = 512
"""Length in bytes below which what is not quite base64 may be a token instead."""


@dataclass(slots=True)
class Counts:
    """Number of bytes of a request, by how they were treated."""

    scanned: int = 0
    opaque: int = 0
    credential: int = 0
    bytes: int = 0
    cut: int = 0
    """Number of files of which only the beginning was read."""

    def add(self, scanned: int, opaque: int, counted: int) -> None:
        self.scanned += scanned
        self.opaque += opaque
        self.bytes += counted


class Text(NamedTuple):
    """The decoded text of a slot."""

    slot: Slot
    text: bytes
    wrapped: tuple[bytes, bytes] | None
    """For a base64 slot: what precedes the base64, and the base64 itself."""
    sealed: bool = False
    """Whether the text comes from a file that cannot be rewritten."""


def texts(raw: bytes, slots: Iterable[Slot], counts: Counts, short: bool = False) -> list[Text]:
    """Return the texts of slots that may hold a secret. Binary data and credentials are counted.

    `short`: include texts too short to hold a secret.
    """
    read, text_label, json_form = forms.read, Label.TEXT, Form.JSON
    new = tuple.__new__
    shortest = 1 if short else SHORTEST
    found: list[Text] = []
    add = found.append
    escaped: list[int] = []
    for slot in slots:
        start, end, form, label, _, _ = slot
        if label is text_label:
            if end - start >= shortest:
                text = raw[start:end]
                if form is not json_form:
                    text = read(form, text)
                elif _BACKSLASH in text:
                    escaped.append(len(found))
                add(new(Text, (slot, text, None, False)))
        elif label is Label.CREDENTIAL:
            counts.credential += end - start
        elif label is not Label.OPAQUE:
            entry = _unwrapped(slot, read(form, raw[start:end]), counts)
            if entry is None:
                counts.bytes += end - start
            else:
                counts.scanned += end - start
                add(entry)
    for at, text in zip(escaped, forms.unescaped([found[at].text for at in escaped]), strict=True):
        found[at] = new(Text, (found[at].slot, text, None, False))
    plain = [entry.text for entry in found]
    inside = _inside(plain, counts) if _PACKED.occur(b"\n".join(plain)) else ()
    return [*found, *(new(Text, (found[at].slot, text, None, True)) for at, text in inside)]


def _inside(plain: Sequence[bytes], counts: Counts) -> Iterator[tuple[int, bytes]]:
    """Yield the texts of documents that stand in texts as base64, with the index of the text."""
    for at, text in enumerate(plain):
        if _PACKED.occur(text):
            for run in _PACKED_RUN.findall(text):
                data = _decoded(run)
                within, whole = documents.extracted(
                    _decoded(data) if data.startswith(_TWICE) else data
                )
                counts.cut += not whole
                if within:
                    yield at, within


def _decoded(run: bytes) -> bytes:
    """Return what the base64 stands for that `run` begins with, however it ends."""
    digits = run.translate(_STANDARD, b" \t\r\n")
    digits = digits[: len(digits) - len(digits.lstrip(_DIGITS))]
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    return base64.b64decode(digits + b"=" * (-len(digits) % 4))


_key = attrgetter("key")


class Texts(Sequence[Text]):
    """The texts of a body. Most are plain strings, for which a `Text` is made only on request."""

    def __init__(self, body: Body) -> None:
        self.plain: list[bytes] = []
        self.keys: list[bytes] = []
        self.counts = Counts()
        self.name_keys = False
        """Whether a private key is named in them (see `split_keys`)."""
        self._body = body
        self._strings = body.strings if isinstance(body, JsonBody) else Columns()
        self._read = 0, 0
        self._entries: list[Text | int] = []
        """For each text: a `Text`, or the index of a plain string."""
        self._others: list[Text] = []
        """All texts but the plain strings."""

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Text: ...
    @overload
    def __getitem__(self, index: slice) -> list[Text]: ...
    def __getitem__(self, index: int | slice) -> Text | list[Text]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        entry = self._entries[index]
        if isinstance(entry, int):
            entry = Text(self._strings.slot(entry), self.plain[index], None)
            self._entries[index] = entry
        return entry

    @property
    def from_bytes(self) -> Iterator[Text]:
        """The texts that do not stand in the body as such."""
        return (each for each in self._others if each.sealed or each.slot.label is Label.BYTES)

    def read(self, short: bool) -> None:
        """Add what has been read of the body since the last call; `short` as for `texts`."""
        body, strings = self._body, self._strings
        first, others = self._read
        slots = body.others if isinstance(body, JsonBody) else body.slots
        self._read = len(strings), len(slots)
        raws = strings.raws[first:]
        escaped = [at for at, raw in enumerate(raws) if _BACKSLASH in raw]
        for at, text in zip(escaped, forms.unescaped([raws[at] for at in escaped]), strict=True):
            raws[at] = text
        self.plain += raws
        self.keys += map(_key, strings.kinds[first:])
        self._entries += range(first, len(strings))
        more = list[Text]()
        # One search of everything takes a fraction of the time that one of each string does.
        if _SIGNS.occur(joined := b"\n".join(raws)):
            self.name_keys |= split_keys.NAMED in joined
            for at, text in _inside(raws, self.counts):
                more.append(Text(strings.slot(first + at), text, None, sealed=True))
        more += texts(body.raw, slots[others:], self.counts, short)
        self.name_keys |= any(split_keys.NAMED in entry.text for entry in more)
        self.plain += [entry.text for entry in more]
        self.keys += [entry.slot.key for entry in more]
        self._entries += more
        self._others += more


def count(slots: Iterable[Slot], counts: Counts) -> None:
    """Count the slots that `texts` does not."""
    for slot in slots:
        if slot.label is Label.TEXT:
            counts.scanned += slot.end - slot.start
        elif slot.label is Label.OPAQUE:
            counts.opaque += slot.end - slot.start


def wrapped_like(run: bytes, text: bytes) -> bytes:
    """Return a text in base64: in the alphabet of `run`, with line breaks and padding if it has them."""
    encoded = base64.b64encode(text)
    if b"-" in run or b"_" in run:
        encoded = encoded.translate(_URL_SAFE)
    if len(run.translate(None, b"\r\n")) % 4:
        encoded = encoded.rstrip(b"=")
    first, end, _ = run.partition(b"\r\n") if b"\r" in run else run.partition(b"\n")
    if not end:
        return encoded
    lines = [encoded[at : at + len(first)] for at in range(0, len(encoded), len(first))]
    return end.join(lines) + (end if run.endswith(end) else b"")


def _unwrapped(slot: Slot, text: bytes, counts: Counts) -> Text | None:
    """Return the decoded text of a base64 slot, a plain text unchanged, or None for binary data.

    Google's SDKs write base64 for URLs, and receivers accept it without padding too.
    """
    if documents.sealed(text):
        return _document(slot, text, counts)
    url = _DATA_URL.match(text)
    head = url[0] if url else b""
    run = text[len(head) :]
    digits = run.translate(_STANDARD, b"\r\n")
    try:
        plain = base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        return (
            _document(slot, text, counts)
            if url or not documents.is_text(text)
            else Text(slot, text, None)
        )
    usual = len(digits) % 4 == 0 and b"-" not in run and b"_" not in run
    if not url and (
        len(run) < 24 or not (usual or len(run) >= _TOKEN or documents.is_certain(plain))
    ):
        return Text(slot, text, None)
    if not documents.is_text(plain):
        return _document(slot, plain, counts)
    return Text(slot, plain, (head, run)) if len(plain) >= SHORTEST else None


def _document(slot: Slot, raw: bytes, counts: Counts) -> Text | None:
    """Return the text inside a file, or None if it has none."""
    text, whole = documents.extracted(raw)
    counts.cut += not whole
    return Text(slot, text, None, sealed=True) if len(text.strip()) >= SHORTEST else None
