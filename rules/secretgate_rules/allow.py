"""Allowlists: what a user declares not secret, by rule, regex, path or SHA-256 of a value."""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module

from . import linear
from .model import RuleError

Search = Callable[[bytes], object]


@lru_cache(maxsize=1024)
def searching(pattern: str) -> Search:
    """Return a function that searches a value for an allowlist pattern; raise `ValueError`.

    Values come from anywhere and may be long, so the search uses RE2, which no pattern can make
    slow. Patterns that RE2 does not support use Python's `re` if they are linear.
    """
    re2 = import_module("re2")
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    try:
        return re2.compile(pattern.encode(), options).search  # type: ignore[no-any-return]
    except re2.error:
        linear.check_linear(pattern)
        return re.compile(pattern.encode()).search


class Allowlist:
    """Values and files that are not reported; false if empty."""

    def __init__(
        self,
        rules: Iterable[str] = (),
        regexes: Iterable[str] = (),
        paths: Iterable[str] = (),
        hashes: Iterable[str] = (),
        stopwords: Iterable[str] = (),
        where: str = "allowlist",
    ) -> None:
        self.rules = tuple(rules)
        self._hashes = frozenset(digest.lower() for digest in hashes)
        self._stopwords = tuple(word.lower().encode() for word in stopwords)
        self._globs = tuple(paths)
        self._regexes: list[Search] = []
        for source in regexes:
            try:
                self._regexes.append(searching(source))
            except ValueError as error:
                raise RuleError(f"{where}: regex {source[:80]!r}: {error}") from error
        bad = [digest for digest in self._hashes if not re.fullmatch(r"[0-9a-f]{64}", digest)]
        if bad:
            raise RuleError(f"{where}: {bad[0]!r} is not a SHA-256 digest (64 hex digits)")
        parts = (self.rules, sorted(regexes), self._globs, sorted(self._hashes), self._stopwords)
        self.digest = hashlib.sha256(repr(parts).encode()).hexdigest()

    def __bool__(self) -> bool:
        return bool(self.rules or self._regexes or self._globs or self._hashes or self._stopwords)

    def names(self, rule: str) -> bool:
        """Return whether all findings of this rule are to be dropped."""
        return any(fnmatch.fnmatchcase(rule, pattern) for pattern in self.rules)

    def allows(self, rule: str, value: bytes) -> bool:
        """Return whether a finding of this rule with this value is to be dropped."""
        if self.names(rule):
            return True
        if any(search(value) for search in self._regexes):
            return True
        if self._hashes and hashlib.sha256(value).hexdigest() in self._hashes:
            return True
        lowered = value.lower()
        return any(word in lowered for word in self._stopwords)

    def allows_path(self, path: str) -> bool:
        """Return whether a scan skips this file."""
        return any(fnmatch.fnmatch(path, glob) for glob in self._globs)
