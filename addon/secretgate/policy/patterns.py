"""Redaction patterns: RE2, so that none can be slow, with Go's `$1` and `${name}` in replacements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import re2

from secretgate.bodies.base import Edit

_REFERENCE = re.compile(r"\$(?:\$|\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")
_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 16 << 20


class BadPattern(ValueError):
    """A pattern that RE2 rejects."""


class Pattern:
    """A compiled pattern with its replacement."""

    def __init__(self, match: str, replace: str) -> None:
        try:
            self._regex = re2.compile(match.encode(), _OPTIONS)
        except re2.error as error:
            told = error.args[0] if error.args else b""
            reason = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
            raise BadPattern(f"is not an RE2 pattern: {reason}") from None
        self._groups: dict[bytes, int] = self._regex.groupindex
        self._parts = list(_parts(replace))

    def edits(self, text: bytes) -> Iterator[Edit]:
        """Yield the edits that the pattern makes in a text, from left to right."""
        for match in self._regex.finditer(text):
            yield Edit(match.start(), match.end(), self._expanded(match))

    def _expanded(self, match: Any) -> bytes:
        out: list[bytes] = []
        for text, group in self._parts:
            out.append(text)
            if group is None:
                continue
            number = int(group) if group.isdigit() else self._groups.get(group.encode(), -1)
            known = 0 <= number <= self._regex.groups
            out.append((match.group(number) or b"") if known else b"")
        return b"".join(out)


def _parts(replace: str) -> Iterator[tuple[bytes, str | None]]:
    """Yield the literal texts of a replacement, each with the group that follows it, or None."""
    at = 0
    text = ""
    for found in _REFERENCE.finditer(replace):
        text += replace[at : found.start()]
        at = found.end()
        if found[0] == "$$":
            text += "$"
            continue
        yield text.encode(), found[1] or found[2]
        text = ""
    yield (text + replace[at:]).encode(), None
