"""Globs with `*` and `?`, and lists of globs in which `!` excludes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache


@lru_cache(maxsize=1024)
def pattern(glob: str) -> re.Pattern[str]:
    """Compile a glob, case-insensitively; only `*` and `?` are special.

    The text between two `*` is matched atomically at its first occurrence, so matching cannot
    backtrack without bound, whatever the glob.
    """
    first, *more = (
        "".join("." if letter == "?" else re.escape(letter) for letter in part)
        for part in glob.split("*")
    )
    if not more:
        return re.compile(first, re.IGNORECASE | re.DOTALL)
    inner = "".join(f"(?>.*?{part})" for part in more[:-1] if part)
    return re.compile(f"{first}{inner}.*{more[-1]}", re.IGNORECASE | re.DOTALL)


class Globs:
    """A list of globs: one must match, and none with `!` may.

    A list of only `!` globs matches everything else.
    """

    __slots__ = ("_excluded", "_wanted", "texts")

    def __init__(self, texts: str | Sequence[str]) -> None:
        self.texts = (texts,) if isinstance(texts, str) else tuple(texts)
        self._wanted = [pattern(text) for text in self.texts if not text.startswith("!")]
        self._excluded = [pattern(text[1:]) for text in self.texts if text.startswith("!")]

    def __bool__(self) -> bool:
        return bool(self.texts)

    def match(self, value: str) -> bool:
        if any(each.fullmatch(value) for each in self._excluded):
            return False
        return not self._wanted or any(each.fullmatch(value) for each in self._wanted)
