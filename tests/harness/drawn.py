"""Texts that match a pattern, drawn at random: repetitions mostly have few members, as in real texts."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from re import _constants as constants  # type: ignore[attr-defined]  # isort: skip
from re import _parser as parser  # type: ignore[attr-defined]  # isort: skip

_PRINTABLE: Final = range(32, 127)
_CATEGORIES: Final = {
    constants.CATEGORY_DIGIT: b"0123456789",
    constants.CATEGORY_SPACE: b" \t\n\r",
    constants.CATEGORY_WORD: b"abcXYZ019_",
    constants.CATEGORY_NOT_DIGIT: b"ab .-",
    constants.CATEGORY_NOT_SPACE: b"abcXYZ019_.-",
    constants.CATEGORY_NOT_WORD: b' .-:"',
}
_MOST: Final = 40
"""How much longer than needed a repetition may be."""
_REPEATED: Final = (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT)
_NOTHING: Final = (constants.AT, constants.ASSERT, constants.ASSERT_NOT)


class Drawing:
    """Draws texts for one pattern; a text may not match where the pattern looks around itself."""

    def __init__(self, pattern: bytes, flags: int, random: Random) -> None:
        self._tree = parser.parse(pattern, flags)
        self._random = random

    def __call__(self) -> bytes:
        return self._drawn(self._tree)

    def _drawn(self, tree: Any) -> bytes:
        return b"".join(self._part(kind, value) for kind, value in tree)

    def _part(self, kind: Any, value: Any) -> bytes:
        if kind is constants.LITERAL:
            return bytes([value])
        if kind is constants.NOT_LITERAL:
            return self._one([char for char in _PRINTABLE if char != value])
        if kind is constants.ANY:
            return self._one(_PRINTABLE)
        if kind is constants.IN:
            return self._one(_members(value))
        if kind is constants.BRANCH:
            return self._drawn(self._random.choice(value[1]))
        if kind is constants.SUBPATTERN:
            return self._drawn(value[3])
        if kind in _REPEATED:
            low, high, inner = value
            high = min(high, low + _MOST)
            few = min(low + 1, high)
            count = self._random.choice((low, few, few, self._random.randint(low, high), high))
            return b"".join(self._drawn(inner) for _ in range(count))
        assert kind in _NOTHING, kind
        return b""

    def _one(self, of: Any) -> bytes:
        return bytes([self._random.choice(of)])


def _members(items: Any) -> list[int]:
    members: set[int] = set()
    for kind, value in items:
        if kind is constants.LITERAL:
            members.add(value)
        elif kind is constants.RANGE:
            members.update(range(value[0], value[1] + 1))
        elif kind is constants.CATEGORY:
            members.update(_CATEGORIES[value])
    if items[0][0] is constants.NEGATE:
        others = [char for char in _PRINTABLE if char not in members]
        return others or [char for char in range(256) if char not in members]
    return sorted(members)


def context(random: Random) -> tuple[bytes, bytes]:
    """Return something to put before and after a text."""
    size = random.choice((0, 3, 30, 60, 100))
    before = bytes(random.choices(b"abcdefghij klmnop .,", k=size))
    return (
        before + random.choice((b"", b" ", b"\n", b'"', b"=", b": ")),
        random.choice((b"", b" ", b"\n", b'"', b"; and more of it")),
    )
