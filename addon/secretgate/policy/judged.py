"""A judge on the way of an answer: what is put around a framer, or around a document, so that frames are judged.

Which judge it is does not matter here: that of the policy (`answers.py`) and that of MCP are asked in the
same way, and both say what they changed with a frame that has another payload.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

import msgspec

from secretgate.policy.interest import Interest
from secretgate.streams.base import Frame, Framer

_EVENT_LINE = re.compile(rb"(?m)^(event:[ ]?)[^\r\n]*")


class Changed(msgspec.Struct, frozen=True):
    """A frame with another payload, and perhaps another name."""

    frame: Frame
    payload: bytes
    name: str = ""

    @property
    def raw(self) -> bytes:
        return self.with_payload(self.payload)

    @property
    def event(self) -> str:
        return self.name or self.frame.event

    def with_payload(self, payload: bytes) -> bytes:
        raw = self.frame.with_payload(payload)
        if not self.name or self.name == self.frame.event:
            return raw
        return _EVENT_LINE.sub(lambda line: line[1] + self.name.encode(), raw, count=1)


class Judging(Protocol):
    """What judges answers: the judge of `answers.py`, or that of MCP."""

    @property
    def wanted(self) -> Interest: ...
    def event(self, frame: Frame) -> list[Frame]: ...
    def finish(self) -> list[Frame]: ...
    def document(self, payload: bytes) -> bytes: ...
    def of_texts(self) -> Judging:
        """The same for messages whose payload is their texts (`messages.py`)."""


class JudgedFramer:
    """A framer whose frames have been judged."""

    def __init__(self, framer: Framer, judge: Judging) -> None:
        self._framer = framer
        self._judge = judge

    def feed(self, data: bytes) -> list[Frame]:
        return [out for frame in self._framer.feed(data) for out in self._judge.event(frame)]

    def run(self, data: bytes) -> list[Frame]:
        return self.feed(data)

    def finish(self) -> list[Frame]:
        out: list[Frame] = []
        for frame in self._framer.finish():
            going = self._judge.event(frame)
            # No frame may follow one that is not ended: one that need not wait still goes last.
            out += [*self._judge.finish(), frame] if going == [frame] else going
        return [*out, *self._judge.finish()]


class Taking(Protocol):
    """What goes on with an answer once it has been judged."""

    def feed(self, data: bytes) -> bytes: ...
    def finish(self) -> bytes: ...


class JudgedMessages:
    """An answer whose messages are judged, and then read again as bytes."""

    def __init__(self, answer: Taking, framer: Framer) -> None:
        self._answer = answer
        self._framer = framer

    def feed(self, data: bytes) -> bytes:
        return self._answer.feed(_joined(self._framer.feed(data)))

    def finish(self) -> bytes:
        return self._answer.feed(_joined(self._framer.finish())) + self._answer.finish()


def _joined(frames: Iterable[Frame]) -> bytes:
    return b"".join(frame.raw for frame in frames)


class JudgedDocument:
    """An answer that is one document, judged when it is whole. White space that keeps the connection alive
    goes on at once."""

    def __init__(self, answer: Taking, judge: Judging) -> None:
        self._answer = answer
        self._judge = judge
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        if not self._pieces and not data.strip():
            return self._answer.feed(data)
        self._pieces.append(data)
        return b""

    def finish(self) -> bytes:
        whole = b"".join(self._pieces)
        return self._answer.feed(self._judge.document(whole)) + self._answer.finish()
