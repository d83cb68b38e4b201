"""What became of the placeholders of an answer: which were put back, and which the client got as they are.

Not put back is whatever still stands in the text that the client gets, put together from all its pieces: a placeholder
that was not issued to this conversation, one that a rule keeps back, one that the model has misspelt beyond what
is accepted (its id gives it away). It is looked for there and not counted by those who put back, who cannot know what
they missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from secretgate.placeholders import ID_LENGTH, Issued, plain_spelling
from secretgate.scanner import Scanner

_ID = re.compile(rb"[0-9a-f]{%d}" % ID_LENGTH)
_HEX = Scanner([rb"[0-9a-fA-F]{%d}" % ID_LENGTH])


class Fate(NamedTuple):
    """Of placeholders, in plain spelling."""

    restored: frozenset[bytes]
    not_restored: frozenset[bytes]


class Leftovers:
    """Of one flow, answer by answer: a WebSocket has many."""

    def __init__(self) -> None:
        self._left: set[bytes] = set()

    def see(self, text: bytes, issued: Issued) -> None:
        """A text as the client gets it."""
        self._left |= {plain_spelling(match[0]) for match in issued.template.find(text)}
        ends = _HEX.scan(text) if issued else ()
        if ends:
            seen = {text[end - ID_LENGTH : end].lower() for _, end in ends}
            self._left |= {name for name, own in _ids(issued) if own in seen}

    def taken(self, issued: Issued) -> Fate:
        """What has become of placeholders since the last call."""
        fate = Fate(
            frozenset(name.lower() for name in issued.restored_names),
            frozenset(self._left | issued.unknown),
        )
        self._left.clear()
        issued.restored.clear()
        issued.unknown.clear()
        return fate


def _ids(issued: Issued) -> Iterator[tuple[bytes, bytes]]:
    for name in issued.values:
        plain = plain_spelling(name)
        ids = _ID.findall(plain)
        if ids:
            yield plain, ids[-1]
