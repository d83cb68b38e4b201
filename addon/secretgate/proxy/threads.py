"""Which requests are processed in a thread, so that other flows are not held up.

Passing a request to a thread and back costs milliseconds of its own, as the thread usually runs on
another core, so only what would hold up other flows for longer goes there. How long it takes
depends on how much is new: a body is read, which is fast, until that is known. It depends even more
on how much of it looks like a secret: an attempt on the event loop is given up if that is a lot.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from secretgate.bodies.json_walk import Reading
from secretgate.engine import Engine
from secretgate.history.later import Work, postponed
from secretgate.outbound.attempts import TooMany, attempt, would_fail
from secretgate.outbound.requests import Request
from secretgate.vault import Scope
from secretgate_rules import Detector

IN_A_THREAD = 64 << 10
"""Amount of work, in bytes, up to which a request of a new scope is not processed in a thread."""
ALWAYS_IN_A_THREAD = 256 << 10
"""Amount of work above which it always is."""
_STRINGS = 4096
"""Number of strings above which it always is: so many take longer than their length says."""
_SEEN = 32
"""How many bytes of what was seen before are as much work as one that is new."""
_READING = 0.003
"""Seconds of reading on the event loop, after which it goes on in a thread."""
_HELD_UP = 0.01
"""Seconds for which other flows may be held up."""
TURN = 0.001
"""Seconds for which a thread may keep the interpreter while the event loop waits for it."""
_TELLING = 4 << 10
"""Size of a body from which the time it takes says how fast others like it are processed."""
_FIXED = 0.0005
"""Seconds that a request takes whatever its size."""
_MOST_SCOPES = 4096
_IN_PARTS = (2000, 5, 1 << 30)
"""Thresholds of the garbage collector: it visits ten thousand new objects at most, never all."""
T = TypeVar("T")


class Pace:
    """How fast the requests of a scope are processed, which depends on what is in them.

    The next request of a conversation resembles the last one; nothing is expected of the first one
    of a scope. One that takes longer than expected counts at once, one that takes less only
    gradually.
    """

    def __init__(self) -> None:
        self._paces: OrderedDict[Scope, float] = OrderedDict()
        """Seconds of processor time per byte of work."""

    async def decided(
        self,
        detector: Detector,
        request: Request,
        reading: Reading | None,
        decide: Callable[[], T],
    ) -> T:
        """Return the decision on a request, made in a thread if it would take long.

        `reading`: the reading of its body; None if it cannot be interrupted.
        """
        soon = asyncio.get_running_loop().call_soon
        with postponed() as work:
            try:
                decision = self._at_once(detector, request, reading, decide)
            except TooMany:
                decision = await aside(partial(self.timed, request, reading, decide))
                soon(asyncio.get_running_loop().run_in_executor, None, _do, work)
            else:
                soon(_do, work)
        return decision

    def _at_once(
        self,
        detector: Detector,
        request: Request,
        reading: Reading | None,
        decide: Callable[[], T],
    ) -> T:
        """Return the decision on a request. Raises `TooMany` if it would take long."""
        if self.takes_long(request, reading):
            raise TooMany
        if request.route.dialect.name == "mcp":
            # What is judged in a session with an MCP server is judged once.
            if would_fail(detector, request.content):
                raise TooMany
            return self.timed(request, reading, decide)
        with attempt():
            return self.timed(request, reading, decide)

    def takes_long(self, request: Request, reading: Reading | None) -> bool:
        """Whether processing the request would noticeably delay other flows.

        `reading`: the reading of its body, which is begun here; None if it cannot be.
        """
        size = len(request.content)
        if request.packed or request.signed or size // _SEEN > ALWAYS_IN_A_THREAD:
            return True
        pace = self._paces.get(request.scope)
        if size <= IN_A_THREAD:
            return pace is not None and pace * size > _HELD_UP
        if reading is None or not reading.within(ALWAYS_IN_A_THREAD, _READING):
            return True
        work = _work(request, reading)
        if work > ALWAYS_IN_A_THREAD or reading.strings > _STRINGS:
            return True
        return work > IN_A_THREAD if pace is None else pace * work > _HELD_UP

    def timed(self, request: Request, reading: Reading | None, decide: Callable[[], T]) -> T:
        """Return the decision on a request, and note how long it took."""
        if reading is None or len(request.content) < _TELLING:
            return decide()
        start = time.thread_time()
        decision = decide()
        spent = time.thread_time() - start - _FIXED
        pace = max(spent, 0) / _work(request, reading)
        before = self._paces.pop(request.scope, pace)
        self._paces[request.scope] = max(pace, (before + pace) / 2)
        if len(self._paces) > _MOST_SCOPES:
            self._paces.popitem(last=False)
        return decision


async def message_decided(detector: Detector, content: bytes, decide: Callable[[], T]) -> T:
    """Return the decision on a message of a WebSocket, made in a thread if it would take long."""
    if len(content) > IN_A_THREAD or would_fail(detector, content):
        return await aside(decide)
    return decide()


async def aside(decide: Callable[[], T]) -> T:
    """Return a decision made in a thread, little disturbed by the garbage collector."""

    def undisturbed() -> T:
        with collected_in_parts():
            return decide()

    return await asyncio.to_thread(undisturbed)


@contextlib.contextmanager
def collected_in_parts() -> Iterator[None]:
    """Keep the garbage collector from visiting everything meanwhile: only what is new, in parts.

    All flows would wait: for 200 ms with ten thousand secrets found so far. If it visited nothing,
    they would wait for the first collection afterwards. What is in effect for one request is so for
    all others meanwhile.
    """
    usual = gc.get_threshold()
    if usual == _IN_PARTS:
        yield
        return
    gc.set_threshold(*_IN_PARTS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _do(work: Iterable[Work]) -> None:
    with collected_in_parts():
        for each in work:
            each()


def _work(request: Request, reading: Reading) -> int:
    return reading.size + len(request.content) // _SEEN


def consulted(engine: Engine, request: Request, decide: Callable[[], T]) -> T:
    """Return a decision made with what other workers know. Blocks, so it must run in a thread."""
    with engine.requests.consulting(request):
        return decide()
