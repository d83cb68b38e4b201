"""Syntax trees of regular expressions, for the modules that measure and check patterns.

And their compiled form, for the cache of the rules: a scan of source code needs a hundred patterns,
each of which takes `re` a third of a millisecond to compile.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from re import _compiler  # type: ignore[attr-defined]
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as sre  # type: ignore[attr-defined]
from typing import Any, Final

import msgspec

__all__ = [
    "ASSERTIONS",
    "EDITION",
    "REPEATS",
    "assembled",
    "chars",
    "children",
    "compile_bytes",
    "op",
    "parse",
    "sre",
    "translated",
]

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
ASSERTIONS = (op.ASSERT, op.ASSERT_NOT)
_EVERY: Final = frozenset(range(256))
REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


def compile_bytes(pattern: str, flags: str = "") -> re.Pattern[bytes]:
    """Compile a pattern for bytes (ASCII classes); raise `ValueError` with an actionable reason."""
    value = _value(flags)
    try:
        return re.compile(pattern.encode("utf-8"), value)
    except re.error as error:
        raise ValueError(f"pattern does not compile: {error}") from error
    except RecursionError as error:
        raise ValueError("pattern is nested too deeply") from error


def _value(flags: str) -> int:
    value = 0
    for letter in flags:
        if letter not in _FLAGS:
            raise ValueError(f"unknown flag {letter!r} (known: {', '.join(_FLAGS)})")
        value |= _FLAGS[letter]
    return value


EDITION: Final = f"{sys.version} {_compiler.MAGIC}"
"""The edition of `re`, for which alone the result of `translated` is valid."""


class _Code(msgspec.Struct, array_like=True):
    flags: int
    words: list[int]
    groups: int
    names: dict[str, int]
    """The numbers of the groups that have a name."""


def translated(pattern: str, flags: str = "") -> bytes:
    """Return what `re` compiles a valid pattern for bytes to; nothing if this `re` works otherwise."""
    try:
        translation = _translated(pattern, _value(flags))
        assembled(pattern, translation)
    except Exception:
        # Its functions are its own, and may change.
        return b""
    return translation


def _translated(pattern: str, value: int) -> bytes:
    tree = sre.parse(pattern.encode("utf-8"), value)
    words = list(map(int, _compiler._code(tree, value)))
    state = tree.state
    return msgspec.msgpack.encode(
        _Code(value | state.flags, words, state.groups - 1, state.groupdict)
    )


def assembled(pattern: str, translation: bytes) -> re.Pattern[bytes]:
    """Return the pattern that `compile_bytes` returns, a twentieth of the time after `translated`."""
    code = msgspec.msgpack.decode(translation, type=_Code)
    names: list[str | None] = [None] * (code.groups + 1)
    for name, number in code.names.items():
        names[number] = name
    compiled: re.Pattern[bytes] = _compiler._sre.compile(
        pattern.encode("utf-8"), code.flags, code.words, code.groups, code.names, tuple(names)
    )
    return compiled


@lru_cache(maxsize=4)
def parse(pattern: str, flags: str = "") -> Any:
    """Return the syntax tree of a pattern for bytes, not to be changed; raise `ValueError`."""
    value = compile_bytes(pattern, flags).flags & ~re.UNICODE
    tree = sre.parse(pattern.encode("utf-8"), value)
    if _refers(tree):
        raise ValueError("backreferences are not supported")
    return tree


def _refers(tree: Any) -> bool:
    """Return whether a group is matched again by reference in a pattern."""
    return any(
        code is op.GROUPREF
        or any(map(_refers, children(code, value)))
        or (code in REPEATS and _refers(value[2]))
        for code, value in tree
    )


def children(code: Any, value: Any) -> list[Any]:
    """Return the sequences nested directly in an item."""
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


def chars(code: Any, value: Any) -> frozenset[int] | None:
    """Return the bytes that a single-character item matches; None for other items."""
    if code is op.LITERAL:
        return frozenset((value,))
    if code is op.IN:
        return _class(tuple(value))
    if code is op.NOT_LITERAL:
        return _EVERY - {value}
    if code is op.ANY:
        return _EVERY
    return None


@lru_cache(maxsize=4096)
def _class(items: tuple[Any, ...]) -> frozenset[int]:
    """Return the bytes of a class of characters."""
    negate = items[0][0] is op.NEGATE
    taken: set[int] = set()
    for code, value in items:
        if code is op.LITERAL:
            taken.add(value)
        elif code is op.RANGE:
            taken |= set(range(value[0], value[1] + 1))
        elif code is op.CATEGORY:
            taken |= _CATEGORIES[value]
    return _EVERY - taken if negate else frozenset(taken)


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
