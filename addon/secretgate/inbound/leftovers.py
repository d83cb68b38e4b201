"""Tracks the placeholders of an answer: those restored, and those the client received as they are.

Not restored is whatever still occurs in the reassembled text that the client receives: placeholders
that were not issued to this conversation, those that a rule keeps from being restored, and those
that the model misspelled beyond what is accepted (recognised by their id). They are searched for in
that text, as the code that restores cannot count what it missed.
"""

from __future__ import annotations

from typing import NamedTuple

from secretgate.placeholders import ID_LENGTH, Issued, plain_spelling
from secretgate.scanner import Scanner

_HEX = Scanner([rb"[0-9a-fA-F]{%d}" % ID_LENGTH])


class Fate(NamedTuple):
    """The outcome for placeholders, in plain spelling."""

    restored: frozenset[bytes]
    not_restored: frozenset[bytes]


class Leftovers:
    """The placeholders of one flow, answer by answer: a WebSocket has many."""

    def __init__(self) -> None:
        self._left: set[bytes] = set()

    def see(self, text: bytes, issued: Issued) -> None:
        """Search a text as the client receives it."""
        self._left |= {plain_spelling(match[0]) for match in issued.template.find(text)}
        ends = _HEX.scan(text) if issued else ()
        if ends:
            seen = {text[end - ID_LENGTH : end].lower() for _, end in ends}
            self._left |= {issued.by_id[each] for each in seen & issued.by_id.keys()}

    def taken(self, issued: Issued) -> Fate:
        """Return the outcome for placeholders since the last call, and reset."""
        fate = Fate(
            frozenset(name.lower() for name in issued.restored_names),
            frozenset(self._left | issued.unknown),
        )
        self._left.clear()
        issued.restored.clear()
        issued.unknown.clear()
        return fate
