"""What a streamed answer is to the gate: bytes in, *frames* out, bytes again.

A framer cuts a stream into frames and loses nothing: the concatenation of every frame's `raw` is
the input, wherever the input was cut. A frame that is not changed goes out as its `raw`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec


class Frame(Protocol):
    @property
    def raw(self) -> bytes: ...

    @property
    def payload(self) -> bytes | None:
        """The JSON text in the frame; None for a comment, a keep-alive, an end marker."""

    @property
    def event(self) -> str:
        """The frame's own event name, or nothing."""

    def with_payload(self, payload: bytes) -> bytes:
        """The same frame around another payload, with its own line ends, lengths and checksums."""


Around = tuple[bytes, bytes]
"""What stands before and behind a payload in its frame."""


def around(frame: Frame, payload: bytes) -> Around | None:
    """Where that can be told: a payload may be put together from several lines."""
    before, again, behind = frame.raw.partition(payload)
    return (before, behind) if again else None


class Run(msgspec.Struct, frozen=True, gc=False):
    """Whole frames of text, one behind the other and not cut apart: most of them nobody has to read."""

    raw: bytes
    end: bytes
    """What ends a frame, and stands nowhere in one."""
    frame: Callable[[bytes, bytes], Frame]
    """A frame from its text and its end."""

    def cut(self, at: int) -> tuple[Frame, int]:
        """The frame that begins here, and where it ends."""
        stop = self.raw.find(self.end, at)
        if stop < 0:
            return self.frame(self.raw[at:], b""), len(self.raw)
        return self.frame(self.raw[at:stop], self.end), stop + len(self.end)

    def start(self, place: int, least: int) -> int:
        """Where the frame begins that `place` stands in, if frames are known to begin at `least`."""
        before = self.raw.rfind(self.end, least, place)
        return least if before < 0 else before + len(self.end)

    def frames(self) -> Iterator[Frame]:
        at = 0
        while at < len(self.raw):
            frame, at = self.cut(at)
            yield frame


class Framer(Protocol):
    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete once `data` has come."""

    def run(self, data: bytes) -> Run | list[Frame]:
        """The same, as one run where the format allows it."""

    def finish(self) -> list[Frame]:
        """What is left at the end; a cut-off frame comes without a payload, as it stands."""


class FrameByFrame(ABC):
    """A framer of a format in which frames have to be found one by one."""

    @abstractmethod
    def feed(self, data: bytes) -> list[Frame]: ...

    def run(self, data: bytes) -> Run | list[Frame]:
        return self.feed(data)
