"""Which model a request asks for: in its body, or in its path. For the audit log and for policies."""

from __future__ import annotations

import re

_MEMBER = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*"([A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99})"')
_PATH = re.compile(r"/(?:models?|deployments)/([A-Za-z0-9][A-Za-z0-9._@%-]{0,99}?)(?:[:/]|\Z)")


def named(path: str, body: bytes) -> str:
    """The first that the body names anywhere, or else the path; nothing where none is spelled like one."""
    member = _MEMBER.search(body)
    if member is not None:
        return member[1].decode()
    place = _PATH.search(path.partition("?")[0])
    return place[1] if place else ""
