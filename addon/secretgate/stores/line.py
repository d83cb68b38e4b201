"""Access to a store that may be unreachable, for the vault and the ledger.

mitmproxy runs every flow on one event loop, so code on that loop never waits for a network: reads
use what this worker has already seen, and writes go to a queue that a thread drains. Code that may
wait declares so with `waiting`, and also whether it can proceed without an answer. After a failure,
one caller retries every `_PAUSE` seconds; in between, all calls fail immediately.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextvars import ContextVar
from enum import Enum
from typing import TypeVar

from secretgate import log
from secretgate.stores import Mark, Pulled, Store, Told, Unreachable, Write

_PAUSE = 1.0
_MOST_QUEUED = 50_000
_BATCH = 500
T = TypeVar("T")


class Wait(Enum):
    """Whether a caller may wait for the store, and whether it needs the answer."""

    NEVER = 0
    """Do not ask the store; use what this worker has."""
    GLADLY = 1
    """Ask the store, but proceed without an answer if it is unreachable."""
    NEEDED = 2
    """Ask the store, and raise Unreachable if it does not answer."""


_wait: ContextVar[Wait] = ContextVar("secretgate_wait", default=Wait.NEVER)


@contextlib.contextmanager
def waiting(wait: Wait) -> Iterator[None]:
    """Let code in this context (a thread or a task) wait for the store."""
    token = _wait.set(wait)
    try:
        yield
    finally:
        _wait.reset(token)


def asked() -> bool:
    """Return whether this context may wait for the store."""
    return _wait.get() is not Wait.NEVER


class Line:
    """The store as the vault and the ledger use it."""

    def __init__(
        self,
        store: Store,
        warn: Callable[[str], None] = lambda message: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.remote = store.remote
        self._warn = warn
        self._clock = clock
        self._lock = threading.Lock()
        self._lost = False
        self._again = 0.0
        self._queue: deque[Write | Future[None]] = deque()
        self._filled = threading.Condition()
        self._writer: threading.Thread | None = None
        self._writing = False
        self._closed = False

    @property
    def lost(self) -> bool:
        """Whether the last call found the store unreachable."""
        return self._lost

    def pull(self, place: bytes, mark: Mark, links: Sequence[bytes]) -> Pulled | None:
        """Return None if there was no answer and the caller does not require one."""
        return self._read(lambda: self.store.pull(place, mark, links))

    def ask(
        self, place: bytes, names: Mapping[bytes, str], digests: Sequence[bytes]
    ) -> Told | None:
        return self._read(lambda: self.store.ask(place, names, digests))

    def write(self, writes: Sequence[Write]) -> None:
        if not self.remote:
            self.store.write(writes)
            return
        wait = _wait.get()
        if wait is Wait.NEVER:
            self._enqueue(writes)
            return
        try:
            self._call(lambda: self.store.write(writes))
        except Unreachable:
            self._enqueue(writes)
            if wait is Wait.NEEDED:
                raise

    async def settled(self, timeout: float) -> None:  # noqa: ASYNC109 - it waits for another thread
        """Wait until all writes queued so far are done, for at most `timeout` seconds."""
        with self._filled:
            if self._lost or not (self._queue or self._writing):
                return
            mark: Future[None] = Future()
            self._queue.append(mark)
            self._filled.notify()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(mark), timeout)

    def close(self) -> None:
        """Write what is still queued, if the store is reachable, and close the store."""
        with self._filled:
            self._closed = True
            self._filled.notify()
        if self._writer is not None:
            self._writer.join(2 * _PAUSE)
            rest = [each for each in self._queue if not isinstance(each, Future)]
            with contextlib.suppress(Unreachable):
                for at in range(0, len(rest), _BATCH):
                    self.store.write(rest[at : at + _BATCH])
        self.store.close()

    def _read(self, call: Callable[[], T]) -> T | None:
        if not self.remote:
            try:
                return call()
            except Unreachable:
                return None
        wait = _wait.get()
        if wait is Wait.NEVER:
            return None
        try:
            return self._call(call)
        except Unreachable:
            if wait is Wait.NEEDED:
                raise
            return None

    def _call(self, call: Callable[[], T]) -> T:
        with self._lock:
            if self._lost and self._clock() < self._again:
                raise Unreachable("it did not answer a moment ago")
            if self._lost:
                self._again = self._clock() + _PAUSE
        try:
            result = call()
        except Unreachable as error:
            self._fail(error)
            raise
        if self._lost:
            self._lost = False
            self._warn("the shared vault is reachable again")
        return result

    def _fail(self, error: Unreachable) -> None:
        with self._lock:
            told, self._lost = self._lost, True
            self._again = self._clock() + _PAUSE
        if not told:
            self._warn(f"the shared vault cannot be reached: {error}")

    def _enqueue(self, writes: Sequence[Write]) -> None:
        with self._filled:
            self._queue.extend(writes)
            while len(self._queue) > _MOST_QUEUED:
                _dropped(self._queue.popleft())
            if self._writer is None:
                self._writer = threading.Thread(target=self._work, name="vault", daemon=True)
                self._writer.start()
            self._filled.notify()

    def _work(self) -> None:
        while batch := self._batch():
            writes = [each for each in batch if not isinstance(each, Future)]
            written = self._written(writes)
            with self._filled:
                self._writing = False
                if not written:
                    self._queue.extendleft(reversed(writes))
                for each in batch:
                    _dropped(each)
                if not written and not self._closed:
                    self._filled.wait(_PAUSE)
                if not written and self._closed:
                    return

    def _batch(self) -> list[Write | Future[None]]:
        """Wait for queued writes and return them; return an empty list once closed and drained."""
        with self._filled:
            while not self._queue and not self._closed:
                self._filled.wait()
            batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
            self._writing = bool(batch)
            return batch

    def _written(self, writes: Sequence[Write]) -> bool:
        try:
            if writes:
                self._call(lambda: self.store.write(writes))
        except Unreachable:
            return False
        except Exception as error:
            # Do not retry: the same error would block the queue forever.
            self._warn(f"a write to the shared vault failed: {log.where(error)}")
        return True


def _dropped(entry: Write | Future[None]) -> None:
    """Wake whoever waits for this entry."""
    if isinstance(entry, Future):
        with contextlib.suppress(InvalidStateError):
            entry.set_result(None)
