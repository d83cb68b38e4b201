"""The proxy under test: a real mitmdump, its clients' settings, and everything it has written."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from weakref import WeakSet

import certifi

from harness.programs import free_port
from harness.provider import Provider
from secretgate.demo.process import Mitmdump

ADDON = Path(__file__).parents[2] / "addon" / "secretgate_addon.py"


_BUNDLE = "client-bundle.pem"

RUNNING: WeakSet[Proxy] = WeakSet()
"""All proxies, for reading their output."""


class Proxy(Mitmdump):
    def __init__(
        self, provider: Provider, home: Path, *, addon: Path | None = ADDON, **arguments: Any
    ) -> None:
        super().__init__(home, provider.port, provider.trusted, addon=addon, **arguments)
        RUNNING.add(self)

    def start(self) -> Self:
        """Start it on the port that it had, or one that stays free while it is restarted."""
        if not self.port and not any("mode" in each for each in (*self.options, *self.arguments)):
            self.port = free_port()
        return super().start()

    def comes(self, what: bytes | Callable[[bytes], bool], timeout: float = 20) -> bool:
        """Wait until the output contains a text or satisfies a predicate; return whether it does."""
        holds = what if callable(what) else lambda said: what in said
        with self._more:
            return self._more.wait_for(lambda: holds(self.output), timeout)

    def ends(self, timeout: float) -> bool:
        """Wait until the process has ended; return whether it has."""
        assert self._process
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        return not self.alive

    def bundle(self) -> Path:
        """Write the roots a client must trust: the proxy's, the providers' (for tunnels), the usual."""
        path = self.home / _BUNDLE
        roots = (self.certificate, self.trusted, Path(certifi.where()))
        path.write_bytes(b"\n".join(root.read_bytes() for root in roots))
        return path

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.load_verify_locations(str(self.trusted))
        return context

    def client_environment(self) -> dict[str, str]:
        """Return the variables that users of `HTTPS_PROXY` set."""
        return {
            "HTTPS_PROXY": self.url,
            "https_proxy": self.url,
            "SSL_CERT_FILE": str(self.bundle()),
            "NO_PROXY": "",
            "no_proxy": "",
        }

    def written(self) -> dict[str, bytes]:
        """Return everything the process has written, by name: its output and every file below `home`."""
        files = {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in self.home.rglob("*")
            if path.is_file() and not path.is_symlink() and path.name != _BUNDLE
        }
        return {"(output)": self.output, **files}
