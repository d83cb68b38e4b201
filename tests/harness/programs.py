"""System programs that tests need: found, installed with apt if possible, or the test is skipped.

Also runs a Redis server for tests.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_TOGETHER = 8
"""How many ports, one after the other, a test is given: workers listen on a port plus their number."""
_FIRSTS = range(20_000 + _WORKER % 16 * _TOGETHER, 32_000, 16 * _TOGETHER)
_PORTS = itertools.cycle(random.SystemRandom().sample(_FIRSTS, len(_FIRSTS)))
"""Ports of this process of a test run: not seeded alike, should two runs go on at a time."""


def free_port() -> int:
    """Return a free port, for programs that must be given a port number; the seven after it are the test's, too.

    It is below the ephemeral ranges (from 49152 for IANA, from 32768 on Linux), and processes of one test
    run have ports of their own, so nobody else takes it before the program has bound it.
    """
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("a cycle has no end")


def read(port: int, path: str) -> tuple[int, bytes]:
    """Return status and body of a GET on loopback, bypassing all proxies."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@functools.cache
def installed(*names: str) -> str:
    """Return the path of the first program found; skip the test if none can be found or installed."""
    found = _first(names)
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        for name in names:
            command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", name]
            done = subprocess.run(command, capture_output=True, timeout=300, check=False)
            if done.returncode == 0:
                break
        found = _first(names)
    if found is None:
        pytest.skip(f"needs {' or '.join(names)}: apt-get install {names[-1]}")
    return found


def _first(names: tuple[str, ...]) -> str | None:
    return next((path for name in names if (path := shutil.which(name, path=_PATH))), None)


class RedisServer:
    """A server on loopback that can be stopped and restarted; its data survives if it is `durable`."""

    def __init__(self, program: str, folder: Path, durable: bool = True) -> None:
        self._program = program
        self.folder = folder
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--save", "", "--daemonize", "no"]
        command += ["--appendonly", "yes" if self._durable else "no", "--appendfsync", "always"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        assert self._process.stdout
        said = b""
        for line in self._process.stdout:
            said += line
            if b"eady to accept connections" in line:
                return
        raise RuntimeError(said.decode(errors="replace"))

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            assert self._process.stdout
            self._process.stdout.close()
            self._process = None

    def freeze(self) -> None:
        """Stop the process, so that it accepts connections but answers nothing."""
        assert self._process
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        os.kill(self._process.pid, signal.SIGCONT)
