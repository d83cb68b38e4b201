"""Private keys whose lines stand in several strings: in a list of lines, or in consecutive blocks.

No string holds such a key, so no rule finds it. What follows a BEGIN up to the END is joined and read
as one text; the lines found in it are then known values, and are replaced wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from secretgate_rules import Finding

NAMED: Final = b"PRIVATE KEY"
"""What some text says if there is such a key."""
_BEGIN: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----")
_END: Final = re.compile(rb"-----END [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----")
_CONTENT: Final = re.compile(rb"[A-Za-z0-9+/]{24}")
_LINE: Final = re.compile(rb"(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9+/]{24,}={0,2}")
"""A line of a key. Between the lines may stand names, such as the kind of a block."""
_MOST_TEXTS: Final = 400
_MOST_BYTES: Final = 16 << 10
_MOST_KEYS: Final = 20


def split_keys(
    texts: Sequence[bytes], find: Callable[[bytes], Sequence[Finding]]
) -> dict[bytes, str]:
    """Return the lines of such keys, with their rules."""
    found: dict[bytes, str] = {}
    for joined in islice(_joined(texts), _MOST_KEYS):
        for finding in find(joined):
            lines = (part.value for part in finding.parts)
            found.update((line, finding.rule) for line in lines if _LINE.fullmatch(line))
    return found


def _joined(texts: Sequence[bytes]) -> Iterator[bytes]:
    """Yield what stands between a BEGIN without an END and the next END, each string a line."""
    for at, text in enumerate(texts):
        begins = [match.start() for match in _BEGIN.finditer(text)] if NAMED in text else []
        if not begins or _END.search(text, begins[-1]):
            continue
        pieces, size = [text[begins[-1] :]], 0
        for piece in texts[at + 1 : at + _MOST_TEXTS]:
            end = _END.search(piece)
            if end is not None:
                yield b"\n".join([*pieces, piece[: end.end()]])
                break
            if _CONTENT.search(piece):
                pieces.append(piece)
                size += len(piece)
            if size > _MOST_BYTES:
                break
