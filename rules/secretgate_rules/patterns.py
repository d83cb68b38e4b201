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
    """What Hyperscan looks for in place of a pattern, and where the match then lies.

    `anchor` counts the fixed bytes in a row that `expression` hangs on. A match begins at most
    `before` bytes ahead of the reported end and ends at most `after` bytes behind it.
    """

    expression: str
    caseless: bool
    anchor: int
    before: int
    after: int


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


def measure(pattern: str, flags: str = "", widest: int = WIDEST) -> Shape:
    """The shape of a pattern that compiles.

    Hyperscan is fastest at a literal with a few fixed places behind it, so it is given just that:
    the longest run of fixed bytes in the pattern and up to `_FOLLOW` of the characters that come
    next. A pattern without such a run goes in whole, only loosened.
    """
    compiled = compile_bytes(pattern, flags)
    tree = sre.parse(pattern.encode("utf-8"), compiled.flags & ~re.UNICODE)
    caseless = bool(compiled.flags & re.IGNORECASE)
    items = _flat(tree, bool(compiled.flags & re.DOTALL))
    start, end, length = _best_run(items)
    if not length:
        most = min(int(tree.getwidth()[1]), widest)
        whole = "".join(_emit(c, v, d) for c, v, d in _trimmed_flat(items))
        return Shape(whole, caseless, length, most, most)
    taken = [*_lead(items[:start], length), *(_emit(*item) for item in items[start:end])]
    room, position = _FOLLOW if length > 3 else _FOLLOW_WEAK, end
    rest = _trimmed_flat(items[end:])
    reach = 0
    while room > 0 and position - end < len(rest):
        text, least, most, goes_on = _follow(rest[position - end], room)
        taken.append(text)
        room -= least
        reach += most
        position += 1
        if not goes_on:
            break
    ahead = sum(_width(item)[1] for item in items[:end]) + reach
    behind = sum(_width(item)[1] for item in items[end:])
    return Shape(
        "".join(taken), caseless, length, int(min(ahead, widest)), int(min(behind, widest))
    )


_FOLLOW = 32
_FOLLOW_WEAK = 32
_Item = tuple[Any, Any, bool]


def _flat(tree: Any, dotall: bool) -> list[_Item]:
    """The items of a pattern in a row, plain groups dissolved."""
    found: list[_Item] = []
    for code, value in tree:
        if code in _ASSERTIONS:
            continue
        if code is op.SUBPATTERN and not value[1] and not value[2]:
            found += _flat(value[3], dotall)
        elif code is op.ATOMIC_GROUP:
            found += _flat(value, dotall)
        else:
            found.append((code, value, dotall))
    return found


def _width(item: _Item) -> tuple[int, int]:
    low, high = sre.SubPattern(sre.State(), [(item[0], item[1])]).getwidth()
    return int(low), int(min(high, BLOCK))


def _best_run(items: list[_Item]) -> tuple[int, int, int]:
    """`(first, end, length)` of the run of fixed bytes that tells most, with what follows it."""
    best, best_score = (0, 0, 0), 0.0
    start = length = 0
    for index, (code, value, _) in enumerate(items):
        tight, size = _anchor_of(code, value)
        if tight:
            length += size
            found = (start, index + 1, length)
        else:
            found = (index, index + 1, size if size > 2 else 0)
            start, length = index + 1, 0
        behind = sum(_width(item)[0] for item in items[index + 1 :])
        score = found[2] + min(behind, 6) / 2
        if found[2] and score > best_score:
            best, best_score = found, score
    return best


def _lead(items: list[_Item], length: int) -> list[str]:
    """What comes right before the anchor: one place, or for a weak anchor all that are fixed."""
    taken: list[str] = []
    for item in reversed(items):
        code, value, dotall = item
        if code is op.AT or _width(item) == (1, 1):
            taken.append(_emit(*item))
        elif length < 3 and code in _REPEATS and len(inner := _flat(value[2], dotall)) == 1:
            if value[0] == 0 or _width(inner[0]) != (1, 1):
                break
            taken.append(f"(?:{_emit(*inner[0])}){{{min(value[0], 40)}}}")
            if value[0] != value[1] or value[0] > 40:
                break
        else:
            break
        if length > 2:
            break
    return taken[::-1]


def _follow(item: _Item, room: int) -> tuple[str, int, int, bool]:
    """The next item, cut where it is long: its text, least and greatest width, whether it is whole."""
    code, value, dotall = item
    if code in _REPEATS:
        low, high, body = value
        inner = _flat(body, dotall)
        single = len(inner) == 1 and _width(inner[0]) == (1, 1)
        if single and (low > room or (low >= 8 and low != high)):
            count = min(low, room)
            return f"(?:{_emit(*inner[0])}){{{count}}}", count, count, False
    low, high = _width(item)
    return _emit(code, value, dotall), low, high, True


def _trimmed_flat(items: list[_Item]) -> list[_Item]:
    kept = _trimmed([(code, value) for code, value, _ in items])
    return [(*pair, item[2]) for pair, item in zip(kept, items, strict=False)]


