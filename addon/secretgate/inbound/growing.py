"""Whole texts that grow: some APIs say in every event all that was said so far, and a little more.

What was restored of such a text once is not searched again: otherwise, an answer would take time
that grows with the square of its length.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from secretgate.inbound.event_reader import Identity
from secretgate.inbound.restoration import Channel, Depth, restore
from secretgate.placeholders import Issued

LONG: Final = 1024
"""Length in bytes below which a text is restored afresh every time."""
_MOST: Final = 16


class _Grown(NamedTuple):
    """A text so far: as it was written, the channel it went through, and what came out."""

    text: bytes
    channel: Channel
    restored: bytes
    issued: Issued


class Growing:
    """The long whole texts of one answer, as they were last said."""

    def __init__(self) -> None:
        self._texts: OrderedDict[Identity, _Grown] = OrderedDict()

    def restore(
        self, identity: Identity, text: bytes, issued: Issued, depth: Depth
    ) -> tuple[bytes, bytes]:
        """Return a complete text, restored, and the same without what may become a placeholder."""
        if not issued or len(text) < LONG:
            whole = restore(text, issued, depth)
            return whole, whole
        last = self._texts.pop(identity, None)
        if last is None or last.issued is not issued or not text.startswith(last.text):
            last = _Grown(b"", Channel(issued, depth), b"", issued)
        channel = last.channel
        sure = last.restored + channel.feed(text[len(last.text) :])
        self._texts[identity] = _Grown(text, channel, sure, issued)
        if len(self._texts) > _MOST:
            self._texts.popitem(last=False)
        return sure + channel.held, sure

    def forget(self) -> None:
        """Forget all texts: the answer has ended."""
        self._texts.clear()
