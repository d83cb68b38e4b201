"""mitmproxy's terminal UI on its own pseudo-terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import socket
import struct
import subprocess
import termios
import threading
from pathlib import Path
from typing import Any, Self

from harness.provider import Provider
from harness.proxy import Proxy

_SIZE = struct.pack("HHHH", 50, 160, 0, 0)
_CONTROLS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]")


class Console(Proxy):
    def __init__(self, provider: Provider, home: Path, **arguments: Any) -> None:
        super().__init__(provider, home, tool="mitmproxy", **arguments)
        self._terminal = -1

    def start(self) -> Self:
        self._terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, _SIZE)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.2)
            environment = self._environment(server.getsockname()[1]) | {"TERM": "xterm-256color"}
            self._process = subprocess.Popen(
                self._command(),
                env=environment,
                cwd=self.home,
                stdin=inside,
                stdout=inside,
                stderr=inside,
                start_new_session=True,
            )
            os.close(inside)
            self._reader = threading.Thread(target=self._collect, daemon=True)
            self._reader.start()
            self._note(self._wait(server))
        return self

    def _collect(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._terminal, 65536):
                self._heard(data)

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def shows(self, text: str, timeout: float = 20) -> bool:
        """Return whether a text appears on the screen within `timeout` seconds."""
        return self.comes(lambda said: text.encode() in _CONTROLS.sub(b"", said), timeout)
