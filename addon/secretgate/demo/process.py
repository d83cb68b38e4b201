"""A real mitmdump subprocess, redirected to a provider on loopback, with all its state in one folder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from secretgate_rules import cache

_RUN = "from mitmproxy.tools.main import {tool} as run; raise SystemExit(run())"
_REDIRECT = Path(__file__).with_name("redirect.py")
_KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "SYSTEMROOT", "LD_LIBRARY_PATH")
READY_WITHIN = 120.0
"""Seconds. The first start of a new installation compiles rules and bytecode."""


class Failed(Exception):
    """mitmdump did not start; the message contains its output."""


class Mitmdump:
    """One proxy. `start` returns once it accepts connections; its state survives `stop`.

    `home` is the only folder it may write to; `output` holds everything it has printed so far.
    """

    def __init__(
        self,
        home: Path,
        upstream: int,
        trusted: Path,
        *,
        addon: Path | None,
        options: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        tool: str = "mitmdump",
        log: Path | None = None,
    ) -> None:
        """`log`: a file that receives the output instead of `output`, so nobody has to read along."""
        self.home = home
        self.upstream = upstream
        self.trusted = trusted
        self.addon = addon
        self.options = dict(options or {})
        self.environment = dict(environment or {})
        self.arguments = list(arguments)
        self.tool = tool
        """mitmdump, mitmweb or mitmproxy."""
        self.log = log
        self.output = b""
        self._more = threading.Condition()
        self.host = ""
        self.port = 0
        self.folder = home
        """mitmproxy's confdir, which contains the CA certificate."""
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def _command(self) -> list[str]:
        options = {"ssl_verify_upstream_trusted_ca": self.trusted, **self.options}
        command = [
            sys.executable,
            "-c",
            _RUN.format(tool=self.tool),
            "--listen-port",
            str(self.port),
        ]
        if self.addon:
            command += ["-s", str(self.addon)]
        else:
            options["confdir"] = self.home / "confdir"
        command += ["-s", str(_REDIRECT), *self.arguments]
        for name, value in options.items():
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            command += ["--set", f"{name}={shown}"]
        return command

    def _environment(self, ready: int) -> dict[str, str]:
        temporary = self.home / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),
            "TMPDIR": str(temporary),
            "TEMP": str(temporary),
            "PYTHONUNBUFFERED": "1",
            "SECRETGATE_CACHE_DIR": str(cache.folder()),
            "SECRETGATE_HOME": str(self.home / "secretgate"),
            "SECRETGATE_UPSTREAM": f"127.0.0.1:{self.upstream}",
            "SECRETGATE_READY": f"127.0.0.1:{ready}",
            **self.environment,
        }

    def start(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.2)
            with self.log.open("ab") if self.log else contextlib.nullcontext() as log:
                self._process = subprocess.Popen(
                    self._command(),
                    env=self._environment(server.getsockname()[1]),
                    cwd=self.home,
                    stdin=subprocess.DEVNULL,
                    stdout=log or subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
            if not self.log:
                self._reader = threading.Thread(target=self._collect, daemon=True)
                self._reader.start()
            self._note(self._wait(server))
        return self

    def _note(self, report: dict[str, Any]) -> None:
        """Store the address it listens on and its confdir."""
        self.host, self.port = report["listening"][0]
        self.folder = Path(report["folder"].replace("~", str(self.home), 1))

    def _wait(self, server: socket.socket) -> dict[str, Any]:
        assert self._process
        last = time.monotonic() + READY_WITHIN
        while time.monotonic() < last:
            with contextlib.suppress(TimeoutError):
                channel, _ = server.accept()
                with channel, channel.makefile("rb") as file:
                    report: dict[str, Any] = json.loads(file.read())
                    return report
            if self._process.poll() is not None:
                why = "mitmdump ended"
                break
        else:
            why = f"mitmdump was not ready within {READY_WITHIN:.0f} seconds"
        self.kill()
        said = self.log.read_bytes() if self.log else self.output
        raise Failed(f"{why}:\n{said.decode(errors='replace')}")

    def _collect(self) -> None:
        assert self._process
        pipe: Any = self._process.stdout
        while data := pipe.read1(65536):
            self._heard(data)

    def _heard(self, data: bytes) -> None:
        with self._more:
            self.output += data
            self._more.notify_all()

    def _end(self, timeout: float) -> None:
        if self._process:
            self._process.wait(timeout)
            if self._reader:
                self._reader.join(timeout)
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process, "it runs"
        return self._process.pid

    def stop(self) -> None:
        """Stop it like Ctrl-C."""
        if not self._process:
            return
        if sys.platform == "win32":
            self._process.terminate()
        else:
            self._process.send_signal(signal.SIGINT)
        try:
            self._end(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill it, like a power cut."""
        if self._process:
            self._process.kill()
            self._end(15)

    def restart(self) -> None:
        """Stop it and start a new process with the same port and state."""
        self.stop()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """The certificate of the CA that this proxy signs with."""
        return self.folder / "mitmproxy-ca-cert.pem"
