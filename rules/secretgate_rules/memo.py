"""Answers about texts, remembered for a while: the same words come again and again.

What is remembered holds the texts, secrets among them. Whoever promises to keep them no longer than so
long calls `forget` now and then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import _lru_cache_wrapper, lru_cache
from typing import Any, TypeVar
from weakref import WeakSet

R = TypeVar("R")

_MEMOS: WeakSet[_lru_cache_wrapper[Any]] = WeakSet()


def remembered(size: int) -> Callable[[Callable[..., R]], _lru_cache_wrapper[R]]:
    """`functools.lru_cache`, for a function of texts."""

    def wrap(function: Callable[..., R]) -> _lru_cache_wrapper[R]:
        memo = lru_cache(maxsize=size)(function)
        _MEMOS.add(memo)
        return memo

    return wrap


def forget() -> None:
    """Empties all of them, and the expressions that `re` keeps beside: some are made from values."""
    for memo in list(_MEMOS):
        memo.cache_clear()
    re.purge()
