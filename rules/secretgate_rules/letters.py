"""Passwords of letters alone: words that documentation does not have, names from novels."""

from __future__ import annotations

import re

from . import standins, values
from .vocabulary import HUMP, OF_CODE, PASSWORD_ABROAD, documented

_UNHEARD = re.compile(rb"[a-z]{8,32}")
_INFLECTED = re.compile(
    rb"(?:able|ible|ing|ed|ly|ful|less|ous|ive|ion|ions|ment|ness|ance|ence|ical|ized|ised|izes|ises)$"
)


def unheard(value: bytes) -> bool:
    """Return whether the value is lower-case letters that are no known word.

    Known are words of documentation (`words.bin`) and those typical of names in programs.
    """
    if not _UNHEARD.fullmatch(value) or _INFLECTED.search(value):
        return False
    if value in documented() or values.trivial(value):
        return False
    return not any(word in value for word in OF_CODE if len(word) >= 4)


_LETTERED = re.compile(rb"[A-Za-z]{8,32}")


def coined(value: bytes) -> bool:
    """Return whether the value is letters that are no known word, such as a name from a novel.

    A capital in the middle begins another word.
    """
    humps = HUMP.findall(value)
    if not _LETTERED.fullmatch(value) or len(humps) > 3 or standins.dummy(value):
        return False
    low = value.lower()
    return (
        not OF_CODE.intersection(map(bytes.lower, humps))
        and low not in PASSWORD_ABROAD
        and unheard(low)
    )


def variable(value: bytes) -> bool:
    """Return whether the value is lower-case words joined by `-` or `_`, as in shell variables."""
    plain = value.translate(None, b"-_")
    return (
        (unheard(plain) or coined(plain))
        and not standins.template(value)
        and not standins.dummy(value)
    )
