"""A proxy subprocess: started, awaited without polling, and stopped with its counters.

It is started before its arguments are known, because loading mitmproxy takes a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from secretgate.wording import CANNOT_START

STARTUP = 120.0
"""Seconds. The first start after a change of rules compiles them."""
SHUTDOWN = 5.0
_TAIL = 12


class ProxyError(Exception):
    """The proxy did not start; the message says why, or contains the end of its log."""


def _without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != "SSLKEYLOGFILE"}


class OwnProxy:
    """`start` and `order` return at once, `address` waits until the proxy listens, `finish` ends it."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._reports: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="proxy reports", daemon=True).start()

    @classmethod
    def start(cls, log: Path, environment: Mapping[str, str]) -> Self:
        """Start the process.

        It gets its own session, so that the terminal's signals reach only the command, and `-P`, so
        that nothing is imported from the current directory. `SSLKEYLOGFILE` is left to the command.
        """
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "secretgate.launch.mitm"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=descriptor,
                env={**_without_keys(environment), "PYTHONUNBUFFERED": "1"},
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        finally:
            os.close(descriptor)
        return cls(process, log)

    def order(self, arguments: Sequence[str]) -> None:
        """Send mitmproxy's arguments to the process."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(list(arguments)).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            pass  # The process has ended; `address` reports why.

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._reports.put(json.loads(line))
        self._reports.put(None)

    def _report(self, kind: str, timeout: float) -> Any:
        try:
            while report := self._reports.get(timeout=timeout):
                if kind in report:
                    return report[kind]
        except queue.Empty:
            pass
        return None

    def address(self, timeout: float = STARTUP) -> tuple[str, int]:
        """Wait until the proxy listens and return host and port; raise ProxyError."""
        listening = self._report("ready", timeout)
        if not listening:
            self.kill()
            raise ProxyError(self._reason())
        host, port = listening[0]
        return host, port

    def _reason(self) -> str:
        """Return why the proxy did not start: what is wrong with an option, or the end of its log."""
        try:
            lines = self._log.read_text("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        for line in lines:
            _, cannot_start, reason = line.partition(CANNOT_START)
            if cannot_start:
                return reason
        end = "\n".join(f"  {line}" for line in lines[-_TAIL:]) or "  (nothing)"
        return f"the proxy did not start. Its log, {self._log}, ends with:\n{end}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def finish(self, timeout: float = SHUTDOWN) -> dict[str, Any] | None:
        """End the proxy and return its counters, or None if it had already ended."""
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        numbers: dict[str, Any] | None = self._report("summary", timeout)
        # The counters are sent after all cleanup, so there is nothing left to wait for.
        self.kill()
        return numbers

    def kill(self) -> None:
        if self.alive:
            self._process.kill()
        self._process.wait()
