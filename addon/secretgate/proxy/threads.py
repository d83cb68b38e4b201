"""Which requests are processed in a thread, so that other flows are not held up.

Passing a request to a thread and back costs milliseconds of its own, as the thread usually runs on
another core, so only what would hold up other flows for longer goes there.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from secretgate.engine import Engine
from secretgate.outbound.requests import Request
from secretgate.vault import Scope

IN_A_THREAD = 64 << 10
"""Size in bytes up to which nothing but a compressed or signed request is processed in a thread."""
ALWAYS_IN_A_THREAD = 256 << 10
"""Size in bytes above which every request is processed in a thread."""
_MANY_QUOTES = 8192
"""Number of quotes above which a request has so many strings that their number decides."""
_HELD_UP = 0.01
"""Seconds for which other flows may be held up."""
_MOST_SCOPES = 4096
T = TypeVar("T")


class Pace:
    """How fast the requests of a scope are processed, which depends on what is in them.

    The next request of a conversation resembles the last one; nothing is expected of the first one
    of a scope. One that takes longer than expected counts at once, one that takes less only
    gradually.
    """

    def __init__(self) -> None:
        self._paces: OrderedDict[Scope, float] = OrderedDict()
        """Seconds of processor time per byte."""

    def takes_long(self, request: Request) -> bool:
        """Whether processing the request would noticeably delay other flows."""
        packed = request.headers.get("content-encoding", "identity") != "identity"
        size = len(request.content)
        if packed or request.signed or size > ALWAYS_IN_A_THREAD:
            return True
        if size <= IN_A_THREAD:
            return False
        pace = self._paces.get(request.scope)
        if pace is None or pace * size > _HELD_UP:
            return True
        return request.content.count(b'"') > _MANY_QUOTES

    def timed(self, request: Request, decide: Callable[[], T]) -> T:
        """Return the decision on a request, and note how long it took."""
        size = len(request.content)
        if size <= IN_A_THREAD:
            return decide()
        start = time.thread_time()
        decision = decide()
        pace = (time.thread_time() - start) / size
        before = self._paces.pop(request.scope, pace)
        self._paces[request.scope] = max(pace, (before + pace) / 2)
        if len(self._paces) > _MOST_SCOPES:
            self._paces.popitem(last=False)
        return decision


def consulted(engine: Engine, request: Request, decide: Callable[[], T]) -> T:
    """Return a decision made with what other workers know. Blocks, so it must run in a thread."""
    with engine.requests.consulting(request):
        return decide()
