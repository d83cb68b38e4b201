"""Prepares patterns for the two engines that run them.

Hyperscan searches for all patterns at once and reports which one ends where; Python's `re` then
finds the exact span. So each pattern is (a) translated to an expression that Hyperscan accepts and
that matches *at least* wherever the pattern does, (b) measured, so that `re` gets a bounded window,
and (c) rejected if it could backtrack without bound inside that window (see `linear`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from .regex import ASSERTIONS, REPEATS, chars, children, op, parse, sre

WIDEST: Final = 8192
"""Maximum window, in bytes, in which `re` searches for a pattern of unlimited length."""
BLOCK: Final = 65536
"""The same for multi-line patterns."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What Hyperscan searches for in place of a pattern, and where the match then is.

    `anchor` is the number of consecutive fixed bytes in `expression`. A match begins at most
    `before` bytes before the reported end, and ends at most `after` bytes after it.
    """

    expression: str
    caseless: bool
    anchor: int
    before: int
    after: int


_ADDRESS: Final = b"://"
_FOLLOW = 24
"""Maximum number of characters after the fixed bytes that are included in an expression."""


def measure(pattern: str, flags: str = "", widest: int = WIDEST) -> Shape:
    """Return the shape of a valid pattern without backreferences (`linear` rejects these).

    Hyperscan is fastest at a literal followed by a few fixed positions, so it gets just that: the
    longest run of fixed bytes in the pattern and up to `_FOLLOW` of the characters after it. A
    pattern without such a run is used as a whole, only loosened.
    """
    tree = parse(pattern, flags)
    caseless = "i" in flags or bool(tree.state.flags & re.IGNORECASE)
    items = flat(tree, bool(tree.state.flags & re.DOTALL))
    start, end, length = _best_run(items)
    if (address := _address(items, start, end)) >= 0:
        start, end, length = address, address + len(_ADDRESS), len(_ADDRESS)
    kept = _trimmed_flat(items)
    if not length:
        most = min(int(tree.getwidth()[1]), widest)
        return Shape("".join(_emit(*item) for item in kept), caseless, length, most, most)
    taken = [*_lead(items[:start], length), *(_emit(*item) for item in kept[start:end])]
    room, position = _FOLLOW, end
    rest = kept[end:]
    reach = 0
    while room > 0 and position - end < len(rest) and not _anything(rest[position - end]):
        text, least, most, goes_on = _follow(rest[position - end], room)
        taken.append(text)
        room -= least
        reach += most
        position += 1
        if not goes_on:
            break
    ahead = sum(width(item)[1] for item in items[:end]) + reach
    behind = sum(width(item)[1] for item in items[start:])
    return Shape(
        "".join(taken), caseless, length, int(min(ahead, widest)), int(min(behind, widest))
    )


Item = tuple[Any, Any, bool]


def _address(items: list[Item], start: int, end: int) -> int:
    """Return the index of the `://` in or right after a run if any user name may follow, or -1.

    Such patterns are searched for without their schemes, so they share one expression. A dozen
    expressions that differ in the scheme would all begin to match at every link.
    """
    fixed = [(op.LITERAL, byte) for byte in _ADDRESS]
    size = len(fixed)
    for at in range(start, min(end, len(items) - size - 1) + 1):
        code, value, _ = items[at + size]
        if [item[:2] for item in items[at : at + size]] == fixed:
            return at if code in REPEATS and value[0] == 0 else -1
    return -1


def flat(tree: Any, dotall: bool) -> list[Item]:
    """Return the items of a pattern as a flat list, with plain groups dissolved."""
    found: list[Item] = []
    for code, value in tree:
        if code in ASSERTIONS:
            continue
        if code is op.SUBPATTERN and not value[1] and not value[2]:
            found += flat(value[3], dotall)
        elif code is op.ATOMIC_GROUP:
            found += flat(value, dotall)
        else:
            found.append((code, value, dotall))
    return found


def width(item: Item) -> tuple[int, int]:
    """Return the minimum and maximum number of bytes that an item matches."""
    low, high = sre.SubPattern(sre.State(), [(item[0], item[1])]).getwidth()
    return int(low), int(min(high, BLOCK))


def _best_run(items: list[Item]) -> tuple[int, int, int]:
    """Return `(first, end, length)` of the run of fixed bytes that is the most selective.

    `first` and `end` are item indices. What follows the run counts too, but less.
    """
    best, best_score = (0, 0, 0), 0.0
    start = length = 0
    behind = sum(width(item)[0] for item in items)
    for index, item in enumerate(items):
        behind -= width(item)[0]
        tight, size = _anchor_of(*item[:2])
        if tight:
            length += size
            found = (start, index + 1, length)
        else:
            found = (index, index + 1, size if size > 2 else 0)
            start, length = index + 1, 0
        score = found[2] + min(behind, 6) / 2
        if found[2] and score > best_score:
            best, best_score = found, score
    return best


def _lead(items: list[Item], length: int) -> list[str]:
    """Return the items right before the anchor: one or, if the anchor is weak, all fixed ones."""
    taken: list[str] = []
    for item in reversed(items):
        code, value, dotall = item
        if code is op.AT or width(item) == (1, 1):
            taken.append(_emit(*item))
        elif length < 3 and code in REPEATS and len(inner := flat(value[2], dotall)) == 1:
            if value[0] == 0 or width(inner[0]) != (1, 1):
                break
            taken.append(f"(?:{_emit(*inner[0])}){{{min(value[0], 40)}}}")
            if value[0] != value[1] or value[0] > 40:
                break
        else:
            break
        if length > 2:
            break
    return taken[::-1]


_LINES: Final = 256
_TEXT: Final = frozenset(b"\n0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def _anything(item: Item) -> bool:
    """Return whether an item can match many lines of text: what follows would match again and again."""
    code, value, dotall = item
    if code not in REPEATS or value[0]:
        return False
    return width(item)[1] > _LINES and any(
        (inner is not op.ANY or dotall) and (taken := chars(inner, body)) and taken >= _TEXT
        for inner, body, _ in _inside(value[2], dotall)
    )


def _inside(items: Any, dotall: bool) -> list[Item]:
    """Return the items of a sequence and all items nested in them."""
    found: list[Item] = []
    for code, value in items:
        found.append((code, value, dotall))
        for child in children(code, value):
            found += _inside(child, dotall)
        if code in REPEATS:
            found += _inside(value[2], dotall)
    return found


def _follow(item: Item, room: int) -> tuple[str, int, int, bool]:
    """Return the next item, shortened if long.

    The result is its expression, minimum and maximum width, and whether it is complete.
    """
    code, value, dotall = item
    if code in REPEATS:
        low, high, body = value
        inner = flat(body, dotall)
        single = len(inner) == 1 and width(inner[0]) == (1, 1)
        if single and (low > room or (low >= 8 and low != high)):
            count = min(low, room)
            return f"(?:{_emit(*inner[0])}){{{count}}}", count, count, False
    if width(item)[0] >= room:
        (item,) = _trimmed_flat([item])
    low, high = width(item)
    return _emit(*item), low, high, True


def _trimmed_flat(items: list[Item]) -> list[Item]:
    kept = _trimmed([(code, value) for code, value, _ in items])
    return [(*pair, item[2]) for pair, item in zip(kept, items, strict=False)]


def _anchor(items: Any) -> tuple[bool, int]:
    """Return whether all items are tight (one of at most two bytes), and the longest tight run."""
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
    if code is op.AT or code in ASSERTIONS:
        return True, 0
    if code is op.SUBPATTERN:
        return _anchor(value[3])
    if code is op.ATOMIC_GROUP:
        return _anchor(value)
    if code is op.BRANCH:
        found = [_anchor(branch) for branch in value[1]]
        return all(tight for tight, _ in found), min(length for _, length in found)
    if code in REPEATS:
        low, high, body = value
        tight, length = _anchor(body)
        return tight and low == high <= 4, length * min(low, 4 if tight else 1)
    taken = chars(code, value)
    few = taken is not None and len(taken) <= 2
    return few, int(few)


_MANY = 40
UNROLLED: Final = 2 * _MANY
"""The largest count of a repeat that may vary in an expression."""


def _trimmed(items: list[Any]) -> list[Any]:
    """Return items without what may be left out at their end: each match then ends once, early."""
    items = [item for item in items if item[0] not in ASSERTIONS]
    while items:
        code, value = items[-1]
        if code is op.BRANCH:
            branches = [_trimmed(list(branch)) for branch in value[1]]
            if not all(branches):
                items.pop()
                continue
            kept = [sre.SubPattern(sre.State(), branch) for branch in branches]
            items[-1] = (code, (value[0], kept))
            return items
        if code is op.SUBPATTERN:
            inner = _trimmed(list(value[3]))
            items[-1] = (code, (*value[:3], sre.SubPattern(sre.State(), inner)))
            return items if inner else items[:-1]
        if code in REPEATS and value[0] != value[1]:
            low, _, body = value
            if low == 0:
                items.pop()
                continue
            items[-1] = (code, (low, low, body))
        return items
    return items


_PLACES = {
    op.AT_BEGINNING: "^",
    op.AT_BEGINNING_STRING: "^",
    op.AT_END: "$",
    op.AT_END_STRING: "$",
    op.AT_BOUNDARY: r"\b",
    op.AT_NON_BOUNDARY: r"\B",
}


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
    if code in REPEATS:
        low, high, body = value
        inner = _sequence(body, dotall)
        return f"(?:{inner}){_times(low, high)}" if inner else ""
    if code is op.AT:
        return _PLACES[value]
    if code in ASSERTIONS:
        return ""
    raise ValueError("backreferences are not supported")


def _sequence(items: Any, dotall: bool) -> str:
    return "".join(_emit(code, value, dotall) for code, value in items)


def _times(low: int, high: int) -> str:
    if high > _MANY and high != low:
        return {0: "*", 1: "+"}.get(low, f"{{{min(low, UNROLLED)},}}")
    if low == high:
        return f"{{{low}}}"
    return "?" if (low, high) == (0, 1) else f"{{{low},{high}}}"


def _char(value: int) -> str:
    char = chr(value)
    return char if char.isascii() and char.isalnum() else f"\\x{value:02x}"


_CLASSES = {
    op.CATEGORY_DIGIT: "0-9",
    op.CATEGORY_NOT_DIGIT: r"\x00-\x2f\x3a-\xff",
    op.CATEGORY_SPACE: r"\x09-\x0d\x20",
    op.CATEGORY_NOT_SPACE: r"\x00-\x08\x0e-\x1f\x21-\xff",
    op.CATEGORY_WORD: "A-Za-z0-9_",
    op.CATEGORY_NOT_WORD: r"\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\xff",
}


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
