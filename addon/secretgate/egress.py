"""The last step before bytes leave: is a secret of this request still in them, in any form?

The forms are computed from the value, not found by decoding the body, so that this check shares
no code with what it checks.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from urllib.parse import quote_from_bytes

import hyperscan

SHORTEST_ENCODED = 12
"""A shorter value is not looked for in base64 and hex, where it would turn up by chance."""
SHORTEST = 8


def forms(value: bytes) -> Iterator[bytes]:
    """The ways a value may be written that the gate knows."""
    yield value
    text = value.decode("utf-8", "surrogatepass")
    for ensure_ascii in (False, True):
        inner = text
        for _ in range(3):
            inner = json.dumps(inner, ensure_ascii=ensure_ascii)[1:-1]
            yield inner.encode("utf-8", "surrogatepass")
    yield quote_from_bytes(value, safe="").encode()
    yield quote_from_bytes(value, safe="/").encode()
    if len(value) < SHORTEST_ENCODED:
        return
    for hexed in (value.hex(), value.hex().upper()):
        yield hexed.encode()
    for lead in range(3):
        # Of a run with other bytes around the value, the characters that hold only its bits.
        run = base64.b64encode(b"\0" * lead + value)
        first = (lead * 8 + 5) // 6
        sure = run[first : ((lead + len(value)) * 8) // 6]
        yield sure
        yield sure.translate(bytes.maketrans(b"+/", b"-_"))


class Egress:
    """Looks for values in outgoing bytes. Databases of recent sets of values are kept: the next turn
    of a conversation asks for the same ones."""

    def __init__(self, kept: int = 32) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._databases: OrderedDict[frozenset[bytes], tuple[hyperscan.Database, list[bytes]]] = (
            OrderedDict()
        )

    def leaks(self, raw: bytes, values: Mapping[bytes, bytes]) -> list[bytes]:
        """The placeholders (keys) whose value is in `raw` in some form."""
        wanted = frozenset(value for value in values.values() if len(value) >= SHORTEST)
        if not wanted:
            return []
        found: set[bytes] = set()
        with self._lock:
            database, owners = self._database(wanted)

            def hit(number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
                found.add(owners[number])

            database.scan(raw, match_event_handler=hit)
        return sorted(name for name, value in values.items() if value in found)

    def found(self, text: bytes, value: bytes) -> list[bytes]:
        """The forms of a value that are in a text."""
        return [form for form in dict.fromkeys(forms(value)) if form in text]

    def _database(self, wanted: frozenset[bytes]) -> tuple[hyperscan.Database, list[bytes]]:
        if wanted not in self._databases:
            owner = {form: value for value in wanted for form in forms(value)}
            database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
            database.compile(
                expressions=[b"".join(b"\\x%02x" % byte for byte in form) for form in owner],
                ids=list(range(len(owner))),
                flags=[hyperscan.HS_FLAG_SINGLEMATCH] * len(owner),
            )
            self._databases[wanted] = (database, list(owner.values()))
            while len(self._databases) > self._kept:
                self._databases.popitem(last=False)
        self._databases.move_to_end(wanted)
        return self._databases[wanted]
