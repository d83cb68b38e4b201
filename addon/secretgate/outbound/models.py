"""Which model a request asks for: in its body, or in its path. For the audit log."""

from __future__ import annotations

import re

_NAME = b'"model"'
_VALUE = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*"([A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99})"')
_PATH = re.compile(r"/(?:models?|deployments)/([A-Za-z0-9][A-Za-z0-9._@%-]{0,99}?)(?:[:/]|\Z)")
_MOST = 16
"""How many members of that name are looked at."""
_HEAD, _TAIL = 4 << 10, 64 << 10
"""Where tools put it: first, or behind the messages. The rest is looked at only where it is in neither."""


def named(path: str, body: bytes) -> str:
    """The first that the body names where it is looked for, or else the path; nothing where none is spelled
    like one."""
    for start in (0, max(0, len(body) - _TAIL)):
        found = _member(body, start, min(len(body), start + (_TAIL if start else _HEAD)))
        if found:
            return found
    place = _PATH.search(path.partition("?")[0])
    return place[1] if place else _member(body, 0, len(body))


def _member(body: bytes, start: int, end: int) -> str:
    at = body.find(_NAME, start, end)
    for _ in range(_MOST):
        if at < 0:
            break
        value = _VALUE.match(body, at + len(_NAME))
        if value is not None:
            return value[1].decode()
        at = body.find(_NAME, at + 1, end)
    return ""
