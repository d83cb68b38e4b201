"""Wraps a server program: its standard input and output carry one JSON-RPC message per line.

The program is run as the client would have run it. Its standard error is the client's, unchanged:
it is for people and logs, and not part of what a model is told.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO, BinaryIO

from secretgate.launch.signals import Relay, exit_code
from secretgate.mcp.session import Passed, Session

Say = Callable[[str], None]
LONGEST = 128 << 20
"""Maximum bytes per line; a longer line ends the connection."""


class _Line:
    """The writing end of one direction, used by both threads."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, message: bytes | None) -> None:
        if message is None:
            return
        with self._lock:
            self._stream.write(message + b"\n")
            self._stream.flush()

    def close(self) -> None:
        with self._lock:
            self._stream.close()


class Wrapper:
    """Runs a server and passes messages through a session. `source` and `sink` are the client's side."""

    def __init__(self, session: Session, source: BinaryIO, sink: BinaryIO, say: Say) -> None:
        self._session = session
        self._source = source
        self._client = _Line(sink)
        self._say = say
        self._lock = threading.Lock()

    def run(self, command: Sequence[str]) -> int:
        """Run the program and return its exit code; raise OSError if it cannot be started."""
        relay = Relay()
        with relay.catching():
            process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=-1
            )
            relay.to(process)
            assert process.stdin is not None
            assert process.stdout is not None
            server = _Line(process.stdin)
            over = threading.Event()
            threading.Thread(target=self._to_server, args=(server,), daemon=True).start()
            threading.Thread(target=self._forget, args=(over,), daemon=True).start()
            try:
                self._to_client(process.stdout, server)
                return exit_code(process.wait())
            finally:
                over.set()

    def _forget(self, over: threading.Event) -> None:
        """Drop expired state periodically, even when no messages are exchanged."""
        while not over.wait(self._session.period):
            with self._lock:
                try:
                    self._session.forget()
                except Exception as error:
                    self._failed("expired state could not be dropped", error)

    def _to_server(self, server: _Line) -> None:
        try:
            self._pump(self._source, self._session.from_client, server, self._client)
        finally:
            with contextlib.suppress(OSError):
                server.close()

    def _to_client(self, output: IO[bytes], server: _Line) -> None:
        self._pump(output, self._session.from_server, self._client, server)

    def _pump(
        self,
        source: IO[bytes],
        judge: Callable[[bytes], Passed],
        onward: _Line,
        back: _Line,
    ) -> None:
        while line := source.readline(LONGEST):
            message = line.rstrip(b"\r\n")
            if not message:
                continue
            with self._lock:
                passed = self._judged(judge, message, onward is not self._client)
            for note in passed.notes:
                self._say(f"secretgate: {note}")
            try:
                onward.write(passed.forward)
                back.write(passed.reply)
            except (OSError, ValueError):
                return

    def _judged(self, judge: Callable[[bytes], Passed], message: bytes, to_server: bool) -> Passed:
        """Handle a message; one that causes an error is refused, so nothing passes unchecked."""
        try:
            return judge(message)
        except Exception as error:
            self._failed("a message could not be checked and was refused", error)
            return self._session.failed(message, to_server)

    def _failed(self, what: str, error: Exception) -> None:
        from secretgate import log

        self._say(f"secretgate: {what}: {log.where(error)}")
