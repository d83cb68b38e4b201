"""Isolates a command so that it can reach only the proxy: `secretgate run --isolate`.

Linux: namespaces of its own, entered by `enter`, with one listening socket that is served from
outside. Nothing else has to be installed, and there is no address translation that could let
something through. macOS: a sandbox profile. Elsewhere isolation is not possible, and the run is
refused.

This keeps connections from bypassing the proxy. It is not a sandbox against malicious commands:
files, and sockets in the file system, remain accessible.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

SANDBOX = "/usr/bin/sandbox-exec"
_ALLOW = (
    "allow user namespaces (sysctl user.max_user_namespaces; on Ubuntu 24.04 and later also "
    "kernel.apparmor_restrict_unprivileged_userns=0), or run without --isolate"
)


class IsolationError(Exception):
    """The command cannot be isolated here; the message says why and what would help."""


class Isolation(Protocol):
    """The interface of isolation methods."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """File descriptors that the command's process inherits."""

    def command(self, command: Sequence[str]) -> list[str]: ...

    def attach(self) -> None:
        """Complete isolation once the process has started; raise IsolationError if it failed."""

    def close(self) -> None: ...


def isolation(host: str, port: int, platform: str = sys.platform) -> Isolation:
    """Return the isolation for a proxy at `host` and `port`; raise IsolationError if there is none."""
    if platform.startswith("linux"):
        return Namespaces(host, port)
    if platform == "darwin" and shutil.which(SANDBOX):
        return Sandbox(port)
    raise IsolationError(f"--isolate: not supported on {platform}; run without it")


@dataclass
class Namespaces:
    """Isolation by Linux namespaces."""

    host: str
    port: int
    _ours: socket.socket = field(init=False, repr=False)
    _theirs: socket.socket = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()

    @property
    def descriptors(self) -> tuple[int, ...]:
        return (self._theirs.fileno(),)

    def command(self, command: Sequence[str]) -> list[str]:
        descriptor = str(self._theirs.fileno())
        enter = [sys.executable, "-P", "-m", "secretgate.launch.enter", descriptor, str(self.port)]
        return [*enter, *command]

    def attach(self) -> None:
        self._theirs.close()
        message, descriptors, _, _ = socket.recv_fds(self._ours, 1024, 1)
        if not descriptors:
            reason = message.decode() or "the process ended"
            raise IsolationError(f"--isolate: not possible here ({reason}): {_ALLOW}")
        listening = socket.socket(fileno=descriptors[0])
        threading.Thread(
            target=_serve, args=(listening, self.host, self.port), name="isolation", daemon=True
        ).start()

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


@dataclass(frozen=True)
class Sandbox:
    """Isolation by a macOS sandbox profile."""

    port: int
    descriptors: tuple[int, ...] = ()

    def command(self, command: Sequence[str]) -> list[str]:
        return [SANDBOX, "-p", profile(self.port), *command]

    def attach(self) -> None:
        """Do nothing: `sandbox-exec` reports its own errors."""

    def close(self) -> None:
        """Do nothing: there are no resources to release."""


def profile(port: int) -> str:
    """Return a profile that allows only the proxy's port, and Unix sockets except the name service's."""
    return (
        "(version 1)(allow default)(deny network-outbound)"
        f'(allow network-outbound (remote ip "localhost:{port}"))'
        "(allow network-outbound (remote unix-socket))"
        '(deny network-outbound (literal "/private/var/run/mDNSResponder"))'
    )


def _serve(listening: socket.socket, host: str, port: int) -> None:
    """Connect each connection from inside to the proxy, and nowhere else."""
    with listening:
        while True:
            try:
                inside, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=_lead, args=(inside, host, port), daemon=True).start()


def _lead(inside: socket.socket, host: str, port: int) -> None:
    with inside:
        try:
            outside = socket.create_connection((host, port))
        except OSError:
            return
        with outside:
            for end in (inside, outside):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_pump, args=(outside, inside), daemon=True)
            back.start()
            _pump(inside, outside)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


__all__ = ["Isolation", "IsolationError", "Namespaces", "Sandbox", "isolation", "profile"]