def _anchor(items: Any) -> tuple[bool, int]:
    """Whether every item is tight (one of at most two bytes), and the longest run of such."""
    best = run = 0
    whole = True
    for code, value in items:
        tight, length = _anchor_of(code, value)
        if tight:
            run += length
        else:
            whole, run = False, 0
        best = max(best, length, run)
    return whole, best


def _anchor_of(code: Any, value: Any) -> tuple[bool, int]:
    if code is op.AT or code in _ASSERTIONS:
        return True, 0
    if code is op.SUBPATTERN:
        return _anchor(value[3])
    if code is op.ATOMIC_GROUP:
        return _anchor(value)
    if code is op.BRANCH:
        found = [_anchor(branch) for branch in value[1]]
        return all(tight for tight, _ in found), min(length for _, length in found)
    if code in _REPEATS:
        low, high, body = value
        tight, length = _anchor(body)
        return tight and low == high <= 4, length * min(low, 4 if tight else 1)
    chars = _chars(code, value)
    return chars is not None and len(chars) <= 2, int(chars is not None and len(chars) <= 2)


_ASSERTIONS = (op.ASSERT, op.ASSERT_NOT)
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


_MOST = 32767
"""The largest count that Hyperscan knows."""


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
            if low > _MOST or (high > _MOST and high is not sre.MAXREPEAT):
                raise ValueError(f"a count beyond {_MOST}")
            if inside and high > 1 and high != low:
                raise ValueError(
                    "a repeat inside a repeat could take exponential time; make the inner one "
                    "fixed ({8}), possessive (a++) or set it off by a separator"
                )
            _check(body, inside or (high > 1 and not _separated(body)))
        elif code in (op.GROUPREF, op.GROUPREF_EXISTS):
            raise ValueError("a pattern cannot refer back to what a group of it matched")
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


_MANY = 40


def _trimmed(items: list[Any]) -> list[Any]:
    items = [item for item in items if item[0] not in _ASSERTIONS]
    while items:
        code, value = items[-1]
        if code is op.SUBPATTERN:
            inner = _trimmed(list(value[3]))
            items[-1] = (code, (*value[:3], inner))
            return items if inner else items[:-1]
        if code in _REPEATS and value[0] != value[1]:
            low, _, body = value
            if low == 0:
                items.pop()
                continue
            items[-1] = (code, (low, low, body))
        return items
    return items


def _emit(code: Any, value: Any, dotall: bool) -> str:
    if code is op.LITERAL:
        return _char(value)
    if code is op.NOT_LITERAL:
        return f"[^{_char(value)}]"
    if code is op.ANY:
        return r"[\x00-\xff]" if dotall else r"[^\n]"
    if code is op.IN:
        return _emit_class(value)
    if code is op.BRANCH:
        return "(?:" + "|".join(_sequence(branch, dotall) for branch in value[1]) + ")"
    if code is op.SUBPATTERN:
        _, added, removed, body = value
        inner = _sequence(body, dotall or bool(added & re.DOTALL))
        if added & re.IGNORECASE:
            return f"(?i:{inner})"
        return f"(?-i:{inner})" if removed & re.IGNORECASE else f"(?:{inner})"
    if code is op.ATOMIC_GROUP:
        return f"(?:{_sequence(value, dotall)})"
    if code in _REPEATS:
        low, high, body = value
        inner = _sequence(body, dotall)
        return f"(?:{inner}){_times(low, high)}" if inner else ""
    if code is op.AT:
        return _PLACES[value]
    if code in _ASSERTIONS:
        return ""
    raise ValueError("back references are not supported")


def _sequence(items: Any, dotall: bool) -> str:
    return "".join(_emit(code, value, dotall) for code, value in items)


def _times(low: int, high: int) -> str:
    if high > _MANY and high != low:
        return {0: "*", 1: "+"}.get(low, f"{{{min(low, 2 * _MANY)},}}")
    if low == high:
        return f"{{{low}}}"
    return "?" if (low, high) == (0, 1) else f"{{{low},{high}}}"


def _char(value: int) -> str:
    char = chr(value)
    return char if char.isascii() and char.isalnum() else f"\\x{value:02x}"


def _emit_class(items: Any) -> str:
    out = ["["]
    for code, value in items:
        if code is op.NEGATE:
            out.append("^")
        elif code is op.LITERAL:
            out.append(_char(value))
        elif code is op.RANGE:
            out.append(f"{_char(value[0])}-{_char(value[1])}")
        elif code is op.CATEGORY:
            out.append(_CLASSES[value])
    return "".join(out) + "]"


_CLASSES = {
    op.CATEGORY_DIGIT: "0-9",
    op.CATEGORY_NOT_DIGIT: r"\x00-\x2f\x3a-\xff",
    op.CATEGORY_SPACE: r"\x09-\x0d\x20",
    op.CATEGORY_NOT_SPACE: r"\x00-\x08\x0e-\x1f\x21-\xff",
    op.CATEGORY_WORD: "A-Za-z0-9_",
    op.CATEGORY_NOT_WORD: r"\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\xff",
}
_PLACES = {
    op.AT_BEGINNING: "^",
    op.AT_BEGINNING_STRING: "^",
    op.AT_END: "$",
    op.AT_END_STRING: "$",
    op.AT_BOUNDARY: r"\b",
    op.AT_NON_BOUNDARY: r"\B",
}
