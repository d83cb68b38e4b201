"""A complete body of five-byte envelopes: a Connect or gRPC call whose messages arrived together.

The messages of streaming calls are read as they arrive (`grpc.py`); this is for the others, such as
unary gRPC calls. A compressed message is decompressed, and compressed again if it changed, so slots
do not refer to the bytes as sent: `raw` is the concatenation of all messages, and `splice` puts the
envelopes back around them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from secretgate.bodies.base import Body, DefaultBody, Edit, PlainBody, Slot, Unreadable
from secretgate.bodies.parts import placed
from secretgate.streams.envelopes import Envelope, EnvelopeFramer


@dataclass(frozen=True)
class EnvelopesBody(DefaultBody):
    """The messages of a body, concatenated in `raw`, which its slots refer to."""

    raw: bytes
    slots: Sequence[Slot]
    whole: bytes
    """The body as received, including the envelopes."""
    parts: Sequence[tuple[Envelope, Body, int]] = field(repr=False)
    """Each envelope with its message's body and the offset of that body in `raw`."""

    def splice(self, edits: Sequence[Edit]) -> bytes:
        out = []
        for envelope, body, start in self.parts:
            own = [
                Edit(edit.start - start, edit.end - start, edit.replacement)
                for edit in edits
                if start <= edit.start and edit.end <= start + len(body.raw)
            ]
            out.append(envelope.with_message(body.splice(own)) if own else envelope.raw)
        return b"".join(out)


def read_envelopes(raw: bytes, read_message: Callable[[bytes], Body]) -> EnvelopesBody:
    """Read all messages. Raises `Unreadable` if one is truncated or cannot be read."""
    framer = EnvelopeFramer()
    envelopes = framer.envelopes(raw)
    if framer.finish():
        raise Unreadable("the last message is truncated")
    parts: list[tuple[Envelope, Body, int]] = []
    slots: list[Slot] = []
    at = 0
    for number, envelope in enumerate(envelopes, 1):
        message = envelope.lone_message
        body = read_message(message) if message else PlainBody(b"", ())
        slots += placed(body.slots, at, f"message {number} ")
        parts.append((envelope, body, at))
        at += len(message)
    return EnvelopesBody(b"".join(body.raw for _, body, _ in parts), slots, raw, parts)
