"""Decouples requests from the record targets: a bounded queue, drained by a thread.

`put` never blocks and never fails. While a target cannot be written to, records wait in the queue,
and the thread retries every second and reports the failure once. Records for which the queue has no
room are lost and counted; the count is written to the target as soon as it accepts records again.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from secretgate.audit.record import Record, stamp
from secretgate.state import StateError

MOST_WAITING = 10_000
_BATCH = 1000
_RETRY = 1.0
_GATHER = 0.25
"""Seconds to wait for further records before writing a batch."""
_PATIENCE = 5.0
"""Seconds to wait at exit for the last records to be written."""


class Target(Protocol):
    """A destination of records; both methods may raise OSError."""

    def write(self, records: Sequence[bytes]) -> None: ...

    def close(self) -> None: ...


class Writer:
    """Writes records to one target, in its own thread."""

    def __init__(
        self,
        name: str,
        target: Target,
        said: Callable[[str, str], None],
        most: int = MOST_WAITING,
        retry: float = _RETRY,
    ) -> None:
        """`said` is called with what happened and why: once when a failure begins, once when it ends."""
        self.name = name
        self.lost = 0
        """Records lost since the start."""
        self.failing = ""
        """Why nothing can be written at the moment; empty if all is well."""
        self._target = target
        self._said = said
        self._retry = retry
        self._queue: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._most = most
        self._owed = 0
        self._counting = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"audit {name}", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        if self.full:
            with self._counting:
                self.lost += 1
                self._owed += 1
        else:
            self._queue.put(record)

    @property
    def full(self) -> bool:
        return self._queue.qsize() >= self._most

    def close(self) -> None:
        """Write the remaining records, for a limited time, and stop."""
        self._end.set()
        self._queue.put(None)
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        waiting: list[Record] = []
        while True:
            if not waiting:
                waiting = self._taken()
            if waiting and not self._written(waiting):
                if self._end.is_set():
                    self._give_up(waiting)
                    return
                self._end.wait(self._retry)
                continue
            waiting = []
            if self._end.is_set() and self._queue.empty():
                with contextlib.suppress(Exception):
                    self._target.close()
                return

    def _taken(self) -> list[Record]:
        """Return the next batch: the first record and those that follow within a moment.

        A batch costs one lock and one flush to disk, however many records it has.
        """
        first = self._queue.get()
        taken = [] if first is None else [first]
        self._end.wait(_GATHER)
        with contextlib.suppress(queue.Empty):
            while len(taken) < _BATCH:
                record = self._queue.get_nowait()
                taken += [] if record is None else [record]
        return taken

    def _written(self, waiting: Sequence[Record]) -> bool:
        owed = self._owed
        lines = [msgspec.json.encode(record) for record in waiting]
        if owed:
            lines.append(msgspec.json.encode(_lost(owed)))
        try:
            self._target.write(lines)
        except Exception as error:
            reason = (
                str(error) if isinstance(error, (OSError, StateError)) else type(error).__name__
            )
            if not self.failing:
                self._said(f"{self.name} cannot be written; requests go on", reason)
            self.failing = reason
            return False
        with self._counting:
            self._owed -= owed
        if self.failing:
            self.failing = ""
            self._said(f"{self.name} is being written again", f"{owed} records were lost")
        return True

    def _give_up(self, waiting: list[Record]) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                record = self._queue.get_nowait()
                waiting += [] if record is None else [record]
        self.lost += len(waiting)
        self._said(f"{self.name} stopped with unwritten records", f"{self.lost} lost")


def _lost(count: int) -> Record:
    return Record(
        time=stamp(time.time()),
        event="lost",
        process=os.getpid(),
        count=count,
        reason="the queue was full",
    )
