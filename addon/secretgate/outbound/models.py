"""The model that a request asks for, in its body or path. For the log and the audit log."""

from __future__ import annotations

import re

_NAME = b'"model"'
_VALUE = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*"([A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99})"')
_PATH = re.compile(r"/(?:models?|deployments)/([A-Za-z0-9][A-Za-z0-9._@%-]{0,99}?)(?:[:/]|\Z)")
_MOST = 16
"""Maximum number of members of that name that are examined."""
_HEAD, _TAIL = 4 << 10, 64 << 10
"""Where clients put it: first, or after the messages. Only if both fail is the rest searched."""


def named(path: str, body: bytes) -> str:
    """Return the model named at the start or end of the body, in the path, or anywhere in the body.

    Empty if nothing that looks like a model name is found.
    """
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
