"""The strict JSON reader, which locates strings without decoding them.

One pass, no recursion. A string is reported as a byte span with its node in a path table
(`paths.py`); everything else in the document is skipped. The reader is strict about structure, so
that nothing can pass as read that it has not looked at, and lenient about what is harmless: NaN and
Infinity, duplicate members, lone surrogates, invalid UTF-8 and control characters inside strings
are all accepted and preserved.

The closing quote of a string is found with `bytes.find`, which is why long strings cost next to
nothing.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from secretgate.bodies.base import Path, Unreadable
from secretgate.bodies.paths import Node

L = TypeVar("L")

SPACE = re.compile(rb"[ \t\n\r]*+")
_OPENS = re.compile(rb"(?:\xef\xbb\xbf)?\s*+[{\[]")
LITERAL = re.compile(
    rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null|NaN|-?Infinity"
)
"""A value that is neither a string nor a container."""
_QUOTE, _BACKSLASH, _OBJECT, _ARRAY, _OBJECT_END, _ARRAY_END, _COMMA = b'"\\{[}],'
_INSIDE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_FEW = 16
"""Number of escaped quotes, and of backslashes before one, after which a string is full of them."""
_PIECE = 256 << 10
"""Number of bytes looked at in one call, during which other threads wait."""
_BLANK = 32
_TRUE = ord("t")

# What the grammar allows at the current position.
_VALUE, _FIRST_VALUE, _MEMBER, _FIRST_MEMBER, _AFTER_VALUE = range(5)


String = tuple[int, int, Node[L], Path, "bytes | int", bool]
"""A string literal, as a plain tuple because a body has many.

