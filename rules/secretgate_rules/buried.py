"""Recognises matches that are accidents in long base64, such as an image or a certificate.

Any short pattern matches somewhere in enough random characters; a key that stands alone is not
surrounded by them.
"""

from __future__ import annotations

import re

_RUN_AFTER = re.compile(rb"[A-Za-z0-9+/]*+")
_BURIED = 200
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def buried(text: bytes, start: int, end: int) -> bool:
    """Return whether a match is accidental, inside long base64 such as an image or a certificate."""
    if _wrapped(text, start, end):
        return True
    after = _RUN_AFTER.match(text, end, end + _BURIED)
    before = 0
    while before < _BURIED and start - before > 0 and text[start - before - 1] in _BASE64:
        before += 1
    around = before + (after.end() - end if after else 0)
    return around >= _BURIED - 60 and text[start:end].translate(None, b"+/").isalnum()


_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]{60,76}\r?\n")


def _wrapped(text: bytes, start: int, end: int) -> bool:
    """Return whether a match is part of a line of base64 that another one of its length is next to."""
    begin = text.rfind(b"\n", max(0, start - 76), start) + 1
    line = _BASE64_LINE.match(text, begin) if begin or not start else None
    if line is None or line.end() < end or end - start > len(line[0]) - 4:
        return False
    above = _BASE64_LINE.match(text, begin - len(line[0])) if begin >= len(line[0]) else None
    below = _BASE64_LINE.match(text, line.end())
    return any(other and len(other[0]) == len(line[0]) for other in (above, below))
