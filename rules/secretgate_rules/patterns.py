"""What must be known of a regular expression before it may be used.

Two engines read every pattern. Hyperscan reads all of them at once and says which one ends where;
Python's `re` then finds the exact span. So each pattern is (a) turned into something Hyperscan
accepts that matches *at least* wherever the pattern does, (b) measured, so that `re` is given a
bounded window, and (c) refused if it could backtrack without bound inside that window.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as sre  # type: ignore[attr-defined]
from typing import Any, Final

WIDEST: Final = 8192
"""The widest window given to `re` for a pattern without an upper bound."""
BLOCK: Final = 65536
"""The same for patterns of several lines."""

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


@dataclass(frozen=True, slots=True)
class Shape:
    """The measures of a pattern: the bytes a match can have, and its longest certain literal."""

    least: int
    most: int
    literal: str


def compile_bytes(pattern: str, flags: str = "") -> re.Pattern[bytes]:
    """Compile for bytes (ASCII classes). Raises `ValueError` with a reason a person can act on."""
    value = 0
    for letter in flags:
        if letter not in _FLAGS:
            raise ValueError(f"unknown flag {letter!r} (known: {', '.join(_FLAGS)})")
        value |= _FLAGS[letter]
    try:
        return re.compile(pattern.encode("utf-8"), value)
    except re.error as error:
        raise ValueError(f"pattern does not compile: {error}") from error
    except RecursionError as error:
        raise ValueError("pattern is nested too deeply") from error


def measure(pattern: str, flags: str = "") -> Shape:
    """Width and longest literal of a pattern that compiles."""
    tree = sre.parse(pattern.encode("utf-8"), compile_bytes(pattern, flags).flags & ~re.UNICODE)
    least, most = tree.getwidth()
    literals = _literals(tree)
    return Shape(int(least), int(min(most, BLOCK)), max(literals, key=len, default=""))


def _literals(tree: Any) -> list[str]:
    found: list[str] = []
    run = ""
    for code, value in tree:
        if code is op.LITERAL:
            run += chr(value)
            continue
        found.append(run)
        run = ""
        if code is op.SUBPATTERN:
            found += _literals(value[3])
        elif code is op.ATOMIC_GROUP:
            found += _literals(value)
        elif code in _REPEATS and value[0] >= 1:
            found += _literals(value[2])
    return [*found, run]


_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


def check_linear(pattern: str, flags: str = "") -> None:
    """Refuse patterns that could take exponential time.

    A repeat inside a repeat is harmless only where each round of the outer one must begin with
    something the inner one cannot swallow; everything else that could be cut up in more than one
    way is refused.
    """
    tree = sre.parse(pattern.encode("utf-8"), compile_bytes(pattern, flags).flags & ~re.UNICODE)
    _check(tree, inside=False)


def _check(tree: Any, inside: bool) -> None:
    for code, value in tree:
        if code in (op.MAX_REPEAT, op.MIN_REPEAT):
            low, high, body = value
            if inside and high > 1 and high != low:
                raise ValueError(
                    "a repeat inside a repeat could take exponential time; make the inner one "
                    "fixed ({8}), possessive (a++) or set it off by a separator"
                )
            _check(body, inside or (high > 1 and not _separated(body)))
        else:
            for child in _children(code, value):
                _check(child, inside)


def _children(code: Any, value: Any) -> list[Any]:
    if code is op.SUBPATTERN:
        return [value[3]]
    if code is op.BRANCH:
        return list(value[1])
    if code is op.ATOMIC_GROUP:
        return [value]
    if code is op.POSSESSIVE_REPEAT:
        return [value[2]]
    if code in (op.ASSERT, op.ASSERT_NOT):
        return [value[1]]
    if code is op.GROUPREF_EXISTS:
        return [branch for branch in value[1:] if branch is not None]
    return []


def _separated(body: Any) -> bool:
    """Whether a round of this body starts or ends with one character its repeats cannot take."""
    items = list(body)
    while len(items) == 1 and items[0][0] is op.SUBPATTERN:
        items = list(items[0][1][3])
    swallowed: set[int] = set()
    for code, value in items:
        swallowed |= _repeated(code, value)
    return not swallowed or any(
        (chars := _chars(*edge)) is not None and not chars & swallowed
        for edge in (items[0], items[-1])
    )


def _repeated(code: Any, value: Any) -> set[int]:
    if code in _REPEATS and value[0] != value[1]:
        found: set[int] = set()
        for inner, inner_value in value[2]:
            chars = _chars(inner, inner_value)
            found |= set(range(256)) if chars is None else chars
        return found
    found = set()
    for child in _children(code, value):
        for inner, inner_value in child:
            found |= _repeated(inner, inner_value)
    return found


def _chars(code: Any, value: Any) -> set[int] | None:
    """The bytes a single-character item takes; None where it is not a single character."""
    if code is op.LITERAL:
        return {value}
    if code is op.IN:
        pattern = sre.SubPattern(sre.State(), [(code, value)])
        compiled = _compile_tree(pattern)
        return {byte for byte in range(256) if compiled(byte)}
    if code is op.NOT_LITERAL:
        return set(range(256)) - {value}
    if code is op.ANY:
        return set(range(256))
    return None


def _compile_tree(pattern: Any) -> Any:
    (_, items) = pattern[0]
    negate = bool(items) and items[0][0] is op.NEGATE
    taken: set[int] = set()
    for code, value in items:
        if code is op.LITERAL:
            taken.add(value)
        elif code is op.RANGE:
            taken |= set(range(value[0], value[1] + 1))
        elif code is op.CATEGORY:
            taken |= _CATEGORIES[value]
    return lambda byte: (byte in taken) != negate


def _category(escape: bytes) -> set[int]:
    compiled = re.compile(escape)
    return {byte for byte in range(256) if compiled.match(bytes([byte]))}


_CATEGORIES = {
    op.CATEGORY_DIGIT: _category(rb"\d"),
    op.CATEGORY_NOT_DIGIT: _category(rb"\D"),
    op.CATEGORY_SPACE: _category(rb"\s"),
    op.CATEGORY_NOT_SPACE: _category(rb"\S"),
    op.CATEGORY_WORD: _category(rb"\w"),
    op.CATEGORY_NOT_WORD: _category(rb"\W"),
}


def for_hyperscan(pattern: str) -> str:
    """The pattern in Hyperscan's spelling: what it has no word for is loosened, never tightened."""
    out: list[str] = []
    position, in_class = 0, False
    while position < len(pattern):
        char = pattern[position]
        pair = pattern[position : position + 2]
        if char == "\\":
            out.append({r"\Z": "$", r"\z": "$", r"\A": "^"}.get(pair, pair))
            position += 2
        elif in_class:
            in_class = char != "]"
            out.append(char)
            position += 1
        elif char == "[":
            in_class = True
            end = position + 1
            end += pattern[end : end + 1] == "^"
            end += pattern[end : end + 1] == "]"
            out.append(pattern[position:end])
            position = end
        elif pattern.startswith("(?>", position):
            out.append("(?:")
            position += 3
        elif char == "+" and position and pattern[position - 1] in "*+?}" and not _escaped(pattern, position - 1):
            position += 1
        else:
            out.append(char)
            position += 1
    return "".join(out)


def _escaped(pattern: str, position: int) -> bool:
    slashes = 0
    while position - slashes > 0 and pattern[position - slashes - 1] == "\\":
        slashes += 1
    return slashes % 2 == 1


def head(pattern: str, widest: int = 200) -> str:
    """The longest beginning of the pattern that stands on its own and is at most `widest` wide.

    Every match of the whole begins with a match of the head, so Hyperscan needs only the head of
    a block of many lines.
    """
    best = ""
    for end in range(1, len(pattern) + 1):
        if pattern[end : end + 1] in ("*", "+", "?", "{") or _open(pattern, end):
            continue
        try:
            tree = sre.parse(pattern[:end])
        except (re.error, RecursionError, OverflowError):
            continue
        if any(code is op.BRANCH for code, _ in tree) or tree.getwidth()[1] > widest:
            break
        best = pattern[:end]
    return best


def _open(pattern: str, end: int) -> bool:
    return _escaped(pattern, end)
