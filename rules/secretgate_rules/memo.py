"""Caches for functions of texts, because the same words occur again and again.

The caches contain the texts, and so secrets. Callers that promise to keep secrets only for a
limited time must call `forget` regularly.
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
    """Return a decorator like `functools.lru_cache` whose caches `forget` clears."""

    def wrap(function: Callable[..., R]) -> _lru_cache_wrapper[R]:
        memo = lru_cache(maxsize=size)(function)
        _MEMOS.add(memo)
        return memo

    return wrap


def forget() -> None:
    """Clear all caches, and `re`'s cache of expressions, some of which are built from values."""
    for memo in list(_MEMOS):
        memo.cache_clear()
    re.purge()
