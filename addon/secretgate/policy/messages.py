"""Protobuf answers for a judge: each message is presented as an object of its texts.

Without a schema, nobody knows what a message means. Each text is therefore treated as part of the
answer's text: it continues in the text at the same position in the next message, and ends with the
answer.
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
    """The envelope of the message, if it has one."""

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
    """Frames the messages of a call. Raises Unreadable: an unreadable one could contain anything."""

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
    """An answer that is a single message, read once complete. Raises Unreadable, like `TextsFramer`."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> list[Frame]:
        self._pieces.append(data)
        return []

    def finish(self) -> list[Frame]:
        return [Texts(read_protobuf(b"".join(self._pieces)))]
