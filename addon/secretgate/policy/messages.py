"""Protobuf answers on their way past a judge: each message is shown to it as an object of its texts.

Nobody knows what a message means without its schema. So each text in it is the answer's: it goes on in the text
that has the same place in the next message, and ends with the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from secretgate import tolerant
from secretgate.bodies.base import Edit, Label, Slot
from secretgate.bodies.protobuf import ProtobufBody, read_protobuf
from secretgate.policy.texts import decoded, encoded
from secretgate.streams.base import Frame, FrameByFrame
from secretgate.streams.envelopes import Envelope, EnvelopeFramer


class Texts(msgspec.Struct, frozen=True):
    """A message as a frame whose payload is its texts: `{"PLACE": "TEXT"}`."""

    body: ProtobufBody
    envelope: Envelope | None = None
    """What it came in, where it did not come alone."""

    @property
    def raw(self) -> bytes:
        return self.envelope.raw if self.envelope else self.body.raw

    @property
    def event(self) -> str:
        return ""

    @property
    def payload(self) -> bytes | None:
        return tolerant.encode({place: decoded(old) for place, (_, old) in self._texts().items()})

    def with_payload(self, payload: bytes) -> bytes:
        said: Mapping[str, Any] = tolerant.decode(payload)
        edits = [
            Edit(slot.start, slot.end, new)
            for place, (slot, old) in self._texts().items()
            if (new := encoded(said[place])) != old
        ]
        message = self.body.splice(sorted(edits))
        return self.envelope.with_message(message) if self.envelope else message

    def _texts(self) -> dict[str, tuple[Slot, bytes]]:
        seen: Counter[object] = Counter()
        found = {}
        for slot in self.body.slots:
            if slot.label is Label.TEXT:
                place = f"{slot.path}#{seen[slot.path]}"
                found[place] = slot, self.body.raw[slot.start : slot.end]
                seen[slot.path] += 1
        return found


class TextsFramer(FrameByFrame):
    """The messages of a call. Raises `Unreadable` where one cannot be read: it could say anything."""

    def __init__(self, coding: str) -> None:
        self._envelopes = EnvelopeFramer(coding)

    def feed(self, data: bytes) -> list[Frame]:
        return [_shown(each) for each in self._envelopes.envelopes(data)]

    def finish(self) -> list[Frame]:
        return self._envelopes.finish()


def _shown(envelope: Envelope) -> Frame:
    if envelope.last:
        return envelope
    return Texts(read_protobuf(envelope.message), envelope)


class OneMessage(FrameByFrame):
    """An answer that is one message, when it is whole. Raises `Unreadable` as well."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> list[Frame]:
        self._pieces.append(data)
        return []

    def finish(self) -> list[Frame]:
        return [Texts(read_protobuf(b"".join(self._pieces)))]
