"""Rules made ready: what the database looks for on their behalf, and whose each expression is."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from typing import Final

from . import blocks, gate, near, patterns, regex
from .allow import searching
from .assured import assured
from .database import CASELESS, Expression
from .model import Rule

ANCHOR: Final = 3
"""Fixed bytes in a row from which a pattern is rare enough to be looked for by itself."""
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
"""Keywords that every program is full of: a rule with one of them is looked for by its pattern."""


COMMON_STARTS: Final = frozenset(
    [
        "fal",
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
"""Keywords that are the beginning of many other words."""
COMMON_ENDS: Final = frozenset(["bnet", "kling", "ably", "mexc", "apca", "nkey", "kagi", "tmetric"])
"""Keywords that are the end, or the middle, of many other words."""

HOSTS: Final = frozenset(
    ["bitbucket", "firebase", "github", "gitlab", "google", "slack", "vercel", "zoom"]
)
"""Keywords that are mostly met in links: `github.com` alone says nothing of a value."""
_NO_HOST: Final = r"(?:[^.]|\.(?:[^c]|c(?:[^o]|o[^m]))|$)"


@dataclass
class Compiled:
    """A rule, made ready to run; `re` is compiled when first needed."""

    rule: Rule
    shape: patterns.Shape
    by_keyword: bool
    near: bool
    """Whether the rule is looked for near tokens only (see `gate`)."""

    @cached_property
    def regex(self) -> re.Pattern[bytes]:
        """The pattern itself."""
        return regex.compile_bytes(self.rule.pattern, self.rule.flags)

    @cached_property
    def keywords(self) -> tuple[bytes, ...]:
        """The keywords as bytes."""
        return tuple(word.encode() for word in self.rule.keywords)

    def excused(self, match: bytes, value: bytes) -> bool:
        """Whether the rule's own allowlist takes the match for no secret."""
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
    """Measure a rule and decide how the database looks for it."""
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
_AHEAD: Final = gate.LEAD - near.BEFORE - 16


def _near(rule: Rule, shape: patterns.Shape, by_keyword: bool) -> bool:
    """Whether every match holds a token that is seen, or so nearly every one that the credential
    words around the rest make up for it."""
    if by_keyword:
        needed = _SURE_ENOUGH
    else:
        weak = shape.anchor <= ANCHOR or shape.caseless
        needed = _FAIRLY_SURE if weak else _SURE
    return any(
        token.surety > needed and token.ahead <= _AHEAD and token.behind <= gate.TAIL
        for token in assured(rule.pattern, rule.flags)
    )


@dataclass
class Table:
    """Rules made ready together: what the database is given, and whose each expression is."""

    compiled: list[Compiled]
    expressions: list[Expression]
    owners: list[list[int]]
    near: list[bool]
    """Of each expression, whether it is looked for near tokens only."""
    digest: str


def tabulate(rules: Iterable[Rule]) -> Table:
    """Prepare rules. Takes a second for a thousand, so `load` keeps the result."""
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


def wanted(item: Compiled) -> list[Expression]:
    """What the database looks for on behalf of one rule."""
    if item.by_keyword:
        return [_keyword(word) for word in item.rule.keywords]
    source = item.shape.expression
    if not item.near and source.startswith(_BOUNDARY):
        source = _AFTER_ESCAPE + source.removeprefix(_BOUNDARY)
    return [Expression(source, CASELESS * item.shape.caseless)]


_BOUNDARY: Final = r"\b"
_AFTER_ESCAPE: Final = r"(?:\b|[\\%][0-9A-Za-z]{1,5})"
"""Where a word begins, also one that an escape stands right before: the place is then decoded."""


def _keyword(word: str) -> Expression:
    """A keyword as the database looks for it; a common one must stand apart."""
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
