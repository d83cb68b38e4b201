"""Computes which rules can only match near a token, so that other text need not be searched.

Most issuers' secrets are long and random: every match contains a run of at least `token_windows.LEAST`
token characters with a digit among them. Such runs are rare and cheap to find (see `token_windows`), so
a rule whose pattern guarantees one is searched for only near them. The probability follows from
the pattern: the characters allowed at each position, and the share of digits among them.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from . import patterns, token_windows
from .regex import ASSERTIONS, REPEATS, chars, op, parse

_DIGITS: Final = frozenset(b"0123456789")
_CERTAIN: Final = 99.0
_MOST: Final = 64
"""Number of characters of a repeat that are counted; more change nothing."""


Run = tuple[float, ...]
"""Consecutive token characters: for each, how certain it is that it is a digit.

The number is the negative natural logarithm of the probability that it is not a digit, so that
the numbers can be added.
"""


def surety(run: Run) -> float:
    """Return how certain it is that the database finds a run of at least these characters.

    It finds a run with a digit that enough characters follow. The unit is that of `Run`.
    """
    return sum(run[: 1 - token_windows.BEHIND]) if len(run) >= token_windows.LEAST else 0.0


def _worth(run: Run) -> tuple[float, int]:
    return surety(run), len(run)


class _Said(NamedTuple):
    """What a pattern item matches: only token characters or not, which, and its best run."""

    solid: bool
    run: Run
    best: Run


class Assured(NamedTuple):
    """A run of a pattern: its certainty, and the maximum bytes of a match before and after it."""

    surety: float
    ahead: int
    behind: int


_NONE: Run = ()


def assured(pattern: str, flags: str = "") -> list[list[Assured]]:
    """Return the runs of each alternative of a pattern, and the last item: all of its runs combined.

    Every match is one of an alternative, and contains the runs of that.
    """
    return [_runs(items) for items in _alternatives(patterns.flat(parse(pattern, flags), False))]


_ALTERNATIVES: Final = 64
"""Number of alternatives that are told apart; of more, what they have in common counts."""


def _alternatives(items: list[patterns.Item]) -> list[list[patterns.Item]]:
    """Return items without their branches, once for each way through these."""
    ways: list[list[patterns.Item]] = [[]]
    for item in items:
        code, value, dotall = item
        if code is op.AT:
            continue
        branches = [[item]]
        if code is op.BRANCH:
            found = [way for one in value[1] for way in _alternatives(patterns.flat(one, dotall))]
            found = [way for at, way in enumerate(found) if way not in found[:at]]
            if len(ways) * len(found) <= _ALTERNATIVES:
                branches = found
        ways = [[*way, *branch] for way in ways for branch in branches]
    return ways


def _runs(items: list[patterns.Item]) -> list[Assured]:
    said = [_of(code, value) for code, value, _ in items]
    widths = [patterns.width(item)[1] for item in items]
    runs: list[Assured] = []
    run, start, grows = _NONE, 0, False
    for index, one in enumerate(said):
        if one.solid:
            run += one.run
            found = Assured(surety(run), sum(widths[:start]), sum(widths[index + 1 :]))
            if grows:
                runs.pop()
            grows = True
        else:
            found = Assured(surety(one.best), sum(widths[: index + 1]), sum(widths[index:]))
            run, start, grows = _NONE, index + 1, False
        runs.append(found)
    seen = [found for found in runs if found.surety]
    together = Assured(
        sum(found.surety for found in seen),
        max((found.ahead for found in seen), default=0),
        max((found.behind for found in seen), default=0),
    )
    return [*seen, together]


def _of(code: Any, value: Any) -> _Said:
    if code in ASSERTIONS or code is op.AT:
        return _Said(True, _NONE, _NONE)
    if code is op.SUBPATTERN:
        return _row(value[3])
    if code is op.ATOMIC_GROUP:
        return _row(value)
    if code is op.BRANCH:
        return _either([_row(branch) for branch in value[1]])
    if code in REPEATS:
        low, _, body = value
        said = _row(body)
        if not said.solid:
            return _Said(False, _NONE, said.best if low else _NONE)
        run = said.run * min(low, _MOST)
        return _Said(True, run, run)
    taken = chars(code, value)
    if taken is None or not taken <= token_windows.TOKEN:
        return _Said(False, _NONE, _NONE)
    share = len(taken & _DIGITS) / len(taken)
    run = (_CERTAIN if share == 1 else -math.log(1 - share),)
    return _Said(True, run, run)


def _row(items: Any) -> _Said:
    solid, run, best = True, _NONE, _NONE
    for code, value in items:
        said = _of(code, value)
        if said.solid:
            run += said.run
            best = max(best, run, key=_worth)
        else:
            solid, run = False, _NONE
            best = max(best, said.best, key=_worth)
    return _Said(solid, run if solid else _NONE, best)


def _either(branches: list[_Said]) -> _Said:
    worst = min((branch.best for branch in branches), key=_worth)
    if not all(branch.solid for branch in branches):
        return _Said(False, _NONE, worst)
    size = min(len(branch.run) for branch in branches)
    run = tuple(
        min(chances) for chances in zip(*(branch.run[:size] for branch in branches), strict=True)
    )
    return _Said(True, run, worst)
