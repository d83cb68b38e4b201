"""Signals and exit codes are passed on as if the command had been started directly.

Signals from terminal keys reach the command by themselves, as it is in our process group. Signals
sent only to us are forwarded.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Collection, Iterator
from types import FrameType
from typing import Any

_FROM_KEYS = ("SIGINT", "SIGQUIT")
_PASSED_ON = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGBREAK")


def in_foreground() -> bool:
    """Return whether the terminal's keys send signals to our process group."""
    if not hasattr(os, "tcgetpgrp"):
        return True  # Windows sends them to every process of the console.
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
    """Forwards signals that arrive within `catching` to the command, once it is known.

    A thread of its own does, told by the interpreter's wake-up descriptor: Python's handlers run between
    two steps of the main thread, which waits for the command in one call. A signal that arrives just
    before this call, or in another thread, would wait as long.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[Any] | None = None
        self._known = threading.Event()

    @contextlib.contextmanager
    def catching(self) -> Iterator[None]:
        numbers = [getattr(signal, n) for n in (*_FROM_KEYS, *_PASSED_ON) if hasattr(signal, n)]
        before = {number: signal.getsignal(number) for number in numbers}
        # Leave ignored signals (nohup) ignored, because the command inherits that.
        caught = [number for number in numbers if before[number] is not signal.SIG_IGN]
        arrivals, wakeup = socket.socketpair()
        wakeup.setblocking(False)
        awoken = signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        thread = threading.Thread(target=self._forward, args=(arrivals, caught), daemon=True)
        thread.start()
        for number in caught:
            signal.signal(number, _heed)
        try:
            yield
        finally:
            for number in caught:
                signal.signal(number, before[number])
            signal.set_wakeup_fd(awoken)
            wakeup.close()
            self._known.set()
            thread.join()
            arrivals.close()

    def to(self, process: subprocess.Popen[Any]) -> None:
        self._process = process
        self._known.set()

    def _forward(self, arrivals: socket.socket, caught: Collection[int]) -> None:
        while numbers := arrivals.recv(64):
            early = not self._known.is_set()
            self._known.wait()
            for number in numbers:
                if number in caught and (early or not _from_keys(number)):
                    self._send(number)

    def _send(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.send_signal(number)


def _heed(number: int, frame: FrameType | None) -> None:
    """Do nothing: a handler of Python's has to be there for the interpreter to be told."""


def _from_keys(number: int) -> bool:
    """Return whether the terminal has sent this signal to the command too."""
    return signal.Signals(number).name in _FROM_KEYS and in_foreground()


def exit_code(returned: int) -> int:
    """Return the exit code a shell would: 128 plus the number of the signal that ended the command."""
    return 128 - returned if returned < 0 else returned
