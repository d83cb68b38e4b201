"""Finds a value in all its spellings.

A search needs fixed bytes, but a value can be spelled in a hundred ways. Every spelling leaves some
of its bytes predictable: escapes do not change letters and digits, base64 depends only on the value
and its offset modulo three, hex only on the case of its letters. These bytes are the *needles*;
where one is found, the text around it is decoded and compared with the value.

A copy in a spelling that could not be written again from the value (HTML references, doubled quotes
and dollars) is returned as a value of its own: what is found there is the spelling.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from html.entities import html5
from itertools import product
from typing import Final

import msgspec

from . import views
from .memo import remembered
from .model import Layer, Part

PLAIN: Final = 0
IN_BASE64: Final = 1
IN_HEX: Final = 2

_SAFE = re.compile(rb"[A-Za-z0-9_~.-]+")
_WORD = re.compile(rb"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{4,}")
"""What of a value is spelled the same in Markdown too, which escapes `_`: no ordinary word."""
_PIECE: Final = 24
"""Maximum length of base64 needles, because a line break could split longer ones."""
_DEEPEST: Final = 3
"""Maximum number of times that a value may be escaped."""


_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


class Needle(msgspec.Struct, frozen=True, gc=False):
    """Bytes to search for, and how to decode the text around them.

    There are many, which the garbage collector need not visit.
    """

    text: bytes
    kind: int
    offset: int
    """Start of a plain needle in the value; -1 if the needle is one spelling of the whole value."""


@remembered(4096)
def needles(value: bytes, everywhere: bool) -> tuple[Needle, ...]:
    """Return the needles of a value; only plain ones unless `everywhere`."""
    found: list[Needle] = []
    if word := max(_WORD.findall(value), key=len, default=b""):
        found.append(Needle(word, PLAIN, value.index(word)))
    elif _SAFE.fullmatch(value):
        found.append(Needle(value, PLAIN, 0))
    elif len(core := max(_SAFE.findall(value), key=len, default=b"")) >= min(3, len(value)):
        found.append(Needle(core, PLAIN, value.index(core)))
    else:
        found += (Needle(form, PLAIN, -1) for form in _forms(value))
    if everywhere:
        found += (Needle(text, IN_BASE64, 0) for text in _base64_needles(value))
        digits = value.hex().encode()
        found += (Needle(text, IN_HEX, 0) for text in {digits, digits.upper()})
    return tuple(found)


def _forms(value: bytes) -> set[bytes]:
    forms = {value}
    text = value.decode("utf-8", "surrogateescape")
    for ascii_only in (True, False):
        escaped = text
        for _ in range(_DEEPEST):
            escaped = json.dumps(escaped, ensure_ascii=ascii_only)[1:-1]
            forms.add(escaped.encode("utf-8", "surrogateescape"))
    for form in (b"%%%02X", b"%%%02x"):
        forms.add(b"".join(bytes([c]) if _SAFE.match(bytes([c])) else form % c for c in value))
    return forms


def _base64_needles(value: bytes) -> set[bytes]:
    found: set[bytes] = set()
    for shift in range(3):
        digits = base64.b64encode(b"\0" * shift + value).rstrip(b"=")
        settled = digits[(0, 2, 3)[shift] : (shift + len(value)) * 8 // 6]
        size = min(_PIECE, max(8, len(settled) // 2))
        for piece in {settled[:size], settled[-size:]}:
            if len(piece) >= 8:
                found.add(piece)
                if b"+" in piece or b"/" in piece:
                    found.add(piece.translate(_URL_SAFE))
    return found


def read(text: bytes, place: int, needle: Needle, value: bytes) -> Iterator[Part]:
    """Yield the copies of a value around a needle at offset `place`."""
    if needle.kind == IN_HEX:
        span = (place, place + len(needle.text))
        yield Part(*span, value, (Layer(views.HEX, *span),), (0, len(value)))
    elif needle.kind == IN_BASE64:
        yield from _in_base64(text, place, value)
    elif needle.offset < 0:
        part = _spelt(text, place, place + len(needle.text), value)
        if part:
            yield part
    else:
        start, end = place, place + len(needle.text)
        first = start - needle.offset
        if first >= 0 and text.startswith(value, first) and _SAFE.fullmatch(value):
            yield Part(first, first + len(value), value)
            return
        if needle.offset:
            match = _before(value[: needle.offset]).search(
                text, max(0, start - 24 * needle.offset), start
            )
            if match is None:
                return
            start = match.start()
        rest = value[needle.offset + len(needle.text) :]
        if rest:
            match = _behind(rest).match(text, end)
            if match is None:
                return
            end = match.end()
        yield _copy(text, start, place, end, value) or Part(start, end, text[start:end])


def _copy(text: bytes, start: int, place: int, end: int, value: bytes) -> Part | None:
    """Return the part for a span that reads as the value, if a view decodes it to the value."""
    part = _spelt(text, start, end, value)
    while part is None and text.startswith((b"\\", value[:1]), start, place):
        # It precedes the value, as in a path, and does not escape its first character.
        start += 1
        part = _spelt(text, start, end, value)
    return part


@remembered(1024)
def _behind(value: bytes) -> re.Pattern[bytes]:
    return re.compile(b"".join(_spelling(char) for char in _characters(value)))


@remembered(1024)
def _before(value: bytes) -> re.Pattern[bytes]:
    return re.compile(b"".join(_spelling(char) for char in _characters(value)) + rb"\Z")


def _characters(value: bytes) -> list[bytes]:
    return re.findall(rb"[\x00-\x7f]|[\xc2-\xf4][\x80-\xbf]+|[\x80-\xff]", value)


_DOUBLED: Final = frozenset((b"$", b"'", b'"', b"%", b"{", b"}"))
"""Characters that some formats escape by doubling them: Compose files, SQL, CSV, templates."""
_SHORT = {b"\n": b"n", b"\r": b"r", b"\t": b"t", b"\b": b"b", b"\f": b"f"}


def _spelling(char: bytes) -> bytes:
    percent = b"".join(b"%%(?:25){0,2}(?i:%02x)" % byte for byte in char)
    forms = [percent]
    try:
        units = char.decode("utf-8", "surrogatepass").encode("utf-16-be", "surrogatepass")
        pairs = [units[at : at + 2].hex().encode() for at in range(0, len(units), 2)]
        forms.append(b"".join(rb"\\{1,7}u(?i:%b)" % pair for pair in pairs))
    except UnicodeDecodeError:
        pass
    if char == b"\\":
        forms.append(rb"\\{1,8}")
    elif char in _SHORT:
        forms += [re.escape(char), rb"\\{1,7}" + _SHORT[char]]
    elif char.isalnum():
        forms.insert(0, char)
    else:
        forms.insert(0, rb"\\{0,7}" + re.escape(char))
        forms += _references(char)
    if char == b" ":
        forms.append(rb"\+")
    if char in _DOUBLED:
        forms.append(re.escape(char * 2))
    return b"(?:" + b"|".join(forms) + b")"


def _references(char: bytes) -> list[bytes]:
    """Return expressions for the HTML references to a character, also where `&` is escaped again."""
    if not char.isascii():
        return []
    names = [name.encode() for name, said in html5.items() if said == char.decode() and ";" in name]
    numbers = [b"#0{0,4}%d;" % char[0], b"#[xX]0{0,4}(?i:%x);" % char[0]]
    return [b"&(?:amp;){0,2}(?:%b)" % b"|".join([*numbers, *names])]


_CHAINS: Final = tuple(
    chain
    for depth in range(1, _DEEPEST + 1)
    for chain in product((views.JSON, views.PERCENT), repeat=depth)
)


def _spelt(text: bytes, start: int, end: int, value: bytes) -> Part | None:
    """Return the part for a span, with the layers that decode it to the value, or None."""
    raw = text[start:end]
    if raw == value:
        return Part(start, end, value)
    for chain in _CHAINS:
        layers: list[Layer] = []
        said, low = raw, start
        for kind in chain:
            layers.append(Layer(kind, low, low + len(said)))
            said, low = views.decode(kind, said).text, 0
        if said == value:
            return Part(start, end, value, tuple(layers), (0, len(value)))
    return None


_RUN_CHARS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-\r\n \t")
_FARTHEST: Final = 1 << 16


def _in_base64(text: bytes, place: int, value: bytes) -> Iterator[Part]:
    begin = place
    floor = max(0, place - _FARTHEST)
    while begin > floor and text[begin - 1] in _RUN_CHARS:
        begin -= 1
    start = begin
    while True:
        end = views.base64_end(text, start)
        if end > place:
            break
        start = max(end, start + 1)
    for skip in range(4):
        raw = text[start + skip : end]
        said = views.decode(views.BASE64, raw).text
        at = said.find(value)
        if at < 0:
            continue
        layer = Layer(views.BASE64, start + skip, end)
        while at >= 0:
            low, high = views.base64_span(raw, at, at + len(value))
            inner = (at, at + len(value))
            yield Part(layer.start + low, layer.start + high, value, (layer,), inner)
            at = said.find(value, at + 1)
        return
