"""Connects a judge to an answer: wrappers around a framer or a document that judge its frames.

The judge may be that of the policy (`answers.py`) or that of MCP; both have the same interface, and
both return a frame with another payload for a change.
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
    """A frame with another payload, and optionally another event name."""

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
    """The interface of judges: the policy's (`answers.py`) or MCP's."""

    @property
    def wanted(self) -> Interest: ...
    def event(self, frame: Frame) -> list[Frame]: ...
    def finish(self) -> list[Frame]: ...
    def document(self, payload: bytes) -> bytes: ...
    def of_texts(self) -> Judging:
        """Return this judge for messages whose payload is their texts (`messages.py`)."""


class JudgedFramer:
    """A framer whose frames are passed through a judge."""

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
            # An unterminated frame must be last, so everything held back is sent before it.
            out += [*self._judge.finish(), frame] if going == [frame] else going
        return [*out, *self._judge.finish()]


class Taking(Protocol):
    """The stage that receives an answer after it has been judged."""

    def feed(self, data: bytes) -> bytes: ...
    def finish(self) -> bytes: ...


class JudgedMessages:
    """An answer whose messages are judged and then read again as bytes."""

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
    """An answer that is a single document, judged once it is complete.

    Leading white space, which keeps the connection alive, is passed on immediately.
    """

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
