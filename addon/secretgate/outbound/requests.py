"""A request to a covered host, and what is decided about it: what the hooks ask, and what they turn into HTTP."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

from secretgate.hosts import Route
from secretgate.outbound.spots import Spot
from secretgate.outbound.texts import Counts
from secretgate.placeholders import Issued
from secretgate.policy.model import Decision as Ruled
from secretgate.providers import Dialect
from secretgate.vault import Scope


class Verdict(Enum):
    CLEAN = "clean"
    REDACTED = "redacted"
    AUDITED = "audited"
    BLOCKED = "blocked"
    UNREADABLE = "unreadable"
    LEFT_ALONE = "left alone"


@dataclass(frozen=True, slots=True)
class Decision:
    """`content` is the body to send, or None where the request's own goes as it came."""

    verdict: Verdict
    issued: Issued
    content: bytes | None = field(default=None, repr=False)
    message: str = ""
    """What the client is told where the request is refused."""
    status: int = 0
    reply: bytes | None = field(default=None, repr=False)
    """What is answered to a request that is refused, where that is no plain refusal: JSON."""
    spots: tuple[Spot, ...] = ()
    counts: Counts = field(default_factory=Counts)
    streams: bool = False
    """Whether the request asks for a streamed answer."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers to set where the body changed."""
    dialect: Dialect | None = None
    """Of the answer, where it depends on the request."""
    size: int = 0
    """Of the body, decompressed where it could be."""
    model: str = ""
    rulings: tuple[Ruled, ...] = ()
    """What rules of the policy said of parts of it."""

    @property
    def refused(self) -> bool:
        return bool(self.status)

    def spent(self, nothing: Issued) -> Decision:
        """What is left of it once the answer is over: nothing large, and nothing secret."""
        return Decision(
            self.verdict,
            nothing,
            message=self.message,
            status=self.status,
            reply=self.reply,
            spots=self.spots,
            counts=self.counts,
            streams=self.streams,
            dialect=self.dialect,
            size=self.size,
            model=self.model,
            rulings=self.rulings,
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What the gate needs of a request."""

    route: Route
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    scope: Scope
    exempt: Collection[bytes] = field(repr=False)
    url: str = field(default="", repr=False)

    @property
    def signed(self) -> bool:
        """Whether a new signature may have to be made, for which credentials may have to be fetched."""
        return self.headers.get("authorization", "").startswith("AWS4-")
