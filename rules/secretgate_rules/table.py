"""Compiles rules to the expressions that the database searches for, and records their owners."""

from __future__ import annotations

import hashlib
import math
import operator
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from typing import Final

from . import blocks, patterns, regex, surroundings, token_windows
from .allow import searching
from .assured import Assured, assured
from .database import CASELESS, Expression
from .model import Rule

ANCHOR: Final = 3
"""Number of consecutive fixed bytes that make a pattern rare enough to be searched for directly."""
GENERIC_WORDS: Final = frozenset(
    [
        "key",
        "keys",
        "token",
        "tokens",
        "auth",
        "secret",
        "secrets",
        "password",
        "passwd",
        "api",
        "apikey",
        "user",
        "username",
        "account",
        "session",
        "client",
        "server",
        "public",
        "private",
        "access",
        "system",
        "http",
        "https",
        "url",
        "code",
        "data",
        "type",
        "name",
    ]
)
"""Keywords that are common in any program; rules with them are searched for by pattern."""


COMMON_STARTS: Final = frozenset(
    [
        "fal",
        "okx",
        "htx",
        "expo",
        "dump",
        "batch",
        "blob",
        "do",
        "app",
        "box",
        "sap",
        "hub",
        "gem",
        "ring",
        "horizon",
        "unifi",
        "toggl",
        "deepl",
    ]
)
"""Keywords that many other words begin with."""
COMMON_ENDS: Final = frozenset(
    ["bnet", "kling", "ably", "mexc", "apca", "nkey", "kagi", "tmetric", "okx", "htx"]
)
"""Keywords that many other words end with or contain."""

HOSTS: Final = frozenset(
    ["bitbucket", "firebase", "github", "gitlab", "google", "slack", "vercel", "zoom"]
)
"""Keywords that mostly occur in links: `github.com` alone says nothing about a value."""
_NO_HOST: Final = r"(?:[^.]|\.(?:[^c]|c(?:[^o]|o[^m]))|$)"


@dataclass
class Compiled:
    """A rule with its shape; its pattern is compiled for `re` on first use."""

    rule: Rule
    shape: patterns.Shape
    by_keyword: bool
    near: bool
    """Whether the rule is searched for only near tokens (see `token_windows`)."""
    translation: bytes = b""
    """What `re` compiles the pattern to, if that is known from the cache."""

    @cached_property
    def regex(self) -> re.Pattern[bytes]:
        """The compiled pattern; raises `ValueError`."""
        if self.translation:
            return regex.assembled(self.rule.pattern, self.translation)
        return regex.compile_bytes(self.rule.pattern, self.rule.flags)

    @cached_property
    def keywords(self) -> tuple[bytes, ...]:
        """The keywords as bytes."""
        return tuple(word.encode() for word in self.rule.keywords)

    def excused(self, match: bytes, value: bytes) -> bool:
        """Return whether the rule's own allowlist excludes the match."""
        rule = self.rule
        if not rule.allow and not rule.allow_match and not rule.stopwords:
            return False
        lowered = value.lower()
        return (
            any(word.encode() in lowered for word in rule.stopwords)
            or any(searching(pattern)(value) for pattern in rule.allow)
            or any(searching(pattern)(match) for pattern in rule.allow_match)
        )


def prepare(rule: Rule) -> Compiled:
    """Measure a rule, and decide how the database searches for it."""
    widest = blocks.LONGEST if rule.multiline else patterns.WIDEST
    shape = patterns.measure(rule.pattern, rule.flags, widest)
    by_keyword = (
        bool(rule.keywords)
        and not rule.keywords_anywhere
        and not rule.multiline
        and shape.anchor < ANCHOR
        and min(map(len, rule.keywords)) >= 3
        and (shape.anchor == 0 or not GENERIC_WORDS.intersection(rule.keywords))
    )
    return Compiled(rule, shape, by_keyword, _near(rule, shape, by_keyword))


