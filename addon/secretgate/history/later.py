"""Work that can wait until a request has been sent, such as remembering what was seen in it.

Nothing depends on its being done at once: what is not remembered yet is read again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Work = Callable[[], None]

_waiting: ContextVar[list[Work] | None] = ContextVar("secretgate_waiting", default=None)


@contextlib.contextmanager
def postponed() -> Iterator[list[Work]]:
    """Collect what code in this context, and in threads begun from it, hands to `later`."""
    work: list[Work] = []
    token = _waiting.set(work)
    try:
        yield work
    finally:
        _waiting.reset(token)


def later(work: Work) -> None:
    """Have this done once the request has been sent; at once if nobody collects such work."""
    waiting = _waiting.get()
    if waiting is None:
        work()
    else:
        waiting.append(work)
