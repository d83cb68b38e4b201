"""Disguised secrets: invisible characters and look-alike letters, read as a person would.

Text copied from a web page, a chat or a word processor may contain invisible characters
(zero-width spaces, soft hyphens, direction marks, terminal colours), look-alike letters of other
alphabets, and HTML character references. Two views undo that: `unicode` and `html`. What is found
in them is replaced **as it is spelled**, because the spelling cannot be derived from the decoded
text: the value of a part of such a finding is the original bytes of the text.

Text in other scripts is not changed. A letter counts as its ASCII look-alike only in a word that
has ASCII letters or digits and no letter without a look-alike, or in a run of full-width or
mathematical letters. A finding counts only if part of it, or of what is right before it, was
disguised.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from html.entities import html5
from itertools import chain
from typing import Final

from .database import Database, Expression
from .decoded import Decoded, Meanings, Piece, Token, traced
from .model import Layer

UNICODE: Final = "unicode"
HTML: Final = "html"
KINDS: Final = frozenset((UNICODE, HTML))

_UNSEEN: Final = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB),
    (0x1D173, 0x1D17A), (0xE0001, 0xE0001), (0xE0020, 0xE007F), (0xE0100, 0xE01EF),
)  # fmt: skip
"""Ranges of invisible characters, both ends included."""
_DOUBLES: Final = {
    "a": "\u0430\u0251\u03b1", "c": "\u0441\u03f2\u1d04", "d": "\u0501", "e": "\u0435",
    "g": "\u0261", "h": "\u04bb\u0570", "i": "\u0456\u0131\u03b9", "j": "\u0458\u03f3",
    "l": "\u04cf", "n": "\u0578", "o": "\u043e\u03bf\u0585", "p": "\u0440\u03c1", "q": "\u051b",
    "s": "\u0455", "u": "\u057d\u03c5", "v": "\u03bd\u0475", "w": "\u051d", "x": "\u0445\u03c7",
    "y": "\u0443\u03b3", "A": "\u0410\u0391", "B": "\u0412\u0392", "C": "\u0421\u03f9",
    "E": "\u0415\u0395", "F": "\u03dc", "G": "\u050c", "H": "\u041d\u0397",
    "I": "\u0406\u0399\u04c0", "J": "\u0408\u037f", "K": "\u041a\u039a", "M": "\u041c\u039c",
    "N": "\u039d", "O": "\u041e\u039f\u0555", "P": "\u0420\u03a1", "Q": "\u051a",
    "S": "\u0405\u054f", "T": "\u0422\u03a4", "U": "\u054d", "V": "\u0474", "W": "\u051c",
    "X": "\u0425\u03a7", "Y": "\u04ae\u03a5", "Z": "\u0396", "3": "\u0417",
    "-": "\u2010\u2011\u2012\u2013\u2212\ufe63",
}  # fmt: skip
"""ASCII characters, and the letters of other alphabets and dashes that look like them."""
_DRAWN: Final = (
    (0xFF01, 0xFF5E), (0x1D400, 0x1D7FF), (0x2102, 0x2139), (0x24B6, 0x24E9), (0x2460, 0x2468),
    (0x1F130, 0x1F149),
)  # fmt: skip
"""Ranges of full-width, mathematical, circled and squared letters and digits."""
_TOUCHING = r"A-Za-z0-9_+-"
_OTHER = r"[\xc3-\xd6][\x80-\xbf]|\xe1[\xb8-\xbf][\x80-\xbf]"
"""Non-ASCII letters of Latin, Greek, Cyrillic and related scripts: part of a word."""
_COLOUR = (
    r"\x1b(?:\[[0-9;:?]{0,24}[A-Za-z]|[()][AB0]|\]8;[^\x07\x1b\n]{0,400}(?:\x07|\x1b\\))"
    r"|\^\[\[[0-9;]{0,16}m|\[[0-9]{1,3}(?:;[0-9]{1,3}){0,4}m"
)
"""Colours, character sets and links of a terminal (ECMA-48), also without their escape character."""
UNESCAPED: Final = Expression(r"\[(?:0|22|39)m")
"""Finds the ends of colours whose escape character was lost or is printed, in any text."""
_FEWEST_DRAWN: Final = 4


def _span(spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    return chain.from_iterable(map(chr, range(low, high + 1)) for low, high in spans)


def _drawn() -> Iterator[tuple[bytes, bytes]]:
    for char in _span(_DRAWN):
        plain = unicodedata.normalize("NFKC", char)
        if len(plain) == 1 and plain.isascii() and (plain.isalnum() or plain in "_+-"):
            yield char.encode(), plain.encode()


def _any_of(characters: Iterable[bytes]) -> str:
    """Return an expression for UTF-8 characters, grouped by all but their last byte."""
    last: dict[bytes, set[int]] = {}
    for char in characters:
        last.setdefault(char[:-1], set()).add(char[-1])
    return "|".join(
        "".join(f"\\x{byte:02x}" for byte in head)
        + "["
        + "".join(f"\\x{byte:02x}" for byte in sorted(tails))
        + "]"
        for head, tails in sorted(last.items())
    )


_LETTERS: Final = {
    char.encode(): plain.encode() for plain, doubles in _DOUBLES.items() for char in doubles
}
_PAINTED: Final = dict(_drawn())
_MEANS: Final = _LETTERS | _PAINTED
_INVISIBLE: Final = _any_of(char.encode() for char in _span(_UNSEEN))
_NOTHING: Final = f"{_INVISIBLE}|{_COLOUR}"
_ALIKE: Final = _any_of(_MEANS)
_LAST_ALIKE: Final = _any_of(char for char, plain in _MEANS.items() if plain != b"-")

_UNICODE: Final = (
    Expression(rf"(?:{_INVISIBLE})[{_TOUCHING}]"),
    Expression(r"\x1b[\[()\]]"),
    Expression(rf"(?:{_ALIKE})[A-Za-z0-9_]"),
    Expression(rf"[A-Za-z0-9_-](?:{_LAST_ALIKE})"),
    Expression(rf"(?:{_any_of(_PAINTED)}){{{_FEWEST_DRAWN}}}"),
)
"""Apart from all other expressions: most texts hold no such characters, and are not scanned."""

_WORD = re.compile(rf"(?:[{_TOUCHING}]|{_NOTHING}|{_ALIKE}|{_OTHER})++".encode())
_STRANGE = re.compile(rf"(?P<nothing>{_NOTHING})|(?P<alike>{_ALIKE})|(?P<other>{_OTHER})".encode())
_CANDIDATE = re.compile(rf"{_NOTHING}|{_ALIKE}".encode())
_NOT_BETWEEN = bytes(byte for byte in range(256) if byte not in b" \t\n\r\"'`=:,.(){}<>/\\")
"""The bytes that may be part of a word: all but those that always end one."""
_ASCII = re.compile(rb"[A-Za-z0-9]")


def _folded(raw: bytes) -> Iterator[Token]:
    """Yield the invisible and the look-alike characters as tokens."""
    done = 0
    for suspect in _CANDIDATE.finditer(raw):
        at = suspect.start()
        if at < done:
            continue
        start = done + len(raw[done:at].rstrip(_NOT_BETWEEN))
        for word in _WORD.finditer(raw, start):
            done = word.end()
            if done > at:
                yield from _in_word(raw, *word.span())
                break


def _in_word(raw: bytes, start: int, end: int) -> Iterator[Token]:
    strange = list(_STRANGE.finditer(raw, start, end))
    reads = not any(match.lastgroup == "other" for match in strange) and (
        _ASCII.search(_STRANGE.sub(b"", raw[start:end])) is not None
        or sum(match[0] in _PAINTED for match in strange) >= _FEWEST_DRAWN
    )
    for match in strange:
        if match.lastgroup == "nothing":
            yield *match.span(), b""
        elif match.lastgroup == "alike" and reads:
            yield *match.span(), _MEANS[match[0]]


_NAMES: Final = {
    name.encode(): said.encode()
    for name, said in html5.items()
    if name.endswith(";") and len(said) == 1 and said.isascii()
} | {b"nbsp;": b" ", b"shy;": b"", b"zwj;": b"", b"zwnj;": b"", b"ZeroWidthSpace;": b""}
_NUMBER: Final = r"#(?:[xX][0-9A-Fa-f]{1,6}|[0-9]{1,7});"
_REFERENCE = re.compile(rf"&(?:{_NUMBER}|[A-Za-z]{{2,24}};)".encode())
EXPRESSION: Final = Expression(
    f"&(?:{_NUMBER}|" + "|".join(sorted(name.decode() for name in _NAMES)) + ")"
)
"""Finds character references, in any text."""


def _said(reference: bytes) -> bytes:
    """Return the character that is referred to, or the reference itself if that is of no interest."""
    if not reference.startswith(b"&#"):
        return _NAMES.get(reference[1:], reference)
    digits = reference[2:-1]
    point = int(digits[1:], 16) if digits[:1] in b"xX" else int(digits)
    if not 0 < point < 0x110000 or 0xD800 <= point < 0xE000:
        return reference
    return chr(point).encode()


_CHARACTERS: Final = Meanings(_said)


def _meant(match: re.Match[bytes]) -> bytes:
    return _CHARACTERS[match[0]]


def _referred(raw: bytes) -> Iterator[Token]:
    for match in _REFERENCE.finditer(raw):
        if (said := _CHARACTERS[match[0]]) != match[0]:
            yield *match.span(), said


_trace_references = traced(_referred)
_trace_characters = traced(_folded)


def _without_references(raw: bytes) -> Decoded:
    return Decoded(_REFERENCE.sub(_meant, raw), raw, _trace_references)


def _without_disguise(raw: bytes) -> Decoded:
    said: list[bytes] = []
    position = 0
    for start, end, meaning in _folded(raw):
        said += raw[position:start], meaning
        position = end
    said.append(raw[position:])
    return Decoded(b"".join(said), raw, _trace_characters)


_ASCII_BYTES: Final = bytes(range(128))
_BLOCK: Final = 8192
_PART: Final = 1024
_LONGEST: Final = 4
"""Bytes of a character at most, so that none is cut."""
_FEW: Final = 512
_REACH: Final = 32
"""More than the longest match of an expression for disguised characters, in bytes."""
_STRETCH: Final = 4 * _BLOCK
_SUSPECTS: Final = frozenset({*_span(_UNSEEN), *(char.decode() for char in _MEANS)})


def _hides(text: bytes) -> bool:
    """Return whether a text may contain disguised characters: nearly no source code does.

    Of a text with few strange characters, such as a name in a comment, these alone are looked at.
    """
    if b"\x1b" in text:
        return True
    if text.isascii():
        return False
    for start in range(0, len(text), _PART):
        part = text[start : start + _PART + _LONGEST]
        if not part.isascii():
            strange = part.translate(None, _ASCII_BYTES)
            if len(strange) > _FEW or not _SUSPECTS.isdisjoint(strange.decode("utf-8", "ignore")):
                return True
    return False


def _suspects(text: bytes) -> list[tuple[int, int]]:
    """Return the stretches that may contain disguised characters, ascending and disjoint."""
    found: list[tuple[int, int]] = []
    for start in _blocks(text):
        end = min(len(text), start + _BLOCK + _REACH)
        if _hides(text[start:end]):
            low = max(0, start - _REACH)
            if found and low <= found[-1][1]:
                low = found.pop()[0]
            found.append((low, end))
    return found


def _blocks(text: bytes) -> Iterator[int]:
    """Yield the offsets of the blocks of all stretches that are not plain ASCII."""
    if text.isascii() and b"\x1b" not in text:
        return
    for low in range(0, len(text), _STRETCH):
        stretch = text[low : low + _STRETCH]
        if b"\x1b" in stretch or not stretch.isascii():
            yield from range(low, low + len(stretch), _BLOCK)


def places(text: bytes) -> list[int]:
    """Return the offsets after disguised characters next to ASCII ones, ascending."""
    return [
        low + end for low, high in _suspects(text) for _, end in database().scan(text[low:high])
    ]


@lru_cache(maxsize=1)
def database() -> Database:
    return Database(_UNICODE)


_UNITS: Final = "|".join(
    f"{point:04x}"
    for char in sorted({*_span(_UNSEEN), *(key.decode() for key in _MEANS)})
    for point in [ord(char)]
    if point < 0x10000
)
_ESCAPE = rf"(?i:\\u(?:{_UNITS}|d[c-f][0-9a-f]{{2}}|001b))"
_ESCAPED = re.compile(rf"{_ESCAPE}[{_TOUCHING}]|(?<=[A-Za-z0-9_-]){_ESCAPE}|\\u001[bB]".encode())


def may_hide(raw: bytes) -> bool:
    """Return whether raw JSON may contain disguised characters, also as `\\u` escapes."""
    if b"\\u" in raw and _ESCAPED.search(raw):
        return True
    return bool(places(raw))


_READ: Final = {UNICODE: _without_disguise, HTML: _without_references}
_AROUND: Final = {UNICODE: 2048, HTML: 512}
"""How many bytes before and after a place are decoded with it."""
_NEAR: Final = 200
"""How far apart lines with references may be that are decoded together, in bytes."""
_LEAD: Final = 80
"""How many bytes before a secret a disguised character may affect its detection."""


def pieces(text: bytes, kind: str, places: Sequence[int]) -> Iterator[Piece]:
    """Yield decoded pieces of a text around the offsets `places` of disguised characters."""
    for low, high in _stretches(text, kind, places):
        decoded = _READ[kind](text[low:high])
        if decoded.text != decoded.raw:
            yield Piece(Layer(kind, low, high), decoded)


def _stretches(text: bytes, kind: str, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    around, whole_lines = _AROUND[kind], kind == HTML
    gap = _NEAR if whole_lines else 0
    low, high = 0, -1
    end = -1
    for place in places:
        if place <= end:
            continue
        if place > high + gap or high < 0:
            if high >= 0:
                yield low, high
            low = _line(text, max(high, place - around, 0), place)
        end = text.find(b"\n", place, place + around) if whole_lines else -1
        high = max(high, end if end >= 0 else min(len(text), place + around))
    if high >= 0:
        yield low, high


def _line(text: bytes, low: int, place: int) -> int:
    """Return where the first complete line begins; without a line break, the first character."""
    if not low:
        return 0
    line = text.find(b"\n", low, place) + 1
    if line:
        return line
    while low < place and 0x80 <= text[low] < 0xC0:
        low += 1
    return low


def concerns(piece: Piece, start: int, end: int) -> bool:
    """Return whether a decoded span of a piece, or the text right before it, was disguised."""
    decoded = piece.decoded
    first = max(0, start - _LEAD)
    return decoded.raw[decoded.start(first) : decoded.end(end)] != decoded.text[first:end]
