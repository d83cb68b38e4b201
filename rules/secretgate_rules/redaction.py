"""Replaces findings in a text and leaves everything else byte-identical.

If a part was read through encodings, its replacement is encoded in the same way, and only its span
changes. Base64 is the exception: a run is encoded again from the first edit to its end, with the
same alphabet, padding and line length.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from . import views
from .model import Finding, Layer, Part

Replace = Callable[[Finding, Part], bytes]


class _Edit(NamedTuple):
    start: int
    end: int
    new: bytes


class _Item(NamedTuple):
    layers: tuple[Layer, ...]
    start: int
    end: int
    new: bytes


def redact(text: bytes, findings: Iterable[Finding], replace: Replace) -> bytes:
    """Return `text` with all parts of the findings replaced, each in its own encoding.

    `replace` returns the replacement of a part, unencoded.
    """
    items = [
        _Item(
            part.layers,
            *(part.inner if part.layers else (part.start, part.end)),
            replace(finding, part),
        )
        for finding in findings
        for part in finding.parts
    ]
    return _splice(text, _edits(text, items))


def runs(findings: Iterable[Finding]) -> Iterator[tuple[int, int, list[tuple[Finding, Part]]]]:
    """Yield (start, end, parts) for each group of overlapping parts, in order.

    The parts of a group have to be replaced together.
    """
    entries = sorted(
        ((part.start, part.end, finding, part) for finding in findings for part in finding.parts),
        key=lambda entry: entry[:2],
    )
    at = 0
    while at < len(entries):
        start, end, finding, part = entries[at]
        group = [(finding, part)]
        at += 1
        while at < len(entries) and entries[at][0] < end:
            end = max(end, entries[at][1])
            group.append((entries[at][2], entries[at][3]))
            at += 1
        yield start, end, group


def rewritten(
    text: bytes, start: int, end: int, group: Iterable[tuple[Finding, Part]], new: Replace
) -> bytes:
    """Return what replaces `text[start:end]` if the parts of a group are replaced (see `runs`)."""
    alone = [replace(finding, parts=(part,)) for finding, part in group]
    changed = redact(text, alone, new)
    return changed[start : len(changed) - (len(text) - end)]


def _edits(text: bytes, items: list[_Item]) -> list[_Edit]:
    edits: list[_Edit] = []
    by_layer: dict[Layer, list[_Item]] = {}
    for item in items:
        if item.layers:
            by_layer.setdefault(item.layers[0], []).append(item._replace(layers=item.layers[1:]))
        else:
            edits.append(_Edit(item.start, item.end, item.new))
    for layer, inside in by_layer.items():
        raw = text[layer.start : layer.end]
        decoded = views.decode(layer.kind, raw)
        inner = _edits(decoded.text, inside)
        if layer.kind == views.BASE64:
            edits.append(_Edit(layer.start, layer.end, _base64(raw, _splice(decoded.text, inner))))
            continue
        encode = _ENCODERS[layer.kind]
        for start, end, new in inner:
            low, high = decoded.start(start), decoded.end(end)
            edits.append(_Edit(layer.start + low, layer.start + high, encode(new, raw[low:high])))
    return sorted(edits)


def _splice(text: bytes, edits: list[_Edit]) -> bytes:
    out: list[bytes] = []
    position = 0
    for start, end, new in edits:
        if start < position:
            continue
        out += (text[position:start], new)
        position = end
    out.append(text[position:])
    return b"".join(out)


_JSON_SPECIAL = re.compile(rb'[\x00-\x1f"\\]')
_JSON_SHORT = {b'"': b'\\"', b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t"}


def _json(new: bytes, _raw: bytes) -> bytes:
    return _JSON_SPECIAL.sub(
        lambda match: _JSON_SHORT.get(match[0]) or b"\\u%04x" % match[0][0], new
    )


_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _percent(new: bytes, raw: bytes) -> bytes:
    form = b"%%%02x" if re.search(rb"%[0-9]?[a-f]", raw) else b"%%%02X"
    return b"".join(bytes([c]) if c in _UNRESERVED else form % c for c in new)


def _hex(new: bytes, raw: bytes) -> bytes:
    digits = new.hex().encode()
    return digits.upper() if raw.upper() == raw and raw.lower() != raw else digits


def _utf16(new: bytes, raw: bytes) -> bytes:
    order = "utf-16-be" if raw[:1] == b"\0" else "utf-16-le"
    return new.decode("utf-8", "replace").encode(order)


_ENCODERS: dict[str, Callable[[bytes, bytes], bytes]] = {
    views.JSON: _json,
    views.PERCENT: _percent,
    views.HEX: _hex,
    views.UTF16: _utf16,
}
_GAP = re.compile(rb"\s+")


def _base64(raw: bytes, new: bytes) -> bytes:
    """Encode `new` with the alphabet, padding and line length of `raw`."""
    old = views.decode(views.BASE64, raw).text
    digits = base64.b64encode(new)
    if b"-" in raw or b"_" in raw:
        digits = digits.translate(bytes.maketrans(b"+/", b"-_"))
    if not raw.endswith(b"=") and len(old) % 3:
        digits = digits.rstrip(b"=")
    gap = _GAP.search(raw)
    if gap is None:
        return digits
    width = gap.start()
    return gap[0].join(digits[at : at + width] for at in range(0, len(digits), width))
