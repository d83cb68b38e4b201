"""Words for people: numbers with their nouns, errors of the system, types of values in YAML."""

from __future__ import annotations

import re
from typing import Final

CANNOT_START: Final = "secretgate cannot start: "
"""How the log begins the line about an option, a file or the environment that prevents the start."""


def counted(number: int, noun: str) -> str:
    """Return the number and its noun: `1 file`, `2,048 files`."""
    return f"{number:,} {plural(number, noun)}"


def plural(number: int, noun: str) -> str:
    """Return the noun as it stands behind the number: `file` or `files`."""
    return noun if number == 1 else f"{noun}s"


_KINDS: Final = {
    "object": "`key: value` lines",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}


def spoken(error: Exception) -> str:
    """Return what an error says; one of the system says where, and leaves out its number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def yaml_words(reason: str) -> str:
    """Return why msgspec refuses a value, as it says it after a small letter, in the words of YAML."""
    if pattern := re.fullmatch(r"(?s)expected `str` matching regex '(.*)'", reason):
        return f"must match `{pattern[1]}`"
    if missing := re.fullmatch(r"object missing required field (`\w+`)", reason):
        return f"{missing[1]} is missing"
    if reason.startswith("expected `"):
        return re.sub(r"`([\w |]+)`", lambda kinds: _kinds(kinds[1]), reason)
    return reason


def _kinds(named: str) -> str:
    return " or ".join(_KINDS.get(kind, f"`{kind}`") for kind in named.split(" | "))
