"""Attempts at a decision, given up if detection would have to look closely at too many places.

How long a request takes depends less on its size than on the number of such places. That is known
as soon as its texts are scanned, before anything is reported or counted, so that the request can be
decided on anew somewhere else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

from secretgate_rules import EVERY, Detector, TooMany

__all__ = ["TooMany", "attempt", "commit", "most_places", "would_fail"]

_MOST: Final = 150
"""Number of places that take up to ten milliseconds."""
_LEAST: Final = 4 << 10
"""Size in bytes up to which a message takes little time whatever it holds."""
_trying: ContextVar[bool] = ContextVar("secretgate_trying", default=False)


@contextlib.contextmanager
def attempt() -> Iterator[None]:
    """Let code in this context give up by raising `TooMany`."""
    token = _trying.set(True)
    try:
        yield
    finally:
        _trying.reset(token)


def commit() -> None:
    """Keep the attempt in this context, if any, from being given up from here on."""
    _trying.set(False)


def most_places() -> int:
    """Return the number of places that detection may examine in this context."""
    return _MOST if _trying.get() else EVERY


def would_fail(detector: Detector, content: bytes) -> bool:
    """Return whether an attempt would be given up; for what must not be decided on twice."""
    return len(content) > _LEAST and detector.crowded(content, _MOST)
