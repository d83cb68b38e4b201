"""What may stand right before and behind a token, beside what a rule says.

Rules have lookarounds, so that no part of a longer name or number counts as a token. The `+` or `-`
of a patch and the `_` or `__` of Markdown's italics are no parts of a token, though.
"""

from __future__ import annotations

import re
from typing import Final

_ITALIC: Final = r"(?<!\w)_"
_BEFORE: Final = re.compile(r"\(\?<!\[[^]]*[+-][^]]*\](?=[)|])")
_BEHIND: Final = re.compile(r"\(\?!(?=\[\\w)")
_END: Final = re.compile(r"\(\?:\[\^\\w[^]]*\]\|\$\)")
"""The lookarounds that no character of some class is before or behind a token, and its end."""


def in_prose(pattern: str) -> str:
    """Return the pattern of a rule, for tokens that begin a line of a patch or are in italics, too."""
    if pattern.startswith(r"\b"):
        pattern = rf"(?:\b|(?<={_ITALIC})|(?<={_ITALIC}_))" + pattern.removeprefix(r"\b")
    pattern = _BEFORE.sub(
        lambda match: rf"{match[0]}(?<!\n[+-])(?<!{_ITALIC})(?<!{_ITALIC}_)", pattern
    )
    pattern = _END.sub(lambda match: match[0][:-1] + r"|(?=__?(?!\w)))", pattern)
    return _BEHIND.sub(lambda match: r"(?!(?!__?(?!\w))", pattern)


_BACKSLASH: Final = b"\\"
_QUOTES: Final = (b'"', b"'", b"`")
_LETTERS: Final = (b"n", b"r", b"t")
_BREAKS: Final = re.compile(rb"(?<!\\)(?:\\{1,8}[nrt]){1,8}[\"']?\Z")
"""Line ends at the end of a value: matched by `search` with the end of the value as its limit."""
_BREAK: Final = re.compile(rb"(?<!\\)(?:\\{1,8}r)?(\\{1,8}n)")
_LINE: Final = 2000
"""How far on a line another line end, escaped like one in a value, is looked for on each side."""
_LONG: Final = 512
"""What is longer is a key of several lines, which ends where its pattern says."""
_CLOSED: Final = (b"}", b"]", b",")


def end_of_value(text: bytes, low: int, high: int, chosen: bool) -> int:
    """Return where a value ends that is in an escaped string: before `\\"`, `\\n` and `"}`.

    An odd number of backslashes escapes a quote, an even number are backslashes of the value. What
    people have `chosen` may contain any characters, and so the next lines of a string that holds
    several.
    """
    if high - low > _LONG:
        return high
    closes = text[high - 1 : high] == b'"' and text[high : high + 1] in _CLOSED
    if closes and high - low > 1 and text.count(b'"', low, high) == 1:
        high -= 1
    if text[high - 1 : high] == _BACKSLASH:
        bare = low + len(text[low:high].rstrip(_BACKSLASH))
        behind = text[high : high + 8].lstrip(_BACKSLASH)[:1]
        if bare > low and (behind in _LETTERS or (behind in _QUOTES and (high - bare) % 2)):
            high = bare
    if _BACKSLASH in text[high - 3 : high] and (breaks := _BREAKS.search(text, low + 1, high)):
        high = breaks.start()
    if chosen and _BACKSLASH in text[low:high] and (inner := _BREAK.search(text, low + 1, high)):
        line = max(0, low - _LINE, text.rfind(b"\n", 0, low) + 1)
        end = text.find(b"\n", high, high + _LINE)
        behind = text[high : end if end >= 0 else high + _LINE]
        if inner[1] in text[line:low] or inner[1] in behind:
            high = inner.start()
    return high
