"""Restores one complete JSON document."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from secretgate.bodies.base import Edit, Unreadable, splice
from secretgate.bodies.steps import steps_of
from secretgate.inbound.event_reader import WHOLES, read_pieces
from secretgate.inbound.restoration import Depth, restore
from secretgate.inbound.tool_places import in_tool
from secretgate.placeholders import Issued
from secretgate.providers import Dialect
from secretgate.streams.whole import is_json

DocumentReader = Callable[[bytes, Dialect, Issued], bytes]
_LEAD = re.compile(rb"[A-Za-z0-9/_,:-]{0,40}(?=[\s\[{\"])")
"""What stands before the JSON of Socket.IO (`42[...]`) and of the Vercel AI SDK (`0:"..."`)."""


def document(payload: bytes, dialect: Dialect, issued: Issued) -> bytes:
    """Return a complete JSON answer that is not streamed, with every string restored."""
    if not issued or not issued.suspects(payload):
        return payload
    kind = _kind(payload)
    try:
        strings = read_pieces(payload, kind, dialect, shortest_name=1)
    except Unreadable:
        return restore(payload, issued.within(False), Depth.LITERAL)
    edits = []
    for start, end, piece, path in strings:
        depth = WHOLES.get(piece)
        if depth is None or end - start < 8:
            continue
        text = payload[start:end]
        tool = bool(issued.limits) and in_tool("", steps_of(path, "replace")[1:])
        restored = restore(text, issued.within(tool), depth)
        if restored != text:
            edits.append(Edit(start, end, restored))
    return splice(payload, edits) if edits else payload


def _kind(payload: bytes) -> str:
    try:
        return msgspec.json.decode(payload, type=_Typed).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def text_or_document(payload: bytes, dialect: Dialect, issued: Issued) -> bytes:
    """Return a payload that is not an event, restored: any other JSON value, or text."""
    lead = _LEAD.match(payload)
    if lead is not None and is_json(value := payload[lead.end() :]):
        return lead[0] + document(value, dialect, issued)
    return restore(payload, issued.within(False), Depth.PLAIN)


class _Typed(msgspec.Struct):
    type: str = ""