The span between its quotes, its node, the path of its container, its member name or index there,
and whether it is itself a member name.
"""


def begins_like_json(raw: bytes) -> bool:
    """Whether the first character, but for white space and a byte order mark, opens a container."""
    return _OPENS.match(raw) is not None


def closing_quote(raw: bytes, start: int, search: int | None = None) -> int:
    """Return the end of the string that begins at `start`, or -1; look from `search` on."""
    at = raw.find(b'"', start if search is None else search)
    for _ in range(_FEW):
        if at <= start or raw[at - 1] != _BACKSLASH:
            return at
        before = raw[max(start, at - _FEW) : at]
        escapes = len(before) - len(before.rstrip(b"\\"))
        if escapes == _FEW:
            break
        if escapes % 2 == 0:
            return at
        at = raw.find(b'"', at + 1)
    # Where quotes are escaped everywhere, jumping from one to the next takes longer.
    at, reached = start, -1
    # Typed as optional, but it matches nothing at all, too.
    while at > reached:
        reached = at
        at = _INSIDE.match(raw, at, at + _PIECE).end()  # type: ignore[union-attr]
    return at if raw[at : at + 1] == b'"' else -1


class Strings(NamedTuple, Generic[L]):
    """The strings of a document, and the containers marked by a flag."""

    strings: list[String[L]]
    flagged: list[Path]


def read_strings(
    raw: bytes, root: Node[L], keys: int | None = None, flag: L | None = None
) -> Strings[L]:
    """Return the strings of one JSON document. Raises `Unreadable` if it is invalid.

    A byte order mark may precede it, as clients on Windows write one and parsers skip it.

    `keys`: the minimum length of member names that are reported as strings; None reports none of
    them. `flag`: a `true` with this label marks the object that contains it.
    """
    strings: list[String[L]] = []
    flagged: list[Path] = []
    # An open container: its node, its path, and for an array the index of the current item.
    stack: list[tuple[Node[L], Path, list[int] | None]] = []
    state = _VALUE
    node = root
    container: Path = ""
    place: bytes | int = b""
    at = len(BOM_UTF8) if raw.startswith(BOM_UTF8) else 0
    size = len(raw)
    find = raw.find
    space = SPACE.match
    while True:
        first = raw[at] if at < size else _BLANK
        if first <= _BLANK:
            at = space(raw, at).end()  # type: ignore[union-attr]
            if at == size:
                break
            first = raw[at]
        if state <= _FIRST_VALUE:
            if first == _QUOTE:
                start = at + 1
                end = find(b'"', start)
                if end > start and raw[end - 1] == _BACKSLASH:
                    end = closing_quote(raw, start, end)
                if end < 0:
                    break
                strings.append((start, end, node, container, place, False))
                at = end + 1
                state = _AFTER_VALUE
            elif first == _OBJECT:
                container = (container, place) if stack else ""
                stack.append((node, container, None))
                at += 1
                state = _FIRST_MEMBER
            elif first == _ARRAY:
                container = (container, place) if stack else ""
                stack.append((node, container, [0]))
                node = node.item()
                place = 0
                at += 1
                state = _FIRST_VALUE
            elif first == _ARRAY_END and state == _FIRST_VALUE:
                stack.pop()
                at += 1
                state = _AFTER_VALUE
            else:
                literal = LITERAL.match(raw, at)
                if literal is None:
                    raise Unreadable(f"invalid JSON at byte {at}")
                if first == _TRUE and flag is not None and node.label is flag:
                    flagged.append(container)
                at = literal.end()
                state = _AFTER_VALUE
        elif state == _AFTER_VALUE:
            if not stack:
                raise Unreadable(f"more than one JSON document, at byte {at}")
            at += 1
            node, container, index = stack[-1]
            if first == _COMMA:
                if index is None:
                    state = _MEMBER
                else:
                    index[0] += 1
                    place = index[0]
                    node = node.item()
                    state = _VALUE
            elif first == (_OBJECT_END if index is None else _ARRAY_END):
                stack.pop()
            else:
                raise Unreadable(f"invalid JSON at byte {at - 1}")
        elif first == _OBJECT_END and state == _FIRST_MEMBER:
            stack.pop()
            at += 1
            state = _AFTER_VALUE
        elif first != _QUOTE:
            raise Unreadable(f"invalid JSON at byte {at}")
        else:
            start = at + 1
            end = closing_quote(raw, start)
            if end < 0:
                break
            colon = end + 1
            if raw[colon : end + 2] != b":":
                colon = space(raw, colon).end()  # type: ignore[union-attr]
                if raw[colon : colon + 1] != b":":
                    raise Unreadable(f"invalid JSON at byte {colon}")
            place = name = raw[start:end]
            if b"\\" in name:
                name = plain_name(name)
            node, container, _ = stack[-1]
            if keys is not None and end - start >= keys and not node.names(name):
                strings.append((start, end, node, container, place, True))
            node = node.member(name)
            at = colon + 1
            state = _VALUE
    if stack or state != _AFTER_VALUE:
        raise Unreadable(f"unexpected end of JSON at byte {size}")
    return Strings(strings, flagged)


_TOKEN = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"([ \t\n\r]*+:)?|[{}\[\],]', re.DOTALL)


def paths(raw: bytes, start: int, end: int) -> Iterator[tuple[int, Path]]:
    """Yield the start and path of each string in a span that is one complete, valid value.

    A member name has the path of its value.
    """
    container: Path = ""
    place: bytes | int = b""
    around: list[tuple[Path, bytes | int]] = []
    for token in _TOKEN.finditer(raw, start, end):
        at = token.start()
        first = raw[at]
        if first == _QUOTE:
            if token[2]:
                place = token[1]
            yield at + 1, (container, place)
        elif first == _COMMA:
            place = place + 1 if isinstance(place, int) else place
        elif first in (_OBJECT, _ARRAY):
            around.append((container, place))
            container = (container, place) if len(around) > 1 else ""
            place = 0 if first == _ARRAY else b""
        else:
            container, place = around.pop()


_ESCAPE = re.compile(rb'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt])|.?)', re.DOTALL)
_SHORT = dict(zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True))


def plain_name(raw: bytes) -> bytes:
    r"""Return a member name with its escapes decoded, so that `\u0074ext` becomes `text`."""

    def plain(escape: re.Match[bytes]) -> bytes:
        if escape[1]:
            return chr(int(escape[1], 16)).encode("utf-8", "surrogatepass")
        return bytes([_SHORT[escape[2][0]]]) if escape[2] else escape[0]

    return _ESCAPE.sub(plain, raw)
