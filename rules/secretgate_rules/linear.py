"""Rejects patterns whose backtracking is unbounded within their window."""

from __future__ import annotations

from typing import Any

from .patterns import UNROLLED
from .regex import REPEATS, chars, children, op, parse, sre

_MOST = 32767
"""The largest repetition count that Hyperscan supports."""
_MOST_NESTED = 10_000
"""The largest product of nested counts that Hyperscan compiles within a second; twice as many may
take it minutes."""


class TooSlowError(ValueError):
    """A pattern that is valid but could take too long."""


def check_linear(pattern: str, flags: str = "") -> None:
    """Raise `TooSlowError` if a pattern could take exponential time, `ValueError` if unsupported.

    A repeat inside a repeat is harmless only if each iteration of the outer one must begin or end
    with a character that the inner one cannot match. All others, which could match the same text
    in more than one way, are rejected.
    """
    tree = parse(pattern, flags)
    _check(tree, inside=False)
    if _nested(tree) > _MOST_NESTED:
        raise ValueError(f"repeats inside repeats, more than {_MOST_NESTED:,} together")


def _nested(tree: Any, around: int = 1) -> int:
    """Return the largest product of the counts of a repeat and those around it; 1 if none nest."""
    most = 1
    for code, value in tree:
        if code in REPEATS:
            low, high, body = value
            count = max(1, low if low == high else min(high, UNROLLED))
            most = max(most, around * count if around > 1 else 1, _nested(body, around * count))
        else:
            most = max([most, *(_nested(child, around) for child in children(code, value))])
    return most


def _check(tree: Any, inside: bool) -> None:
    for code, value in tree:
        if code in (op.MAX_REPEAT, op.MIN_REPEAT):
            low, high, body = value
            if low > _MOST or (high > _MOST and high is not sre.MAXREPEAT):
                raise ValueError(f"a repetition count above {_MOST}")
            if inside and high > 1 and high != low:
                raise TooSlowError(
                    "a repeat inside a repeat could take exponential time; make the inner one "
                    "fixed ({8}) or possessive (a++), or put a separator between its repetitions"
                )
            _check(body, inside or (high > 1 and not _separated(body)))
        elif code in (op.GROUPREF, op.GROUPREF_EXISTS):
            raise ValueError("backreferences are not supported")
        else:
            for child in children(code, value):
                _check(child, inside)


def _separated(body: Any) -> bool:
    """Return whether this body starts or ends with a character that its repeats cannot match."""
    items = list(body)
    while len(items) == 1 and items[0][0] is op.SUBPATTERN:
        items = list(items[0][1][3])
    swallowed: set[int] = set()
    for code, value in items:
        swallowed |= _repeated(code, value)
    return not swallowed or any(
        (taken := chars(*edge)) is not None and not taken & swallowed
        for edge in (items[0], items[-1])
    )


def _repeated(code: Any, value: Any) -> set[int]:
    if code in REPEATS and value[0] != value[1]:
        found: set[int] = set()
        for inner, inner_value in value[2]:
            taken = chars(inner, inner_value)
            found |= set(range(256)) if taken is None else taken
        return found
    found = set()
    for child in children(code, value):
        for inner, inner_value in child:
            found |= _repeated(inner, inner_value)
    return found
