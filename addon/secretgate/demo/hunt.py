"""Searches for planted secrets in everything that was sent or written.

It is independent of the gate: it undoes the encodings that a secret could be wrapped in, and looks
for the value, for any stretch of it, and for what its encodings must contain.
"""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Iterator, Mapping

_WINDOW = 16
"""Number of consecutive characters of a secret that count as the secret."""

_ESCAPE = re.compile(rb'\\(?:u([0-9a-fA-F]{4})|(["\\/]))')


def _unescaped(data: bytes) -> bytes:
    def char(match: re.Match[bytes]) -> bytes:
        if match[1]:
            code = int(match[1], 16)
            return bytes([code]) if code < 128 else b"?"
        return match[2]

    return _ESCAPE.sub(char, data)


def _views(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the data as it is, with up to four layers of JSON escapes undone, and percent-decoded."""
    for depth in range(5):
        name = "raw" if not depth else f"escaped {depth} deep"
        yield name, data
        plain = urllib.parse.unquote_to_bytes(data)
        if plain != data:
            yield f"{name}, percent-encoded", plain
            twice = urllib.parse.unquote_to_bytes(plain)
            if twice != plain:
                yield f"{name}, percent-encoded twice", twice
        further = _unescaped(data)
        if further == data:
            return
        data = further


def base64_cores(value: bytes) -> list[bytes]:
    """Return what base64 of any text around `value` must contain, for the three alignments."""
    cores = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + value)
        start = 0 if not shift else 4
        end = len(encoded) - (4 if (len(value) + shift) % 3 else 0)
        cores.append(encoded[start:end])
    return cores


def _needles(value: str) -> list[tuple[str, bytes]]:
    raw = value.encode()
    found = [("hex", raw.hex().encode()), ("HEX", raw.hex().upper().encode())]
    for core in base64_cores(raw):
        found.append(("base64", core))
        found.append(("base64", core.translate(bytes.maketrans(b"+/", b"-_"))))
    return found


def leaks(data: bytes, secrets: Mapping[str, str]) -> list[str]:
    """Return the names of secrets in `data`, each with its encoding; never a value."""
    found: set[str] = set()
    windows: dict[bytes, str] = {}
    for name, value in secrets.items():
        raw = value.encode()
        for at in range(max(1, len(raw) - _WINDOW + 1)):
            windows[raw[at : at + _WINDOW]] = name
    joined = re.compile(rb"[^\s\"'<>{}\[\],]{%d,}" % _WINDOW)
    for view, text in _views(data):
        for run in joined.findall(text):
            for at in range(len(run) - _WINDOW + 1):
                if owner := windows.get(run[at : at + _WINDOW]):
                    found.add(f"{owner} ({view})")
        for name, value in secrets.items():
            if value.encode() in text:
                found.add(f"{name} ({view})")
            found |= {f"{name} ({form}, {view})" for form, each in _needles(value) if each in text}
    return sorted(found)
