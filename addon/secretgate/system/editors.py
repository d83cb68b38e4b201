"""Editors of the VS Code family: sets `http.proxy` in their settings, which are JSON with comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from secretgate.doctor.checks import editor_settings
from secretgate.system.changes import Edit, Step, Write
from secretgate.system.plan import Account

NAMES = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf", "Antigravity")
_SKIPPED = rb"(?:\s|//[^\n]*|/\*.*?\*/)*"
_OPENING = re.compile(rb"\A\xef\xbb\xbf?" + _SKIPPED + rb"\{|\A" + _SKIPPED + rb"\{", re.DOTALL)
_EMPTY = re.compile(_SKIPPED + rb"\}", re.DOTALL)
_GIVEN = re.compile(rb'"http\.proxy"\s*:')


def steps(account: Account) -> Iterator[Step]:
    for name in NAMES:
        path = editor_settings(account.home, name, account.platform)
        if path.parent.is_dir():
            yield Write(f"settings of {name}", path, proxy_setting(account.url))


def proxy_setting(url: str) -> Edit:
    """Return an edit that inserts `http.proxy` as first member.

    A value set by the user, and a file that is not a JSON object, are left unchanged.
    """

    def edit(old: bytes) -> bytes:
        if not old.strip():
            return old + f'{{\n    "http.proxy": {json.dumps(url)}\n}}\n'.encode()
        opening = _OPENING.match(old)
        if opening is None or _GIVEN.search(old):
            return old
        newline = b"\r\n" if b"\r\n" in old else b"\n"
        comma = b"" if _EMPTY.match(old, opening.end()) else b","
        member = b'    "http.proxy": ' + json.dumps(url).encode() + comma
        return old[: opening.end()] + newline + member + old[opening.end() :]

    return edit
