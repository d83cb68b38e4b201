"""Views: decodes encodings that hide a secret, with a map back to the original offsets.

A view of a text is a set of pieces: encoded spans, each with its decoded text. Kinds are `json`
(backslash escapes of JSON, C and the shell), `percent`, `hex`, `utf-16` and `base64`. All but the
last map byte for byte, so that an edit of the decoded text is an edit at one place of the encoded
text. Base64 shares bits between characters, so its run is encoded again from an edit onwards.

Finding the pieces costs next to nothing: escapes begin with one distinctive character, and base64
or hex of text has a limited range of values in every fourth or second digit, which the database
searches for (`EXPRESSIONS`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from .database import Expression
from .decoded import Decoded, Meanings, Piece, Places, Token, traced
from .model import Layer

DEPTH: Final = 2
"""Maximum number of nested encodings in which secrets are searched for."""
BIGGEST: Final = 1 << 24
"""Maximum number of bytes of a text that are decoded in one kind of view."""

BASE64: Final = "base64"
HEX: Final = "hex"
JSON: Final = "json"
PERCENT: Final = "percent"
UTF16: Final = "utf-16"

EXPRESSIONS: Final = (
    Expression(
        r"(?:^|[^A-Za-z0-9+/_=-])(?:(?:[CDI-Za-f][A-Za-z0-9+/_-]{3}){6}"
        r"|(?:[A-Za-z0-9+/][AQgw][AB][A-Za-z0-9+/]A[A-H][AEIMQUYcgkosw048]A){3})"
    ),
    Expression(r"(?:^|[^0-9A-Za-z])(?:(?:0[9aAdD]|[2-7][0-9a-fA-F])){16}"),
)
"""What the database searches for: base64 of text, also of UTF-16; hex of text."""


Spans = Sequence[tuple[int, int]]
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[0-7]{3}|[nrtbfv0aesv_\"'`\\/$!&|;()<>{}\[\]*?#~ :=@%+,.^-])"
)
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")


def pieces(text: bytes, windows: Spans, base64_at: list[int], hex_at: list[int]) -> Iterator[Piece]:
    """Yield the encoded pieces of a text in the given windows.

    `base64_at` and `hex_at` are the end offsets of matches of `EXPRESSIONS`.
    """
    if base64_at:
        yield from _runs(text, BASE64, base64_at)
    if hex_at:
        yield from _runs(text, HEX, hex_at)
    if b"\\" in text:
        yield from _escaped(text, JSON, b"\\", _ESCAPE, windows)
    if b"%" in text:
        yield from _escaped(text, PERCENT, b"%", _PERCENT, windows)
    if b"\0" in text:
        yield from _wide(text)


def decode(kind: str, raw: bytes) -> Decoded:
    """Return the decoded form of an encoded span."""
    return _DECODERS[kind](raw)


_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/_-]++")
_NEXT_LINE = re.compile(rb"[ \t]{0,8}\r?\n[ \t]{0,16}([A-Za-z0-9+/_-]{4,}+)")
_PADDING = re.compile(rb"={0,2}")
_HEX_RUN = re.compile(rb"(?:[0-9a-fA-F]{2}){16,}+")
_WIDTHS = frozenset((60, 64, 70, 72, 76, 120, 128))
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*+")


def base64_end(text: bytes, start: int) -> int:
    """Return where the base64 run ends that begins at `start`, across line breaks if wrapped.

    Wrapped base64 has lines of one width, except for the last, and padding only at its end.
    """
    line = _BASE64_LINE.match(text, start)
    if line is None:
        return start
    end = line.end()
    width = end - start
    if width in _WIDTHS:
        while following := _NEXT_LINE.match(text, end):
            size = len(following[1])
            if size > width or (size < width and not _goes_on(following[1], width)):
                break
            end = following.end()
            if size < width:
                break
    padding = _PADDING.match(text, end)
    return padding.end() if padding else end


def _goes_on(last: bytes, width: int) -> bool:
    """Return whether a shorter line belongs to the run above it: it decodes to text, too."""
    if width % 4:
        return True
    said = _unbase64(last).text
    return bool(said) and said.isascii() and _TEXT.fullmatch(said) is not None


def _runs(text: bytes, kind: str, places: list[int]) -> Iterator[Piece]:
    reached = total = 0
    for place in places:
        if place <= reached or total > BIGGEST:
            continue
        if kind == BASE64:
            start = place - 24
            end = base64_end(text, start)
        else:
            match = _HEX_RUN.match(text, place - 32)
            start, end = match.span() if match else (place, place)
        reached = end
        decoded = decode(kind, text[start:end])
        total += len(decoded.text)
        if decoded.text:
            yield Piece(Layer(kind, start, end), decoded)


def _escaped(
    text: bytes, kind: str, mark: bytes, token: re.Pattern[bytes], windows: Spans
) -> Iterator[Piece]:
    """Yield the windows that contain an escape, extended to complete lines if these are short."""
    total = 0
    for start, end in _spans(text, mark, windows):
        if total > BIGGEST:
            return
        if token.search(text, start, end):
            decoded = decode(kind, text[start:end])
            total += end - start
            if len(decoded.text) != end - start:
                yield Piece(Layer(kind, start, end), decoded)


_LINE: Final = 512
"""Maximum distance, in bytes, from a window in which the ends of its lines are searched for."""
_LONGEST_ESCAPE: Final = 12


def _spans(text: bytes, mark: bytes, windows: Spans) -> Iterator[tuple[int, int]]:
    low, high = 0, -1
    for start, end in windows:
        if text.find(mark, start, end) < 0:
            continue
        start = _begin(text, mark, start)
        stop = text.find(b"\n", end, end + _LINE)
        end = stop if stop >= 0 else end
        if start > high:
            if high >= 0:
                yield low, high
            low = start
        high = max(high, end)
    if high >= 0:
        yield low, high


def _begin(text: bytes, mark: bytes, at: int) -> int:
    """Return where the line begins; in a long line, an offset up to `at` outside of escapes."""
    floor = max(0, at - _LINE)
    line = text.rfind(b"\n", floor, at) + 1
    if line or not floor:
        return line
    last = text.rfind(mark, at - _LONGEST_ESCAPE, at)
    return at if last < 0 else floor + len(text[floor : last + 1].rstrip(mark))


_WIDE = re.compile(rb"(?:[\t\n\r\x20-\x7e]\0){16,}+|(?:\0[\t\n\r\x20-\x7e]){16,}+")
_IN_WIDE = re.compile(rb"\0[\t\n\r\x20-\x7e]\0[\t\n\r\x20-\x7e]\0[\t\n\r\x20-\x7e]\0")
"""Is in every match of `_WIDE`, and found much faster."""


def _wide(text: bytes) -> Iterator[Piece]:
    if _IN_WIDE.search(text) is None:
        return
    for match in _WIDE.finditer(text):
        decoded = decode(UTF16, match[0])
        yield Piece(Layer(UTF16, match.start(), match.end()), decoded)


_SIMPLE = {
    b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"0": b"\0", b"a": b"\a", b"e": b"\x1b",
}  # fmt: skip


def _unescape(token: bytes) -> bytes:
    kind = token[1:2]
    if kind == b"u":
        units = bytes.fromhex(token.replace(b"\\u", b"").decode())
        return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
    if kind == b"x":
        return bytes.fromhex(token[2:].decode())
    if len(token) == 4:
        return bytes([int(token[1:], 8) & 255])
    return _SIMPLE.get(kind, kind)


def _unpercent(token: bytes) -> bytes:
    return bytes([int(token[1:], 16)])


_FIRST: Final = {
    char: _SIMPLE.get(bytes([char]), bytes([char]))
    if _ESCAPE.match(b"\\" + bytes([char]))
    else b"\\" + bytes([char])
    for char in range(256)
    if char not in b"\\ux01234567"
}
"""The decoded form of a backslash and the character after it, if no further one matters."""


_FEW_LINES: Final = 4096


def _unescaped(raw: bytes, token_by_token: Callable[[bytes], bytes]) -> bytes:
    """Return text without escapes; a few lines with only short escapes are decoded in one go."""
    if len(raw) > _FEW_LINES:
        return token_by_token(raw)
    head, *tail = raw.split(b"\\")
    try:
        return head + b"".join([_FIRST[after[0]] + after[1:] for after in tail])
    except (KeyError, IndexError):
        return token_by_token(raw)


def _by_token(
    token: re.Pattern[bytes], meaning: Callable[[bytes], bytes]
) -> Callable[[bytes], Decoded]:
    known = Meanings(meaning)
    short = token is _ESCAPE

    def said(match: re.Match[bytes]) -> bytes:
        return known[match[0]]

    def substituted(raw: bytes) -> bytes:
        return token.sub(said, raw)

    def tokens(raw: bytes) -> Iterator[Token]:
        return ((*match.span(), known[match[0]]) for match in token.finditer(raw))

    trace = traced(tokens)

    def read(raw: bytes) -> Decoded:
        return Decoded(_unescaped(raw, substituted) if short else substituted(raw), raw, trace)

    return read


def _unhex(raw: bytes) -> Decoded:
    text = binascii.unhexlify(raw)
    return Decoded(text, raw, _halved)


def _narrow(raw: bytes) -> Decoded:
    text = raw.replace(b"\0", b"")
    return Decoded(text, raw, _halved)


def _halved(raw: bytes) -> Places:
    return list(range(len(raw) // 2 + 1)), list(range(0, len(raw) + 1, 2))


_SPACE = re.compile(rb"\s+")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def _unbase64(raw: bytes) -> Decoded:
    digits = _SPACE.sub(b"", raw).rstrip(b"=")
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    try:
        padded = digits.translate(_TO_STANDARD) + b"=" * (-len(digits) % 4)
        text = base64.b64decode(padded, validate=True)
    except (ValueError, binascii.Error):
        return Decoded(b"", b"", lambda _: ([0], [0]))
    return Decoded(text, raw, lambda raw: ([0, len(text)], [0, len(raw)]))


def base64_span(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the span in a base64 run that holds the decoded bytes from `start` to `end`."""
    first, last = start // 3 * 4, -(-end // 3) * 4
    if b"\n" not in raw:
        return first, min(last, len(raw))
    places = [index for index, char in enumerate(raw) if char not in b" \t\r\n"]
    return places[min(first, len(places) - 1)], places[min(last, len(places)) - 1] + 1


_DECODERS: Final[dict[str, Callable[[bytes], Decoded]]] = {
    BASE64: _unbase64,
    HEX: _unhex,
    JSON: _by_token(_ESCAPE, _unescape),
    PERCENT: _by_token(_PERCENT, _unpercent),
    UTF16: _narrow,
}


def span(piece: Piece, start: int, end: int) -> tuple[int, int]:
    """Return the span, in the enclosing text, of a span of a piece's decoded text.

    Raises `ValueError` for base64.
    """
    layer, decoded = piece
    if layer.kind == BASE64:
        raise ValueError("base64 needs its raw text: use base64_span")
    return layer.start + decoded.start(start), layer.start + decoded.end(end)
