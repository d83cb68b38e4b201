"""What a streamed answer is to the gate: bytes in, *frames* out, bytes again.

A framer cuts a stream into frames and loses nothing: the concatenation of every frame's `raw` is
the input, wherever the input was cut. A frame that is not changed goes out as its `raw`.
"""

from __future__ import annotations

from typing import Protocol


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


class Framer(Protocol):
    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete once `data` has come."""

    def finish(self) -> list[Frame]:
        """What is left at the end; a cut-off frame comes without a payload, as it stands."""
