"""Decoding the text of a slot, and mapping spans of the text back to the slot's bytes.

Decoding is cheap and done for every slot; the offset map is built only where something has to be
edited.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from secretgate.bodies.base import Form

_JSON_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.?)", re.DOTALL
)
_PERCENT_ESCAPE = re.compile(rb"%[0-9a-fA-F]{2}|\+")
_SHORT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}

_json_string = msgspec.json.Decoder(str)
_json_strings = msgspec.json.Decoder(list[str])

_PIECE = 512 << 10
_GROUP = 64 << 10
_SEAM = re.compile(rb"[^\\]{12}(?=[\x00-\x7f\xc2-\xf4])")
"""A point at which no escape and no character is cut: after so many bytes without a backslash."""

Span = Callable[[int, int], tuple[int, int]]


def _json_unit(escape: bytes) -> bytes:
    if escape[1:2] == b"u" and len(escape) >= 6:
        units = bytes.fromhex((escape[2:6] + escape[8:12]).decode())
        return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
    return _SHORT.get(escape[1:], escape[1:])


def _form_unit(escape: bytes) -> bytes:
    return b" " if escape == b"+" else bytes.fromhex(escape[1:].decode())


_UNITS = {Form.JSON: (_JSON_ESCAPE, _json_unit), Form.PERCENT: (_PERCENT_ESCAPE, _form_unit)}


def read(form: Form, raw: bytes) -> bytes:
    """Return the text of a slot, as UTF-8 (lone surrogates included)."""
    if form is Form.JSON:
        if b"\\" not in raw:
            return raw
        if len(raw) > _PIECE:
            return b"".join(_json_text(piece) for piece in _pieces(raw))
        return _json_text(raw)
    if form is Form.PERCENT:
        return unquote_to_bytes(raw.replace(b"+", b" "))
    return bytes.fromhex(raw.decode()) if form is Form.HEX else raw


def _json_text(raw: bytes) -> bytes:
    try:
        return _json_string.decode(b"".join((b'"', raw, b'"'))).encode()
    except (msgspec.DecodeError, UnicodeError):
        return _JSON_ESCAPE.sub(lambda escape: _json_unit(escape[0]), raw)


def unescaped(raws: Iterable[bytes]) -> list[bytes]:
    """Return the texts of JSON slots. They are decoded in groups, as a call for each is costly."""
    texts: list[bytes] = []
    group: list[bytes] = []
    size = 0
    for raw in raws:
        group.append(raw)
        size += len(raw)
        if size > _GROUP:
            texts += _json_texts(group)
            group, size = [], 0
    return texts + _json_texts(group)


def _json_texts(raws: Sequence[bytes]) -> list[bytes]:
    if len(raws) < 2:
        return [read(Form.JSON, raw) for raw in raws]
    try:
        found = _json_strings.decode(b'["%b"]' % b'","'.join(raws))
        return [text.encode() for text in found]
    except (msgspec.DecodeError, UnicodeError):
        half = len(raws) // 2
        return _json_texts(raws[:half]) + _json_texts(raws[half:])


def _pieces(raw: bytes) -> Iterator[bytes]:
    """Split a long string without cutting an escape or a character.

    A single call must not take so long that other threads wait for it.
    """
    at = 0
    while len(raw) - at > _PIECE and (seam := _SEAM.search(raw, at + _PIECE)) is not None:
        yield raw[at : seam.end()]
        at = seam.end()
    yield raw[at:]


def escaped(value: bytes, depth: int) -> bytes:
    """Return a value escaped for `depth` nested JSON string literals."""
    for _ in range(depth):
        text = value.decode("utf-8", "surrogatepass")
        try:
            value = msgspec.json.encode(text)[1:-1]
        except UnicodeEncodeError:
            value = json.dumps(text)[1:-1].encode()
    return value


def write(form: Form, text: bytes) -> bytes:
    """Encode text for a slot of this form."""
    if form is Form.JSON:
        return escaped(text, 1)
    if form is Form.PERCENT:
        return quote_from_bytes(text, safe="").encode()
    return text.hex().encode() if form is Form.HEX else text


def _short_escapes(raw: bytes) -> Span:
    """Return the map for text in which every escape is two bytes that stand for one."""
    # How far `raw` has been read, and the number of escapes until there.
    reached = escapes = 0

    def at(offset: int) -> int:
        nonlocal reached, escapes
        if offset < reached - escapes:
            reached = escapes = 0
        while (ahead := offset + escapes - reached) > 0:
            escapes += raw.count(b"\\", reached, reached + ahead)
            reached += ahead
        return reached

    return lambda start, end: (at(start), at(end))


def mapped(form: Form, raw: bytes) -> Span:
    """Return a function from text spans to byte spans in the slot; it never cuts an escape."""
    if form is Form.JSON and len(raw) > _PIECE and b"\\" in raw:
        return _by_pieces(raw)
    return _mapped(form, raw)


def _by_pieces(raw: bytes) -> Span:
    """Return the map of a long JSON string, built piece by piece on demand."""
    pieces = list(_pieces(raw))
    texts = list(accumulate(map(_size, pieces), initial=0))
    raws = list(accumulate(map(len, pieces), initial=0))
    maps: dict[int, Span] = {}

    def at(place: int, offset: int) -> tuple[int, int]:
        if place not in maps:
            maps[place] = _mapped(Form.JSON, pieces[place])
        first, last = maps[place](offset - texts[place], offset - texts[place])
        return raws[place] + first, raws[place] + last

    def span(start: int, end: int) -> tuple[int, int]:
        first = min(bisect_right(texts, start) - 1, len(pieces) - 1)
        last = max(first, bisect_left(texts, end) - 1)
        return at(first, start)[0], at(last, end)[1]

    return span


def _size(raw: bytes) -> int:
    """Return the length of a JSON slot's text."""
    paired = raw.replace(b"\\\\", b"\\b")
    return len(_json_text(raw)) if b"\\u" in paired else len(raw) - paired.count(b"\\")


def _mapped(form: Form, raw: bytes) -> Span:
    if form is Form.HEX:
        return lambda start, end: (2 * start, 2 * end)
    if form not in _UNITS:
        return lambda start, end: (start, end)
    if form is Form.JSON:
        paired = raw.replace(b"\\\\", b"\\b")
        if b"\\u" not in paired:
            return _short_escapes(paired)
    pattern, unit = _UNITS[form]
    # For each escape: the start and end of its text, and its own start and end.
    begins: list[int] = []
    ends: list[int] = []
    raw_begins: list[int] = []
    raw_ends: list[int] = []
    shift = 0
    for escape in pattern.finditer(raw):
        length = len(unit(escape[0]))
        begins.append(escape.start() - shift)
        shift += len(escape[0]) - length
        ends.append(escape.end() - shift)
        raw_begins.append(escape.start())
        raw_ends.append(escape.end())

    def span(start: int, end: int) -> tuple[int, int]:
        before = bisect_right(ends, start) - 1
        first = start if before < 0 else raw_ends[before] + start - ends[before]
        if before + 1 < len(begins) and begins[before + 1] < start:
            first = raw_begins[before + 1]
        after = bisect_left(begins, end) - 1
        if after < 0:
            last = end
        elif ends[after] >= end:
            last = raw_ends[after]
        else:
            last = raw_ends[after] + end - ends[after]
        return first, last

    return span
