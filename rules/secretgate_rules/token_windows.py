"""Selects the windows of a text in which most rules are searched for: those that may hold a token.

Scanning a text for a thousand rules costs much more than scanning it for what nearly all of them
need: a long run of token characters with a digit in it. So a text is scanned twice: all of it for
these runs, for credential words and for rules that need neither; then, for all other rules, only
*windows* around what was found. Escapes count as token characters, because they may decode to
them; so the windows also cover every token that is spelled with escapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from . import context_places
from .database import CASELESS, Expression

LEAST: Final = 16
"""Minimum length of a run that counts."""
LEAD: Final = 208
"""How many bytes before a run its window begins."""
TAIL: Final = 100
"""How many bytes after a run its window ends."""

_LETTERS: Final = r"A-Za-z_+/=\\%-"
_CHARS: Final = "0-9" + _LETTERS
TOKEN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/=\\%-")
_STRIP: Final = bytes(sorted(TOKEN))

BEHIND: Final = 8
"""Minimum number of run characters after a digit, for the run to be found."""
RUN: Final = Expression(
    rf"(?:[{_LETTERS}][0-9][{_CHARS}]{{{BEHIND},}}|[0-9][{_CHARS}]{{{LEAST - 1},}})(?:[^\n{_CHARS}]|$)"
)
"""The first digit of a run, and what follows it. This costs next to nothing, and most numbers are too
short. A run with digits only among its last few characters needs a credential word nearby."""

ESCAPED: Final = (
    Expression(context_places.WORD + r"[^\n\\%]{0,20}(?:\\|%[0-9A-Fa-f]{2})", CASELESS),
    Expression(
        r"(?:dbi|mysqli|mysqldb|pyodbc|new pdo|getconnection|ldap[a-z]{3,9}|zip -|mnemonic|seed[_ -]"
        r"|phrase|bundle_|curl -|identified|sqlplus|psexec|net use)[^\n\\%]{0,60}(?:\\|%[0-9A-F]{2})",
        CASELESS,
    ),
    Expression(
        r"(?::|%3A)(?:%2F|\\{0,3}/){2}[^\s\"'<>]{1,80}(?::|%3A)[^\s\"'<>]{3,80}(?:%40|@)", CASELESS
    ),
)
"""A credential word or a command followed by an escape, and URLs with a password: decoded, they may
contain a secret that is not a token."""

_LONG: Final = 4096
_STOPS: Final = (b"\n", b'"', b"'", b" ", b",", b":", b";", b"(", b"<", b"`")


def windows(text: bytes, runs: Sequence[int], places: Sequence[int]) -> list[tuple[int, int]]:
    """Return the windows of a text as (start, end), ascending and disjoint.

    `runs` are the ends of matches of `RUN`, `places` the ends of all other matches; both ascending.
    """
    found: list[tuple[int, int]] = []
    low, high = 0, -LEAD - TAIL
    size = len(text)
    for end in runs:
        if end - LEAST - LEAD > high:
            if text[max(0, end - LEAST) : end - 1].translate(None, _STRIP):
                continue
            start = _start(text, end)
            if end - start < LEAST or _says_little(text, start, end):
                continue
            if start - LEAD > high:
                if high >= 0:
                    found.append((low, high))
                low = max(0, start - LEAD)
        high = min(size, end + TAIL)
    if high >= 0:
        found.append((low, high))
    if places:
        found += [(max(0, place - LEAD), min(size, place + TAIL)) for place in places]
        found = merged(found)
    return found


def _says_little(text: bytes, start: int, end: int) -> bool:
    """Return whether a run contains escapes and is shorter than `LEAST` when decoded."""
    escapes = text.count(b"\\", start, end)
    if not escapes:
        return False
    said = end - start - escapes - 2 * text.count(b"\\x", start, end)
    return said - 4 * text.count(b"\\u", start, end) < LEAST


def _start(text: bytes, end: int) -> int:
    """Return where the run begins that ends at `end` or one byte before it."""
    if end and text[end - 1] not in TOKEN:
        end -= 1
    size = 256
    while size <= _LONG:
        low = max(0, end - size)
        start = low + len(text[low:end].rstrip(_STRIP))
        if start > low or not low:
            return start
        size *= 4
    return max(text.rfind(stop, 0, end) for stop in _STOPS) + 1


def merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what the spans, at least one, cover together: ascending and disjoint."""
    spans = sorted(spans)
    found: list[tuple[int, int]] = []
    low, high = spans[0]
    for start, end in spans[1:]:
        if start > high:
            found.append((low, high))
            low, high = start, end
        elif end > high:
            high = end
    found.append((low, high))
    return found
