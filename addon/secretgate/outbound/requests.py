"""Requests to covered hosts and the decisions on them: the data exchanged with the hooks."""

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
    """The outcome of a request, as reported in logs and counters."""

    CLEAN = "clean"
    REDACTED = "redacted"
    AUDITED = "audited"
    BLOCKED = "blocked"
    UNREADABLE = "unreadable"
    LEFT_ALONE = "left alone"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome. `content` is the body to send, or None to send the request's own unchanged."""

    verdict: Verdict
    issued: Issued
    content: bytes | None = field(default=None, repr=False)
    message: str = ""
    """The explanation given to the client if the request is refused."""
    status: int = 0
    reply: bytes | None = field(default=None, repr=False)
    """The JSON reply to a refused request, if it is not an ordinary refusal."""
    spots: tuple[Spot, ...] = ()
    counts: Counts = field(default_factory=Counts)
    streams: bool = False
    """Whether the request asks for a streamed answer."""
    stored: bool = False
    """Whether the request asks the provider to keep the answer."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers to set if the body changed."""
    dialect: Dialect | None = None
    """The dialect of the answer, if it depends on the request."""
    size: int = 0
    """Size of the body in bytes, decompressed if possible."""
    model: str = ""
    messages: int = 0
    """Number of messages of the conversation; 0 if unknown."""
    rulings: tuple[Ruled, ...] = ()
    """What policy rules decided about parts of the request."""
    inserted: tuple[int, ...] = ()
    """The numbers of our events before those that the answer goes on with."""

    @property
    def refused(self) -> bool:
        return bool(self.status)

    def spent(self, nothing: Issued) -> Decision:
        """Return what is kept once the answer is over: nothing large or secret."""
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
    """The parts of a request that the gate needs."""

    route: Route
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    scope: Scope
    exempt: Collection[bytes] = field(repr=False)
    url: str = field(default="", repr=False)

    @property
    def packed(self) -> bool:
        """Whether the body is compressed."""
        return self.headers.get("content-encoding", "identity") != "identity"

    @property
    def signed(self) -> bool:
        """Whether a new signature may be required, for which credentials may have to be fetched."""
        return self.headers.get("authorization", "").startswith("AWS4-")
