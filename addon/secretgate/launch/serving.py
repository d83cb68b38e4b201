"""What `secretgate serve` starts: the mitmproxy arguments of each worker, and what to tell the user."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from secretgate.base_urls import BaseURL, BaseURLError, chosen
from secretgate.gateway.workers import Plan, WorkersError, reserve, vacant
from secretgate.gateway.workers import serve as run_workers
from secretgate.hosts.signing import signable
from secretgate.launch import directory
from secretgate.launch import plan as plans
from secretgate.launch.running import LAST_PORT
from secretgate.launch.upstream import Upstream, in_url, upstream
from secretgate.proxy import access
from secretgate.settings import PREFIX
from secretgate.state import Places, private_folder
from secretgate_ca import Authority, ensure_ca, write_bundle

_DRAIN = 30.0


@dataclass(frozen=True)
class Gateway:
    """The settings of several workers, or of one behind a load balancer."""

    workers: int
    first_port: int
    own_ports: bool
    health_port: int
    drain: float | None
    proxyauth: str
    listen: str

    @property
    def shared(self) -> bool:
        return self.workers > 1 and not self.own_ports

    def port(self, number: int) -> int:
        return self.first_port + (number if self.own_ports else 0)

    def seconds(self) -> float:
        if self.drain is not None:
            return self.drain
        return _DRAIN if self.workers > 1 or self.health_port else 0.0

    def options(self, number: int) -> list[str]:
        chosen = {"proxyauth": self.proxyauth} if self.proxyauth else {}
        if self.seconds() or self.drain is not None:
            chosen[f"{PREFIX}drain"] = f"{self.seconds():g}"
        if self.health_port:
            chosen[f"{PREFIX}health"] = f"{in_url(self.listen)}:{self.health_port + number}"
        return [part for name, value in chosen.items() for part in ("--set", f"{name}={value}")]

    def kept(self) -> AbstractContextManager[object]:
        """Reserve the port if workers share it; otherwise check that all ports are free.

        Raises WorkersError.
        """
        for option, first in (("--port", self.port(0)), ("--health-port", self.health_port)):
            own = self.own_ports or option == "--health-port"
            if first + own * (self.workers - 1) > LAST_PORT:
                raise WorkersError(
                    f"{option} {first} leaves no port for each of {self.workers} workers: "
                    f"the last port is {LAST_PORT}"
                )
        self._check_health_ports()
        if not self.shared:
            for number in range(self.workers):
                vacant(self.listen, self.port(number))
            return nullcontext()
        if sys.platform != "linux":
            raise WorkersError("only Linux deals connections out to workers: add --own-ports")
        return reserve(self.listen, self.first_port)

    def _check_health_ports(self) -> None:
        if not self.health_port:
            return
        own = {self.port(number) for number in range(self.workers)}
        for number in range(self.workers):
            port = self.health_port + number
            if port in own:
                raise WorkersError(
                    f"--health-port and --port both lead to port {port}: worker N needs --health-port + N"
                )
            vacant(self.listen, port, "--health-port")

    def run(self, arguments: Callable[[int], list[str]]) -> int:
        def say(line: str) -> None:
            print(f"secretgate: {line}", file=sys.stderr, flush=True)

        return run_workers(Plan(self.workers, arguments, self.shared, self.seconds()), say)


@dataclass(frozen=True)
class Serving:
    """A proxy, or several workers, ready to be started."""

    gateway: Gateway
    wishes: plans.Wishes
    plan: plans.Plan
    addon: Path
    ca: Authority
    bundle: Path
    bases: Mapping[str, BaseURL]
    roots: Path | None
    via: Upstream | None

    def arguments(self, number: int) -> list[str]:
        """Return the arguments of one worker's mitmproxy."""
        own = plans.arguments(
            self.plan,
            self.wishes,
            self.addon,
            None,
            self.roots,
            self.via,
            listen=self.gateway.listen,
            port=self.gateway.port(number),
        )
        return own + self.gateway.options(number)

    def hints(self, web: bool) -> str:
        """Return what the user should set to send tools through it."""
        listen = self.gateway.listen
        host = "127.0.0.1" if listen in ("0.0.0.0", "::") else in_url(listen)
        address = f"{host}:{self.gateway.first_port}"
        url = f"http://{address}"
        proxy = f"http://USER:PASSWORD@{address}" if self.gateway.proxyauth else url
        lines = [
            f"secretgate is starting on {url}, mode {self.plan.settings.mode}. To send a tool through it:",
            "",
            f"    export HTTPS_PROXY={proxy} HTTP_PROXY={proxy}",
            f"    export NODE_EXTRA_CA_CERTS='{self.ca.ca_cert}'",
            f"    export SSL_CERT_FILE='{self.bundle}'",
            "",
        ]
        named = [base for base in self.bases.values() if base.variable]
        if self.bases:
            lines += ["or as a base URL:", ""]
            for base in named:
                resource = "/RESOURCE" if base.per_resource else ""
                lines.append(f"    export {base.variable}={url}/{base.name}{resource}")
            lines += [f"    {url}/{name}" for name, base in self.bases.items() if base not in named]
            lines.append("")
        lines.append("Its page, through it: http://secretgate.internal/")
        if web:
            lines.append("mitmweb shows requests as they were sent, secrets and keys included.")
        return "\n".join(lines)


def prepare(
    wishes: plans.Wishes, gateway: Gateway, addon: Path, environment: Mapping[str, str]
) -> Serving:
    """Read the settings, and create the CA and the bundle if necessary.

    Raises the errors of these parts, and WorkersError if anybody could use the proxy or nobody could.
    """
    places = Places.find()
    try:
        chosen(wishes.base_urls)
    except BaseURLError as error:
        raise BaseURLError(f"{error}".replace("base_urls", "--provider", 1)) from None
    plan = plans.plan(wishes, places, environment)
    bases = chosen(plan.settings.base_urls)
    added = (row.host for row in plan.settings.hosts)
    ca = ensure_ca(places.ca, signable(added, lambda reason: None))  # mitmproxy will tell
    bundle = write_bundle(ca, inherited=environment)
    roots = plans.upstream_roots(places, private_folder(places.state), environment)
    via = upstream(environment)
    if via and via.local and via.port == gateway.first_port:
        via = None
    if not (
        access.asks(gateway.proxyauth) or plan.settings.clients or access.local(gateway.listen)
    ):
        raise WorkersError(access.open_to_all(gateway.listen))
    directory.check(gateway.proxyauth)
    return Serving(gateway, wishes, plan, addon, ca, bundle, bases, roots, via)
