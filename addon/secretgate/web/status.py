"""The values shown on the local page."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from secretgate.counters import Sighting
from secretgate.hosts import Row
from secretgate.proxy.reporting import Reporter
from secretgate_ca import Authority, CAError, load_ca

DISTRIBUTION = "secretgate-mitmproxy"


@dataclass(frozen=True)
class CA:
    """The proxy's CA as shown on the page."""

    fingerprint: str
    expires: datetime.datetime
    constrained: bool
    pem: bytes = field(repr=False)


@dataclass(frozen=True)
class Status:
    """A snapshot of the proxy's state."""

    mode: str
    on_unreadable: str
    proxy: str
    """HOST:PORT, as the client reached it."""
    started: float
    now: float
    numbers: dict[str, Any]
    recent: tuple[Sighting, ...]
    rows: tuple[Row, ...]
    base_urls: tuple[str, ...]
    ca: CA | None
    version: str
    audit_failing: Mapping[str, str] = field(default_factory=dict)
    """Audit outputs that cannot be written at the moment, with the reason."""
    audit_lost: int = 0
    metrics: Callable[[], bytes] | None = None
    """Renders the Prometheus metrics; None if they are not served."""

    @property
    def names(self) -> list[str]:
        return sorted({host for row in self.rows for host in row.hosts})

    def json(self) -> dict[str, Any]:
        """Return the status as JSON data; `secretgate: true` identifies the proxy as ours."""
        return {
            "secretgate": True,
            "version": self.version,
            "mode": self.mode,
            "on_unreadable": self.on_unreadable,
            "proxy": self.proxy,
            "uptime": round(self.now - self.started, 1),
            "hosts": self.names,
            "base_urls": list(self.base_urls),
            "ca": self.ca.fingerprint if self.ca else None,
            "ca_expires": self.ca.expires.isoformat() if self.ca else None,
            "counters": self.numbers,
            "audit": {"failing": dict(self.audit_failing), "lost": self.audit_lost},
            "recent": [each._asdict() for each in self.recent],
        }


def gather(
    reporter: Reporter,
    rows: tuple[Row, ...],
    mode: str,
    on_unreadable: str,
    base_urls: tuple[str, ...],
    proxy: str,
    confdir: Path,
    metrics: bool = False,
) -> Status:
    """Take a snapshot of the proxy's state."""
    counters, trail = reporter.counters, reporter.trail
    return Status(
        mode,
        on_unreadable,
        proxy,
        counters.started,
        time.time(),
        counters.numbers(),
        counters.recent,
        rows,
        base_urls,
        _ca(confdir),
        _version(),
        trail.failing,
        trail.lost,
        _metrics(reporter, mode) if metrics else None,
    )


def _metrics(reporter: Reporter, mode: str) -> Callable[[], bytes]:
    def written() -> bytes:
        from secretgate.audit.metrics import metrics

        return metrics(reporter, mode)

    return written


def _ca(confdir: Path) -> CA | None:
    try:
        authority: Authority | None = load_ca(confdir.expanduser())
    except CAError:
        return None
    if authority is None:
        return None
    return CA(
        authority.fingerprint,
        authority.expires,
        authority.permitted is not None,
        authority.ca_cert.read_bytes(),
    )


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return ""
