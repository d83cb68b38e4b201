"""Which reader a body gets: a table of content types, and what to do without one."""

from __future__ import annotations

from secretgate.bodies.base import Body, Form, Label, PlainBody, Slot, Unreadable
from secretgate.bodies.json_spans import read_json
from secretgate.providers import Dialect


def read(raw: bytes, content_type: str, dialect: Dialect) -> Body:
    """The slots of a body; raises Unreadable."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("text/") and not raw.lstrip()[:1] in (b"{", b"["):
        return PlainBody(raw, [Slot(0, len(raw), Form.RAW, Label.TEXT, b"", "")])
    if not raw.strip():
        return PlainBody(raw, [])
    if media_type in ("", "application/json") or media_type.endswith("+json") or raw.lstrip()[:1] in (b"{", b"["):
        return read_json(raw, dialect.request_paths.root)
    raise Unreadable(f"no reader for {media_type}")
