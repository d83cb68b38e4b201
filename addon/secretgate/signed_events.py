"""Amazon's bidirectional streams: each event of the client is processed on arrival.

Clients sign every event, and each signature covers the one before it, so no event can be changed. One
in which nothing has to be replaced passes as it is; any other ends the call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from secretgate.bodies.base import PlainBody, Unreadable, text_slot
from secretgate.bodies.json_spans import read_strictly
from secretgate.grpc import Refused, RequestStream
from secretgate.outbound.deciding import Requests
from secretgate.outbound.requests import Decision, Request
from secretgate.outbound.signatures import Unsignable
from secretgate.placeholders import Issued
from secretgate.providers import Dialect
from secretgate.streams.base import Frame
from secretgate.streams.eventstream import EventStreamFramer, opened

MEDIA_TYPE: Final = "application/vnd.amazon.eventstream"
_WHY: Final = "its events are signed one after the other, so that none of them can be changed"


def speaks(content_type: str) -> bool:
    """Whether a body of this content type consists of such events."""
    return content_type.lower().startswith(MEDIA_TYPE)


class SignedEvents(RequestStream):
    """The client's side of a call: `feed` returns what can be sent, or raises `Refused`."""

    def __init__(
        self, requests: Requests, request: Request, empty: Issued, told: Callable[[Decision], None]
    ) -> None:
        super().__init__(requests, request, empty, told)
        self._events = EventStreamFramer()

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._passed, self._events.feed(data)))

    def finish(self) -> bytes:
        return b"".join(
            self._undecided(frame.raw, "the last event is truncated")
            for frame in self._events.finish()
        )

    def _passed(self, frame: Frame) -> bytes:
        try:
            body = _read(frame.raw, self._request.route.dialect)
        except Unreadable as error:
            return self._undecided(frame.raw, error.reason)
        decision = self._requests.decide_body(self._request, body)
        if decision.content is not None:
            refusing = self._requests.refusing
            decision = refusing.unsignable(self._request, decision, Unsignable(_WHY))
        self._told(decision)
        if decision.refused:
            raise Refused(decision)
        return frame.raw


def _read(raw: bytes, dialect: Dialect) -> PlainBody:
    """Return the event in a message: everything around it is one text, before it."""
    message = opened(raw)
    if message is None:
        raise Unreadable("an event with a wrong checksum")
    slot = text_slot(message.around, "around the event")
    if not message.event:
        return PlainBody(message.around, [slot])
    event = read_strictly(message.event, dialect.request_paths.root)
    shift = len(message.around)
    slots = [each._replace(start=each.start + shift, end=each.end + shift) for each in event.slots]
    return PlainBody(message.around + message.event, [slot, *slots])
