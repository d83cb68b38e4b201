"""The gate's model of a request body: bytes, the *slots* in them, and splicing.

A reader locates the slots of its format; the rest of the gate deals in slots only. A slot is a
string literal: its byte span, how text is written in that span, and what it stands for. Everything
outside of changed slots is forwarded byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol


class Form(Enum):
    """How text is encoded inside a slot."""

    RAW = "raw"
    """Plain UTF-8."""
    JSON = "json"
    """The inside of a JSON string literal."""
    PERCENT = "percent"
    """A value of `application/x-www-form-urlencoded`."""
    HEX = "hex"
    """Two lower-case hex digits a byte."""


class Label(Enum):
    """What a slot holds, which decides how it is treated."""

    TEXT = "text"
    """Scanned and edited."""
    OPAQUE = "opaque"
    """Signed, encrypted or identifying: never edited, never reported."""
    CREDENTIAL = "credential"
    """Meant for the provider: never read."""
    BYTES = "bytes"
    """Base64 of a file: scanned and edited where it decodes to text, otherwise only counted."""
    KIND = "kind"
    """The type of the object it is in; where it says thinking, the texts beside it are opaque."""


SHORTEST = 6
"""Minimum length in bytes of a text that can hold a secret."""

THINKING = frozenset(
    (b"thinking", b"redacted_thinking", b"reasoning", b"reasoning_text", b"summary_text")
)
"""`KIND` strings whose object holds thinking; a `KIND` that is `true` means the same."""


Path = str | tuple["Path", "bytes | int"]
"""Where a slot stands: already spelled out, or as (container, member name or index)."""


Shown = Callable[[bytes], bytes]
"""Renders a member name for display: like any other text, it may hold a secret."""


def as_it_is(name: bytes) -> bytes:
    return name


def spell(path: Path, shown: Shown = as_it_is) -> str:
    """Return a path in readable form: `messages[2].content[0].text`."""
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
    """A string literal of a body: where it is, how it is encoded, and how it is treated."""

    start: int
    end: int
    form: Form
    label: Label
    key: bytes
    """The name of the member whose value this is, or empty."""
    path: Path


def text_slot(text: bytes, path: str, key: bytes = b"") -> Slot:
    """Return the slot of a text that stands at the beginning of a body, as it is."""
    return Slot(0, len(text), Form.RAW, Label.TEXT, key, path)


class Edit(NamedTuple):
    """Replaces the bytes from `start` to `end`."""

    start: int
    end: int
    replacement: bytes


class Body(Protocol):
    """A request body that was read: its bytes, its slots, and a way to edit them."""

    @property
    def raw(self) -> bytes: ...

    @property
    def slots(self) -> Sequence[Slot]: ...

    @property
    def outline(self) -> bytes:
        """Enough of the body to tell what it asks for; the items of long lists may be left out."""

    def where(self, slot: Slot, shown: Shown = as_it_is) -> str:
        """Return the path of a slot in readable form."""

    def splice(self, edits: Sequence[Edit]) -> bytes:
        """Return the body with the edits applied; `edits` are sorted and do not overlap."""


class Unreadable(Exception):
    """Raised for a body that cannot be read. The reason never quotes the body."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def splice(raw: bytes, edits: Sequence[Edit]) -> bytes:
    """Return `raw` with sorted, non-overlapping edits applied."""
    view = memoryview(raw)
    pieces: list[bytes | memoryview] = []
    at = 0
    for start, end, replacement in edits:
        pieces += view[at:start], replacement
        at = end
    pieces.append(view[at:])
    return b"".join(pieces)


def moved(places: Sequence[int], edits: Sequence[Edit]) -> list[int]:
    """Translate sorted offsets that lie outside of the edits to offsets after the edits."""
    found: list[int] = []
    shift = at = 0
    for place in places:
        while at < len(edits) and edits[at].end <= place:
            shift += len(edits[at].replacement) - (edits[at].end - edits[at].start)
            at += 1
        found.append(place + shift)
    return found


class DefaultBody:
    """What holds for a body unless its format says otherwise."""

    raw: bytes

    __slots__ = ()

    @property
    def outline(self) -> bytes:
        return self.raw

    def where(self, slot: Slot, shown: Shown = as_it_is) -> str:
        return spell(slot.path, shown)


@dataclass(frozen=True)
class PlainBody(DefaultBody):
    """A body whose format declares no lengths: edits are simply spliced in."""

    raw: bytes
    slots: Sequence[Slot]

    def splice(self, edits: Sequence[Edit]) -> bytes:
        return splice(self.raw, edits)
