"""A team gateway on loopback: workers with their own folders, HAProxy in front, one Redis behind."""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from harness.programs import free_port, read
from harness.provider import Provider
from harness.proxy import Proxy
from harness.wires import Access
from secretgate.demo.authority import Authority

CONFIGURATION = Path(__file__).parents[2] / "docs" / "deploy" / "haproxy.cfg"
_DECIDED = re.compile(rb"(?m)^secretgate_requests_total\{[^}]*\} (\S+)$")
USERS = {"alice": "of-alice", "bob": "of-bob"}
"""Passwords by user."""


def htpasswd(file: Path) -> Path:
    """Write SHA-1 hashes as `htpasswd -s` does, which are quick to check and sufficient for tests."""
    lines = (
        f"{user}:{{SHA}}{base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()}\n"
        for user, password in USERS.items()
    )
    file.write_text("".join(lines))
    return file


class Worker(Proxy):
    """A worker that requires a password and reports its state on port `health`."""

    health: int

    def asked(self, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
        status, body = self.read(path)
        return status, json.loads(body)

    def read(self, path: str) -> tuple[int, bytes]:
        return read(self.health, path)

    def access(self, user: str = "alice") -> Access:
        url = f"http://{user}:{USERS[user]}@127.0.0.1:{self.port}"
        return Access(self.context, url, None, {})

    @property
    def requests(self) -> int:
        """Number of requests it has decided."""
        _, told = self.read("/metrics")
        return int(sum(map(float, _DECIDED.findall(told))))


class Team:
    """`count` workers sharing the Redis at `vault`, with the key and CA of the first worker."""

    def __init__(
        self, provider: Provider, folder: Path, vault: str, count: int = 2, **options: object
    ) -> None:
        self.folder = folder
        users = htpasswd(folder / "users")
        self.workers: list[Worker] = []
        for number in range(count):
            home = folder / f"worker{number}"
            home.mkdir()
            if self.workers:
                self._copy_keys(self.workers[0].home, home)
            health = free_port()
            more = {f"secretgate_{name}": value for name, value in options.items()}
            worker = Worker(
                provider,
                home,
                options={
                    "proxyauth": f"@{users}",
                    "secretgate_health": f"127.0.0.1:{health}",
                    "secretgate_drain": 20,
                    "secretgate_metrics": True,
                    **more,
                },
                environment={"SECRETGATE_VAULT": vault},
            )
            worker.health = health
            self.workers.append(worker.start())

    @staticmethod
    def _copy_keys(source: Path, target: Path) -> None:
        """Copy key and CA, as an administrator would distribute them."""
        place = target / "secretgate"
        place.mkdir(mode=0o700)
        shutil.copy2(source / "secretgate" / "placeholder.key", place)
        shutil.copytree(source / "secretgate" / "ca", place / "ca")
        (place / "ca").chmod(0o700)

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()

    def written(self) -> Mapping[str, bytes]:
        return {
            f"{number}/{name}": content
            for number, worker in enumerate(self.workers)
            for name, content in worker.written().items()
        }


class Balancer:
    """HAProxy with the documented configuration."""

    def __init__(self, program: str, team: Team) -> None:
        self._program = program
        self._team = team
        self.port, self.stats = free_port(), free_port()
        folder = team.folder / "haproxy"
        folder.mkdir()
        self._log = folder / "output"
        authority = Authority("Test gateway")
        self._trusted = folder / "gateway-ca.pem"
        self._trusted.write_bytes(authority.pem)
        self.environment = {
            "PATH": os.environ["PATH"],
            "SECRETGATE_BIND": f"127.0.0.1:{self.port}",
            "SECRETGATE_CERT": str(authority.issue(["localhost"], folder / "gateway.pem")),
            "SECRETGATE_STATS": f"127.0.0.1:{self.stats}",
        }
        for number, worker in enumerate(team.workers, 1):
            self.environment[f"SECRETGATE_WORKER_{number}"] = f"127.0.0.1:{worker.port}"
            self.environment[f"SECRETGATE_HEALTH_{number}"] = str(worker.health)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [self._program, "-f", str(CONFIGURATION)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.wait_for(*["UP"] * len(self._team.workers))
            yield
        finally:
            process.kill()
            process.wait(10)

    def states(self) -> list[str]:
        """Return HAProxy's view of the workers: UP or DOWN."""
        rows = csv.DictReader(io.StringIO(read(self.stats, "/;csv")[1].decode()))
        checked = [row for row in rows if row["svname"].startswith("worker")]
        # A server that has not been checked yet counts as up, so use the result of a check.
        return [row["status"] if row["check_status"] else "" for row in checked]

    def wait_for(self, *states: str) -> None:
        seen: list[str] = []
        for _ in range(200):
            with contextlib.suppress(OSError):
                seen = self.states()
                if seen == list(states):
                    return
            time.sleep(0.05)
        raise AssertionError(f"HAProxy says {seen}\n{self._log.read_text()[-2000:]}")

    def access(self, user: str = "alice") -> Access:
        """Return access through TLS to the load balancer, with a tunnel to the provider inside."""
        trusting = ssl.create_default_context(cafile=str(self._trusted))
        url = f"https://localhost:{self.port}"
        proxy = httpx.Proxy(url, auth=(user, USERS[user]), ssl_context=trusting)
        return Access(self._team.workers[0].context, proxy, None, {})
