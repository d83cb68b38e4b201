"""Connect and gRPC: calls with enveloped messages, each processed on arrival, in both directions.

A call on which both sides talk must not be held back until it ends, so there is no complete body to
decide on: each message of the client is treated as a request, and what is issued for it is valid
for the rest of the call. Nor is there a status left to refuse with: a message that must not be sent
ends the call.

Messages are protobuf without a schema, or JSON. In the answer, text arrives in pieces: a message
whose text ends in what may be the beginning of a placeholder waits for the next one, and is
released by any message that does not continue that text. Messages are never split or inserted,
since their meaning is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from secretgate.bodies.base import Edit, Label, Slot, Unreadable
from secretgate.bodies.protobuf import read_protobuf
from secretgate.bodies.readers import read
from secretgate.inbound.json_pieces import JsonPieces
from secretgate.inbound.restoration import Channel, Depth, restore
from secretgate.outbound import references
from secretgate.outbound.deciding import Requests
from secretgate.outbound.requests import Decision, Request
from secretgate.placeholders import Issued
from secretgate.streams.envelopes import Envelope, EnvelopeFramer
from secretgate.vault import IssuedMeanwhile

PROTOBUF = frozenset(("application/proto", "application/protobuf", "application/x-protobuf"))
_KINDS = ("application/connect+", "application/grpc")


def speaks(content_type: str) -> bool:
    """Whether a body of this content type consists of enveloped messages."""
    return content_type.lower().startswith(_KINDS)


def coding(headers: Mapping[str, str]) -> str:
    """Return the compression used for messages flagged as compressed, or an empty string."""
    return headers.get("connect-content-encoding") or headers.get("grpc-encoding") or ""


class Refused(Exception):
    """The call cannot continue; `decision` says why."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.message)
        self.decision = decision


class RequestStream:
    """The client's side of a call: `feed` returns what can be sent, or raises `Refused`."""

    def __init__(
        self, requests: Requests, request: Request, empty: Issued, told: Callable[[Decision], None]
    ) -> None:
        self._requests = requests
        self._request = request
        self._framer = EnvelopeFramer(coding(request.headers))
        self._json = "json" in request.headers.get("content-type", "")
        self._told = told
        self._issued = empty
        self._links: list[str] = []
        self._meanwhile: IssuedMeanwhile | None = None

    @property
    def issued(self) -> Issued:
        """What has been issued so far, also in other requests that add to this call."""
        return self._meanwhile.issued if self._meanwhile is not None else self._issued

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._sent, self._framer.envelopes(data)))

    def release(self) -> None:
        """Drop the values once the call is over."""
        self._issued = Issued(self._issued.template, {})
        self._meanwhile = None

    def finish(self) -> bytes:
        return b"".join(
            self._undecided(frame.raw, "the last message is truncated")
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
        self._issued = decision.issued.joined(self._issued)
        self._links += references.added_to(self._request, body.outline)
        if self._links:
            self._meanwhile = self._requests.meanwhile(self._request, self._links, self._issued)
        return envelope.raw if decision.content is None else envelope.with_message(decision.content)

    def _undecided(self, raw: bytes, reason: str) -> bytes:
        decision = self._requests.refusing.unreadable(self._request, reason, len(raw))
        self._told(decision)
        if decision.refused:
            raise Refused(decision)
        return raw


class Call:
    """The client's side as mitmproxy streams it: `b""` is the end, and a refusal ends the call."""

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


_Place = tuple[object, int]
"""A field, and the index of the value among its values in the message."""
_NOTHING = JsonPieces()
_MOST_TEXTS = 4096


class EnvelopesAnswer:
    """The provider's side of a call in protobuf; `issued` returns what has been issued so far."""

    def __init__(self, headers: Mapping[str, str], issued: Callable[[], Issued]) -> None:
        self._framer = EnvelopeFramer(coding(headers))
        self._issued = issued
        self._waiting: list[_Message] = []
        self._sent: dict[_Place, JsonPieces] = {}
        """Of each text, what is known of the pieces that were sent on."""

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
            pieces = [each for each in self._waiting if place in each.texts]
            _join(pieces, place, issued, self._sent.get(place, _NOTHING))
        if message.held:
            return before
        return before + self._released()

    def _released(self) -> bytes:
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            for place in message.texts:
                sent = self._sent.pop(place, _NOTHING)
                self._sent[place] = sent.then(message.text(place))
        while len(self._sent) > _MOST_TEXTS:
            del self._sent[next(iter(self._sent))]
        return b"".join(each.written() for each in waiting)


class _Message:
    """A message of an answer, with its texts after restoration."""

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


def _join(messages: list[_Message], place: _Place, issued: Issued, sent: JsonPieces) -> None:
    """Restore one text that spans several messages, after the pieces already `sent`.

    What is held back of a piece is sent with the piece that completes it; if nothing does, it is
    sent in its original message.
    """
    depth = sent.then(b"".join(each.text(place) for each in messages)).depth
    channel = Channel(issued.within(False), depth)
    for message in messages:
        message.changed[place] = channel.feed(message.text(place))
        message.held.discard(place)
    if channel.held:
        messages[-1].changed[place] += channel.held
        messages[-1].held.add(place)


def _closing(envelope: Envelope, issued: Issued) -> bytes:
    """Restore the final message of a call, in which an error may quote the request.

    It is JSON in Connect, and trailers in gRPC-Web.
    """
    try:
        message = envelope.message
    except Unreadable:
        return envelope.raw
    depth = Depth.LITERAL if message.startswith(b"{") else Depth.PLAIN
    restored = restore(message, issued, depth)
    return envelope.raw if restored == message else envelope.with_message(restored)


class ProtobufAnswer:
    """An answer that is a single protobuf message, restored once it is complete."""

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
            depth = _NOTHING.then(text).depth
            if (
                slot.label is Label.TEXT
                and (restored := restore(text, self._issued, depth)) != text
            ):
                edits.append(Edit(slot.start, slot.end, restored))
        return body.splice(edits) if edits else raw
