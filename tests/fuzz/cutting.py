"""What all fuzz targets share: their type, and how they cut data into pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Target = Callable[[bytes], None]


def cut(data: bytes) -> Iterator[bytes]:
    """Split data into pieces whose sizes depend on the data alone: failures are repeatable."""
    at = 0
    while at < len(data):
        size = 1 + data[at] % 7
        yield data[at : at + size]
        at += size


def fed(feed: Callable[[bytes], Any], finish: Callable[[], Any], pieces: Sequence[bytes]) -> Any:
    out = [feed(piece) for piece in pieces]
    return [*out, finish()]
