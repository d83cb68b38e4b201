"""Signals and exit codes are passed on as if the command had been started directly.

Signals from terminal keys reach the command by themselves, as it is in our process group. Signals
sent only to us are forwarded.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from types import FrameType
from typing import Any

_FROM_KEYS = ("SIGINT", "SIGQUIT")
_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK")


def in_foreground() -> bool:
    """Return whether the terminal's keys send signals to our process group."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(descriptor)


class Relay:
    """Catches signals within `catching`, and forwards them to the command once it is known."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[Any] | None = None
        self._early: list[int] = []

    @contextlib.contextmanager
    def catching(self) -> Iterator[None]:
        numbers = [getattr(signal, n) for n in (*_FROM_KEYS, *_PASSED_ON) if hasattr(signal, n)]
        before = {number: signal.getsignal(number) for number in numbers}
        # Leave ignored signals (nohup) ignored, because the command inherits that.
        caught = [number for number in numbers if before[number] is not signal.SIG_IGN]
        for number in caught:
            signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number in caught:
                signal.signal(number, before[number])

    def to(self, process: subprocess.Popen[Any]) -> None:
        self._process = process
        for number in self._early:
            self._send(number)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._process is None:
            self._early.append(number)
        elif signal.Signals(number).name not in _FROM_KEYS or not in_foreground():
            self._send(number)

    def _send(self, number: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            assert self._process is not None
            self._process.send_signal(number)


def exit_code(returned: int) -> int:
    """Return the exit code a shell would: 128 plus the number of the signal that ended the command."""
    return 128 - returned if returned < 0 else returned
