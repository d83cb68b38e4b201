"""One flow from its request to the end of its answer, and the callable its answer streams through."""

from __future__ import annotations

import sys
from collections.abc import Callable

from mitmproxy.proxy.layers.http._events import ResponseData

from secretgate import grpc, log
from secretgate.engine import Engine
from secretgate.inbound.leftovers import Leftovers
from secretgate.inbound.responses import Response
from secretgate.inbound.written import Recorder
from secretgate.outbound import refusals
from secretgate.outbound.requests import Decision, Request
from secretgate.placeholders import Issued
from secretgate.policy.model import Decision as Ruled
from secretgate.providers import Dialect
from secretgate.views.marks import Notes
from secretgate.views.stored import KeptAnswer, KeptMessages
from secretgate.websockets import Socket

FAILED = "secretgate failed on this answer; its log says where."


class Exchange:
    """What the gate knows of one flow, from its request to the end of its answer."""

    def __init__(
        self,
        engine: Engine,
        request: Request,
        decision: Decision,
        identity: str = "",
        target: str | None = None,
    ) -> None:
        """`target`: the request's as it may be shown, where that is not its own."""
        self.id = identity
        self._shown = (target or request.path).partition("?")[0]
        self.engine = engine
        self.request = request
        self.decision = decision
        self.response: Response | None = None
        self.recorder: Recorder | None = None
        self.socket: Socket | None = None
        self.call: grpc.RequestStream | None = None
        self.kept: KeptAnswer | None = None
        self.messages = KeptMessages()
        self.leftovers = Leftovers()
        self.notes = Notes()
        self.rulings: list[Ruled] = []
        """What the policy has said of the answer so far."""
        self.answering = False
        """A message of the client's has gone over the WebSocket, and what comes answers it."""
        self.unread = False
        """The answer could not be read, and went on as it came."""

    @property
    def issued(self) -> Issued:
        """What has been issued up to now."""
        if self.socket is not None:
            return self.socket.issued
        return self.call.issued if self.call is not None else self.decision.issued

    @property
    def dialect(self) -> Dialect:
        return self.decision.dialect or self.request.route.dialect

    def release(self) -> None:
        """Lets go of what is large or secret once the answer is over. An exchange is part of a cycle, and cycles are
        not looked for often enough to have megabytes wait for it; and mitmweb keeps its flows, and us with them."""
        own = self.request
        self.request = Request(own.route, own.method, self._shown, {}, b"", own.scope, ())
        self.decision = self.decision.spent(self.engine.nothing_issued)
        if self.call is not None:
            self.call.release()
        self.recorder = self.response = self.socket = None
        self.leftovers = Leftovers()
        self.rulings = []

    def collects(self, recorder: Recorder) -> Recorder:
        """Has the recorder's texts searched for placeholders that are still there."""
        recorder.tell(lambda text: self.leftovers.see(text, self.issued))
        return recorder

    def warn(self, reason: str) -> None:
        """The answer goes on as it came, for a reason."""
        self.unread = True
        self.log.warning(reason)

    @property
    def log(self):  # type: ignore[no-untyped-def]
        return log.logger().bind(host=self.request.route.provider, path=self._shown)


def passage(exchange: Exchange, content_type: str) -> Callable[[bytes], list[bytes]]:
    """The callable that mitmproxy streams an answer through, as long as the exchange is not over. It gives a list, as
    an empty chunk would end the answer."""
    over = begun = False

    def through(data: bytes) -> list[bytes]:
        nonlocal over, begun
        try:
            way = exchange.response
            if over or way is None or (not data and _empty_frame()):
                return []
            over = not data
            if exchange.kept is not None:
                exchange.kept.add(data)
            out = way.feed(data) if data else way.finish()
        except Exception as error:
            over = True
            exchange.log.error("an answer could not be restored", error=log.where(error))
            out = refusals.event(exchange.dialect, content_type, 502, FAILED, begun)
        begun = begun or bool(out)
        return [out] if out else []

    return through


def _empty_frame() -> bool:
    """Whether `b""` came because the provider sent an empty DATA frame.

    mitmproxy tells the end of an answer by `b""` too, and nothing in the call says which it is; the event
    that it is handling when it calls does.
    """
    caller = sys._getframe(2)
    return isinstance(caller.f_locals.get("event"), ResponseData)
