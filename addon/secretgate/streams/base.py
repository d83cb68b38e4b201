"""The interface of stream formats: a *framer* splits the bytes of a stream into *frames*.

Framing is lossless: concatenating the `raw` of every frame gives the input, wherever the input was
cut into chunks. An unchanged frame is forwarded as its `raw`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

END_MARK = b"[DONE]"
"""What many streams send, in place of JSON, after their last event."""


class Frame(Protocol):
    """One event of a stream, or bytes between events."""

    @property
    def raw(self) -> bytes: ...

    @property
    def payload(self) -> bytes | None:
        """The JSON text of the frame; None for comments, keep-alives and end markers."""

    @property
    def event(self) -> str:
        """The event name that the frame itself carries, or an empty string."""

    def with_payload(self, payload: bytes) -> bytes:
        """Return the frame with another payload: same line ends, lengths and checksums updated."""


Around = tuple[bytes, bytes]
"""The bytes before and after a payload in its frame."""


def around(frame: Frame, payload: bytes) -> Around | None:
    """Return the bytes around `payload` in the frame.

    None if it is not contiguous there, as where a payload was joined from several lines.
    """
    before, again, behind = frame.raw.partition(payload)
    return (before, behind) if again else None


class Run(msgspec.Struct, frozen=True, gc=False):
    """A contiguous run of complete frames, not split yet because most are never read."""

    raw: bytes
    end: bytes
    """The frame terminator; it never occurs inside a frame."""
    frame: Callable[[bytes, bytes], Frame]
    """Builds a frame from its text and its terminator."""

    @property
    def size(self) -> int:
        return len(self.raw)

    def cut(self, at: int) -> tuple[Frame, int]:
        """Return the frame that begins at offset `at`, and the offset of its end."""
        stop = self.raw.find(self.end, at)
        if stop < 0:
            return self.frame(self.raw[at:], b""), len(self.raw)
        return self.frame(self.raw[at:stop], self.end), stop + len(self.end)

    def start(self, place: int, least: int) -> int:
        """Return the start of the frame at offset `place`; `least` is a known frame start."""
        before = self.raw.rfind(self.end, least, place)
        return least if before < 0 else before + len(self.end)

    def frames(self) -> Iterator[Frame]:
        at = 0
        while at < len(self.raw):
            frame, at = self.cut(at)
            yield frame


class Framer(Protocol):
    """Splits a stream into frames. `finish` is called once, at its end."""

    def feed(self, data: bytes) -> list[Frame]:
        """Consume `data` and return the frames that are now complete."""

    def run(self, data: bytes) -> Run | list[Frame]:
        """Like `feed`, but return a single `Run` where the format allows it."""

    def finish(self) -> list[Frame]:
        """Return what is left at the end of the stream; a truncated frame has no payload."""


class FrameByFrame(ABC):
    """A framer for formats in which frames have to be located one by one."""

    @abstractmethod
    def feed(self, data: bytes) -> list[Frame]: ...

    def run(self, data: bytes) -> Run | list[Frame]:
        return self.feed(data)
