"""What a request body is to the gate: bytes, the *slots* in them, and a splice.

A reader finds the slots of its format; the rest of the gate knows only slots. A slot is a string
literal: its byte span, how text is written in that span, and what it stands for. Whatever is not
inside a changed slot leaves as it came, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol


class Form(Enum):
    """How text is written inside a slot."""

    RAW = "raw"
    """UTF-8 as it is."""
    JSON = "json"
    """The inside of a JSON string literal."""
    PERCENT = "percent"
    """A value of `application/x-www-form-urlencoded`."""


class Label(Enum):
    """What a slot holds, which decides what may be done to it."""

    TEXT = "text"
    """Scanned and rewritten."""
    OPAQUE = "opaque"
    """Signed, encrypted or identifying: never edited, never reported."""
    CREDENTIAL = "credential"
    """Meant for the provider: never read."""
    BYTES = "bytes"
    """Base64 of a file: scanned and rewritten where it decodes to text, else counted."""
    KIND = "kind"
    """Tells what stands beside it: where it says that the provider was thinking, that is opaque."""


SHORTEST = 6
"""No text shorter than this, in bytes, can hold a secret."""

THINKING = frozenset((b"thinking", b"redacted_thinking", b"reasoning_text", b"summary_text"))
"""What a `KIND` string says where its object holds thinking; a `KIND` that is `true` says the same."""


Path = str | tuple["Path", "bytes | int"]
"""Where a slot stands: spelled out, or as (container, member name or index)."""


Shown = Callable[[bytes], bytes]
"""The name of a member as it may be shown: it may hold a secret like any other text."""


def as_it_is(name: bytes) -> bytes:
    return name


def spell(path: Path, shown: Shown = as_it_is) -> str:
    """A path for people: `messages[2].content[0].text`."""
    steps: list[str] = []
    while not isinstance(path, str):
        path, last = path
        if isinstance(last, int):
            steps.append(f"[{last}]")
        else:
            steps.append("." + ascii(shown(last).decode("utf-8", "replace"))[1:-1])
    path = shown(path.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
    return (path + "".join(reversed(steps))).removeprefix(".")


class Slot(NamedTuple):
    start: int
    end: int
    form: Form
    label: Label
    key: bytes
    """The member name the text is the value of, or nothing."""
    path: Path


class Edit(NamedTuple):
    start: int
    end: int
    replacement: bytes


class Body(Protocol):
    @property
    def raw(self) -> bytes: ...

    @property
    def slots(self) -> Sequence[Slot]: ...

    @property
    def outline(self) -> bytes:
        """Enough of the body to tell what it asks for; of a long list of messages, the frame."""

    def where(self, slot: Slot, shown: Shown = as_it_is) -> str:
        """The path of a slot, for people."""

    def splice(self, edits: Sequence[Edit]) -> bytes:
        """The body with the edits made; `edits` are sorted and do not overlap."""


class Unreadable(Exception):
    """A body that cannot be read. The reason never quotes the body."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def splice(raw: bytes, edits: Sequence[Edit]) -> bytes:
    """`raw` with sorted, non-overlapping edits made."""
    view = memoryview(raw)
    pieces: list[bytes | memoryview] = []
    at = 0
    for start, end, replacement in edits:
        pieces += view[at:start], replacement
        at = end
    pieces.append(view[at:])
    return b"".join(pieces)


def moved(places: Sequence[int], edits: Sequence[Edit]) -> list[int]:
    """Where sorted offsets outside of the edits are once these are made."""
    found: list[int] = []
    shift = at = 0
    for place in places:
        while at < len(edits) and edits[at].end <= place:
            shift += len(edits[at].replacement) - (edits[at].end - edits[at].start)
            at += 1
        found.append(place + shift)
    return found


class Whole:
    """What a body is by itself unless its format says more."""

    raw: bytes

    __slots__ = ()

    @property
    def outline(self) -> bytes:
        return self.raw

    def where(self, slot: Slot, shown: Shown = as_it_is) -> str:
        return spell(slot.path, shown)


@dataclass(frozen=True)
class PlainBody(Whole):
    """A body whose format declares no lengths: edits are spliced as they are."""

    raw: bytes
    slots: Sequence[Slot]

    def splice(self, edits: Sequence[Edit]) -> bytes:
        return splice(self.raw, edits)
