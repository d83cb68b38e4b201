"""A real mitmdump as a subprocess, led to the fake provider, with all its state in one folder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import certifi

from harness.provider import Provider
from secretgate.demo import redirect

ADDON = Path(__file__).parents[2] / "addon" / "secretgate_addon.py"
_MITMDUMP = "from mitmproxy.tools.main import mitmdump; raise SystemExit(mitmdump())"


class Proxy:
    """One mitmdump. `start` returns when it accepts connections; state outlives `stop`.

    `home` is where it may write; `output` holds all it has said so far.
    """

    def __init__(
        self,
        provider: Provider,
        home: Path,
        *,
        options: Mapping[str, object] | None = None,
        addon: Path | None = ADDON,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self.provider = provider
        self.home = home
        self.options = dict(options or {})
        self.addon = addon
        self.environment = dict(environment or {})
        self.arguments = list(arguments)
        self.output = b""
        self.port = 0
        self.host = ""
        self.folder = home
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def _command(self) -> list[str]:
        options = {"ssl_verify_upstream_trusted_ca": self.provider.trusted, **self.options}
        command = [sys.executable, "-c", _MITMDUMP, "--listen-port", str(self.port)]
        if self.addon:
            command += ["-s", str(self.addon)]
        else:
            options["confdir"] = self.home / "confdir"
        command += ["-s", str(redirect.__file__), *self.arguments]
        for name, value in options.items():
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            command += ["--set", f"{name}={shown}"]
        return command

    def _environment(self, ready: int) -> dict[str, str]:
        temporary = self.home / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        kept = {"PATH", "LANG", "LC_ALL", "PYTHONPATH", "SYSTEMROOT", "LD_LIBRARY_PATH"}
        return {
            **{name: value for name, value in os.environ.items() if name in kept},
            "HOME": str(self.home),
            "TMPDIR": str(temporary),
            "TEMP": str(temporary),
            "PYTHONUNBUFFERED": "1",
            "SECRETGATE_HOME": str(self.home / "secretgate"),
            "SECRETGATE_UPSTREAM": f"127.0.0.1:{self.provider.port}",
            "SECRETGATE_READY": f"127.0.0.1:{ready}",
            **self.environment,
        }

    def start(self) -> Proxy:
        self.home.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.2)
            self._process = subprocess.Popen(
                self._command(),
                env=self._environment(server.getsockname()[1]),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self._reader = threading.Thread(target=self._collect, daemon=True)
            self._reader.start()
            report = self._wait(server)
        self.host, self.port = report["listening"][0]
        self.folder = Path(os.path.expanduser(report["folder"].replace("~", str(self.home))))
        return self

    def _wait(self, server: socket.socket) -> dict[str, list[list[str]]]:
        assert self._process
        for _ in range(300):
            with contextlib.suppress(TimeoutError):
                channel, _ = server.accept()
                with channel:
                    return json.loads(channel.makefile("rb").read())
            if self._process.poll() is not None:
                break
        self.kill()
        raise RuntimeError(f"mitmdump did not start:\n{self.output.decode(errors='replace')}")

    def _collect(self) -> None:
        assert self._process
        assert self._process.stdout
        while data := self._process.stdout.read1(65536):
            self.output += data

    def _end(self) -> None:
        assert self._process
        assert self._reader
        self._process.wait(15)
        self._reader.join(5)
        self._process = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """As Ctrl-C does."""
        if self._process:
            self._process.send_signal(signal.SIGINT)
            try:
                self._end()
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def kill(self) -> None:
        """As a power cut does."""
        if self._process:
            self._process.kill()
            self._end()

    def restart(self) -> None:
        """The same port and state, a new process."""
        self.stop()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def authority(self) -> Path:
        """The certificate of the CA that this proxy signs with."""
        return self.folder / "mitmproxy-ca-cert.pem"

    def bundle(self) -> Path:
        """What a client has to trust: the proxy's CA, the fake provider's (tunnels) and the usual."""
        path = self.home / "client-bundle.pem"
        roots = (self.authority, self.provider.trusted, Path(certifi.where()))
        path.write_bytes(b"\n".join(root.read_bytes() for root in roots))
        return path

    def context(self, *alpn: str) -> ssl.SSLContext:
        """A client's TLS, trusting the proxy and the providers."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_verify_locations(str(self.provider.trusted))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def client_environment(self) -> dict[str, str]:
        """What `HTTPS_PROXY` users set."""
        return {
            "HTTPS_PROXY": self.url,
            "https_proxy": self.url,
            "SSL_CERT_FILE": str(self.bundle()),
            "NO_PROXY": "",
            "no_proxy": "",
        }

    def written(self) -> dict[str, bytes]:
        """Everything the process has written, by name: its output and every file below `home`."""
        files = {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in self.home.rglob("*")
            if path.is_file() and not path.is_symlink()
        }
        return {"(output)": self.output, **files}
