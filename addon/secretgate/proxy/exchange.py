"""The state of one flow from its request to the end of its answer, and its streaming callable."""

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
from secretgate.proxy.afterwards import Soon, at_once
from secretgate.vault import IssuedMeanwhile
from secretgate.views.marks import Remarks
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
        soon: Soon = at_once,
    ) -> None:
        """`target`: the request's target as it may be shown, if different from its own."""
        self.id = identity
        self.soon = soon
        """Does what the end of the answer need not wait for."""
        self._shown = (target or request.path).partition("?")[0]
        self.engine = engine
        self.request = request
        self.decision = decision
        self.response: Response | None = None
        self.recorder: Recorder | None = None
        self.socket: Socket | None = None
        self.call: grpc.RequestStream | None = None
        self.meanwhile: IssuedMeanwhile | None = None
        self.kept: KeptAnswer | None = None
        self.messages = KeptMessages()
        self.leftovers = Leftovers()
        self.remarks = Remarks()
        self.rulings: list[Ruled] = []
        """What the policy has decided about the answer so far."""
        self.links: list[str] = []
        """The ids of the answer, as far as they are known."""
        self.inserted = [*decision.inserted]
        """The numbers of our own events in the answer, including those that came before it."""
        self.answering = False
        """Whether the client has sent a WebSocket message, so that what follows answers it."""
        self.unread = False
        """Whether the answer could not be read and was passed on unchanged."""

    @property
    def issued(self) -> Issued:
        """What has been issued so far."""
        if self.socket is not None:
            return self.socket.issued
        if self.meanwhile is not None:
            return self.meanwhile.issued
        return self.call.issued if self.call is not None else self.decision.issued

    @property
    def dialect(self) -> Dialect:
        return self.decision.dialect or self.request.route.dialect

    def release(self) -> None:
        """Drop what is large or secret once the answer has ended.

        An exchange is part of a reference cycle, and the collector runs too rarely to leave
        megabytes to it; besides, mitmweb keeps its flows, and with them their exchanges.
        """
        own = self.request
        self.request = Request(own.route, own.method, self._shown, {}, b"", own.scope, ())
        self.decision = self.decision.spent(self.engine.nothing_issued)
        if self.call is not None:
            self.call.release()
        self.recorder = self.response = self.socket = self.meanwhile = None
        self.leftovers = Leftovers()
        self.rulings = []

    def collects(self, recorder: Recorder) -> Recorder:
        """Have the recorder's texts searched for placeholders that were not restored."""
        recorder.tell(lambda text: self.leftovers.see(text, self.issued), self.unrecorded)
        return recorder

    def unrecorded(self, error: Exception) -> None:
        self.log.error("an answer could not be recorded", error=log.where(error))

    def warn(self, reason: str) -> None:
        """Log why the answer is passed on unchanged."""
        self.unread = True
        self.log.warning(reason)

    @property
    def log(self) -> log.Logger:
        return log.logger().bind(host=self.request.route.provider, path=self._shown)


def passage(exchange: Exchange, content_type: str) -> Callable[[bytes], list[bytes]]:
    """Return the callable that mitmproxy streams an answer through until the exchange is over.

    It returns a list, because an empty chunk would end the answer.
    """
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
    """Whether `b""` was passed because the provider sent an empty DATA frame.

    mitmproxy signals the end of an answer by `b""` too, and the argument does not tell the two
    apart; the event that mitmproxy is handling at the time of the call does.
    """
    caller = sys._getframe(2)
    return isinstance(caller.f_locals.get("event"), ResponseData)