_SURE: Final = -math.log(0.001)
_FAIRLY_SURE: Final = -math.log(0.005)
_SURE_ENOUGH: Final = -math.log(0.1)
_SURE_WITH_A_WORD: Final = -math.log(0.12)
"""For a run that a secret begins with: others are found by a credential word before them."""
_AHEAD: Final = token_windows.LEAD - surroundings.BEFORE - 16


def _near(rule: Rule, shape: patterns.Shape, by_keyword: bool) -> bool:
    """Return whether the rule needs to be searched for only near tokens.

    Every match must contain a token that is found, or nearly every one; credential words around the
    others then make up for it.
    """
    if by_keyword:
        leading, needed = _SURE_WITH_A_WORD, _SURE_ENOUGH
    else:
        weak = shape.anchor <= ANCHOR or shape.caseless
        leading = needed = _FAIRLY_SURE if weak else _SURE
    return all(
        _found_near(
            [run for run in runs if run.surety > (needed if run.ahead else leading)], by_keyword
        )
        for runs in assured(rule.pattern, rule.flags)
    )


def _found_near(runs: Sequence[Assured], by_keyword: bool) -> bool:
    """Return whether windows around these runs hold all that is searched for.

    A keyword is before the first of them or after the last one; a match needs all of its own.
    """
    ahead = [run.ahead <= _AHEAD for run in runs]
    behind = [run.behind <= token_windows.TAIL for run in runs]
    if by_keyword:
        return any(ahead) and any(behind)
    return any(map(operator.and_, ahead, behind))


@dataclass
class Table:
    """Compiled rules, the expressions for the database, and their owners.

    For each expression, `owners` has the indices of the rules that it was made for.
    """

    compiled: list[Compiled]
    expressions: list[Expression]
    owners: list[list[int]]
    near: list[bool]
    """For each expression, whether it is searched for only near tokens."""
    digest: str


def tabulate(rules: Iterable[Rule]) -> Table:
    """Return the table of some rules. Takes a second per thousand, so `load` caches the result."""
    compiled = [prepare(rule) for rule in rules]
    made: dict[tuple[Expression, bool], list[int]] = {}
    seal = hashlib.sha256()
    for index, item in enumerate(compiled):
        for expression in wanted(item):
            made.setdefault((expression, item.near), []).append(index)
        seal.update(repr(astuple(replace(item.rule, origin=""))).encode())
    return Table(
        compiled,
        [expression for expression, _ in made],
        list(made.values()),
        [near for _, near in made],
        seal.hexdigest(),
    )


_BOUNDARY: Final = re.compile(r"\\b|\(\?:\\b\|\|\)")
"""A boundary of words, also with what is left of `boundaries.in_prose` without its lookbehinds."""
_BEGINNING: Final = r"\b_{0,2}"
"""The beginning of a word, which may be in italics."""
_AFTER_ESCAPE: Final = rf"(?:{_BEGINNING}|[\\%][0-9A-Za-z]{{1,5}})"
"""The beginning of a word, also right after an escape, which is decoded later."""


def wanted(item: Compiled) -> list[Expression]:
    """Return the expressions that the database searches for on behalf of a rule."""
    if item.by_keyword:
        return [_keyword(word) for word in item.rule.keywords]
    source = item.shape.expression
    if match := _BOUNDARY.match(source):
        source = (_BEGINNING if item.near else _AFTER_ESCAPE) + source[match.end() :]
    return [Expression(source, CASELESS * item.shape.caseless)]


def _keyword(word: str) -> Expression:
    """Return the expression for a keyword; common ones must be words of their own."""
    after = "(?:[^{}]|$)" if word in COMMON_STARTS else ""
    before = "(?:[^{}]|^)" if word in COMMON_ENDS else ""
    if not after and not before:
        return Expression(re.escape(word) + _NO_HOST * (word in HOSTS), CASELESS)
    lower, upper = "a-z", "A-Z"
    spelt = (
        before.format(lower) + word + after.format(lower),
        before.format(upper) + word.upper() + after.format(upper),
        word.capitalize() + after.format(lower),
    )
    return Expression("|".join(spelt))
