"""Shared parts of several families' streams: events, lines, Amazon's messages, interleaving."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

from botocore.eventstream import EventStreamBuffer

Pieces = Sequence[str]


def message(payload: bytes, event_type: str) -> bytes:
    """Return a message of Amazon's binary event streams."""
    named = {
        ":event-type": event_type,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    headers = b"".join(
        struct.pack(">B", len(name))
        + name.encode()
        + b"\7"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in named.items()
    )
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def read_by_botocore(raw: bytes) -> list[tuple[dict[str, str], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    return [(read.headers, read.payload) for read in buffer]


def turns(texts: Pieces, arguments: Pieces) -> Iterator[tuple[str, str | None]]:
    for text, piece in itertools.zip_longest(texts, arguments):
        if text is not None:
            yield "text", text
        if piece is not None:
            yield "arguments", piece


def events(raw: bytes) -> list[Any]:
    """Return the payloads of server-sent events, without `[DONE]`."""
    lines = [
        line for line in raw.decode().replace("\r\n", "\n").split("\n") if line.startswith("data:")
    ]
    payloads = [line[5:].strip() for line in lines]
    return [json.loads(payload) for payload in payloads if payload != "[DONE]"]


def sse(payloads: Sequence[Any], end: str = "\n", named: str = "", done: bool = False) -> bytes:
    out = []
    for payload in payloads:
        head = f"event: {payload[named]}{end}" if named else ""
        out.append(f"{head}data: {json.dumps(payload)}{end}{end}")
    return "".join(out + [f"data: [DONE]{end}{end}"] * done).encode()


def lines(payloads: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(payload).encode() + b"\n" for payload in payloads)
