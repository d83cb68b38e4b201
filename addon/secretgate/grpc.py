"""Connect and gRPC: calls whose messages come in envelopes, each read as it comes, in both directions.

A call on which both sides talk must never be held back until it is over, so there is no body to decide on: each
message of the client's is a request of its own, and what is issued for it counts for the rest of the
call. There is no status left to refuse with either. A message that must not be sent ends the call.

The messages are protobuf without a schema, or JSON. In the answer, text comes in pieces: a
message whose text ends in what may be the beginning of a placeholder waits for the next one; any message that
does not go on with that text sets it free. Nothing is taken apart or added, as nobody knows what a message means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from secretgate.bodies.base import Edit, Label, Slot, Unreadable
from secretgate.bodies.protobuf import read_protobuf
from secretgate.bodies.readers import read
from secretgate.inbound.restoration import Channel, Depth, restore
from secretgate.outbound.deciding import Requests
from secretgate.outbound.requests import Decision, Request
from secretgate.placeholders import Issued
from secretgate.streams.envelopes import Envelope, EnvelopeFramer

PROTOBUF = frozenset(("application/proto", "application/protobuf", "application/x-protobuf"))
_KINDS = ("application/connect+", "application/grpc")


def speaks(content_type: str) -> bool:
    """Whether a body of this type is messages in envelopes."""
    return content_type.lower().startswith(_KINDS)


def coding(headers: Mapping[str, str]) -> str:
    """How the messages are compressed that say that they are."""
    return headers.get("connect-content-encoding") or headers.get("grpc-encoding") or ""


class Refused(Exception):
    """The call cannot go on; `decision` says why."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.message)
        self.decision = decision


class RequestStream:
    """The client's side of a call: `feed` gives what can be sent on, or raises Refused."""

    def __init__(
        self, requests: Requests, request: Request, empty: Issued, told: Callable[[Decision], None]
    ) -> None:
        self._requests = requests
        self._request = request
        self._framer = EnvelopeFramer(coding(request.headers))
        self._json = "json" in request.headers.get("content-type", "")
        self._told = told
        self.issued = empty

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._sent, self._framer.envelopes(data)))

    def release(self) -> None:
        """Lets go of values: the call is over."""
        self.issued = Issued(self.issued.template, {})

    def finish(self) -> bytes:
        return b"".join(
            self._undecided(frame.raw, "the last message is cut off")
            for frame in self._framer.finish()
        )

    def _sent(self, envelope: Envelope) -> bytes:
        if envelope.sound and len(envelope.raw) <= 5:
            return envelope.raw
        try:
            message = envelope.lone_message
            kind = "application/json" if self._json or envelope.last else "application/proto"
            body = read(message, kind, self._request.route.dialect)
        except Unreadable as error:
            return self._undecided(envelope.raw, error.reason)
        decision = self._requests.decide_body(self._request, body)
        self._told(decision)
        if decision.refused:
            raise Refused(decision)
        self.issued = decision.issued.joined(self.issued)
        return envelope.raw if decision.content is None else envelope.with_message(decision.content)

    def _undecided(self, raw: bytes, reason: str) -> bytes:
        decision = self._requests.refusing.unreadable(self._request, reason, len(raw))
        self._told(decision)
        if decision.refused:
            raise Refused(decision)
        return raw


class Call:
    """The client's side as mitmproxy streams it: `b""` is the end, and so is what is refused."""

    def __init__(
        self, stream: RequestStream, broken: Callable[[Exception], None], end: Callable[[], object]
    ) -> None:
        self._stream = stream
        self._broken = broken
        self._end = end
        self._over = False

    def __call__(self, data: bytes) -> list[bytes]:
        if self._over:
            return []
        try:
            out = self._stream.feed(data) if data else self._stream.finish()
        except Exception as error:
            self._over = True
            try:
                self._broken(error)
            finally:
                self._end()
            return []
        return [out] if out else []


class EnvelopesAnswer:
    """The provider's side of a call in protobuf; `issued` is what has been issued so far."""

    def __init__(self, headers: Mapping[str, str], issued: Callable[[], Issued]) -> None:
        self._framer = EnvelopeFramer(coding(headers))
        self._issued = issued
        self._waiting: list[_Message] = []

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._restored, self._framer.envelopes(data)))

    def finish(self) -> bytes:
        return self._released() + b"".join(frame.raw for frame in self._framer.finish())

    def _restored(self, envelope: Envelope) -> bytes:
        issued = self._issued()
        if not issued or not envelope.sound:
            return self._released() + envelope.raw
        if envelope.last:
            return self._released() + _closing(envelope, issued)
        try:
            message = _Message(envelope)
        except Unreadable:
            return self._released() + envelope.raw
        waited_for = {place for each in self._waiting for place in each.held}
        before = b"" if waited_for & message.texts.keys() else self._released()
        self._waiting.append(message)
        for place in message.texts:
            _join([each for each in self._waiting if place in each.texts], place, issued)
        if message.held:
            return before
        return before + self._released()

    def _released(self) -> bytes:
        waiting, self._waiting = self._waiting, []
        return b"".join(each.written() for each in waiting)


_Place = tuple[object, int]
"""A field, and which of its values in the message."""


class _Message:
    """A message of an answer, with what its texts have become."""

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.body = read_protobuf(envelope.message)
        self.texts: dict[_Place, Slot] = {}
        self.changed: dict[_Place, bytes] = {}
        self.held: set[_Place] = set()
        seen: Counter[object] = Counter()
        for slot in self.body.slots:
            if slot.label is Label.TEXT:
                self.texts[slot.path, seen[slot.path]] = slot
                seen[slot.path] += 1

    def text(self, place: _Place) -> bytes:
        slot = self.texts[place]
        return self.body.raw[slot.start : slot.end]

    def written(self) -> bytes:
        edits = [
            Edit(slot.start, slot.end, self.changed[place])
            for place, slot in self.texts.items()
            if place in self.changed and self.changed[place] != self.text(place)
        ]
        if not edits:
            return self.envelope.raw
        return self.envelope.with_message(self.body.splice(sorted(edits)))


def _join(messages: list[_Message], place: _Place, issued: Issued) -> None:
    """Restores one text that runs through several messages. What a piece held back goes out with the
    piece that ends it; what nothing ends goes out where it came."""
    channel = Channel(issued.within(False), Depth.PLAIN)
    for message in messages:
        message.changed[place] = channel.feed(message.text(place))
        message.held.discard(place)
    if channel.held:
        messages[-1].changed[place] += channel.held
        messages[-1].held.add(place)


def _closing(envelope: Envelope, issued: Issued) -> bytes:
    """The end of a call: JSON in Connect, trailers in gRPC-Web; an error may quote the request."""
    try:
        message = envelope.message
    except Unreadable:
        return envelope.raw
    depth = Depth.LITERAL if message.startswith(b"{") else Depth.PLAIN
    restored = restore(message, issued, depth)
    return envelope.raw if restored == message else envelope.with_message(restored)


class ProtobufAnswer:
    """An answer that is one protobuf message: restored when it is whole."""

    def __init__(self, issued: Issued) -> None:
        self._issued = issued
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        self._pieces.append(data)
        return b""

    def finish(self) -> bytes:
        raw = b"".join(self._pieces)
        try:
            body = read_protobuf(raw)
        except Unreadable:
            return raw
        edits = []
        for slot in body.slots:
            text = raw[slot.start : slot.end]
            if (
                slot.label is Label.TEXT
                and (restored := restore(text, self._issued, Depth.PLAIN)) != text
            ):
                edits.append(Edit(slot.start, slot.end, restored))
        return body.splice(edits) if edits else raw
