"""Translates patterns written for Go's RE2 (or PCRE) to Python's syntax."""

from __future__ import annotations

import re

_GO = (
    (re.compile(r"\\z"), r"\\Z"),
    (re.compile(r"\[\[:alnum:\]\]"), "[A-Za-z0-9]"),
    (re.compile(r"\[:alnum:\]"), "A-Za-z0-9"),
    (re.compile(r"\[:alpha:\]"), "A-Za-z"),
    (re.compile(r"\[:digit:\]"), "0-9"),
    (re.compile(r"\[:space:\]"), r"\\s"),
    (re.compile(r"\(\?<([A-Za-z_]\w*)>"), r"(?P<\1>"),
)
_FLAG = re.compile(r"\(\?(-?[ims]+)\)")


def from_go(pattern: str) -> str:
    """Return a pattern for Go's RE2 (or PCRE) in Python's syntax.

    There, a flag group in mid-pattern applies until the end of its group; Python requires it to
    enclose what it applies to.
    """
    for old, new in _GO:
        pattern = old.sub(new, pattern)
    while match := _FLAG.search(pattern):
        end = _group_end(pattern, match.end())
        flags = match[1]
        inner = pattern[match.end() : end]
        pattern = f"{pattern[: match.start()]}(?{flags}:{inner}){pattern[end:]}"
    return pattern


def _group_end(pattern: str, position: int) -> int:
    depth, in_class = 0, False
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            position += 2
            continue
        if in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
            position += pattern[position + 1 : position + 2] in ("]", "^")
        elif char == "(":
            depth += 1
        elif char == ")":
            if depth == 0:
                return position
            depth -= 1
        position += 1
    return position
