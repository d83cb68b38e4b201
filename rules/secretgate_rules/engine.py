"""The detector: one database pass says where to look, `re` says what is there.

Two kinds of rule, by what the database is given:

* a rule with a pattern that betrays itself (`ghp_` ...) goes in as that pattern, and its keywords,
  if any, are looked for around each match;
* a rule whose pattern is a mere shape (40 hex digits) goes in as its keywords, and the pattern is
  looked for around each keyword. A lock file full of hashes then costs nothing.

Either way the database yields `(rule, offset)`; offsets that lie close together become one window,
each window is searched once, and so the time is linear in the text whatever it holds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Final

from . import blocks, context, near, patterns, values
from .database import CASELESS, Database, Expression
from .model import Finding, Part, Rule
from .randomness import entropy
from .validators import VALIDATORS

_MARGIN = 64
ANCHOR: Final = 3
"""Fixed bytes in a row from which a pattern is rare enough to be looked for by itself."""


GENERIC_WORDS: Final = frozenset(
    "key keys token tokens auth secret secrets password passwd api apikey user username account "
    "session client server public private access system http https url code data type name".split()
)
"""Keywords that every program is full of: a rule with one of them is looked for by its pattern."""


COMMON_WORDS: Final = frozenset("fal expo dump batch blob do app box sap hub gem ring".split())
"""Keywords that are the beginning of many other words."""


@dataclass
class Compiled:
    """A rule, made ready to run; `re` is compiled when first needed."""

    rule: Rule
    shape: patterns.Shape
    by_keyword: bool

    @cached_property
    def regex(self) -> re.Pattern[bytes]:
        return patterns.compile_bytes(self.rule.pattern, self.rule.flags)

    @cached_property
    def keywords(self) -> tuple[bytes, ...]:
        return tuple(word.encode() for word in self.rule.keywords)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A match that has passed its rule's own tests."""

    rule: Rule
    start: int
    end: int
    certain: bool = False


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
    return Compiled(rule, shape, by_keyword)


def expressions(compiled: Sequence[Compiled]) -> tuple[list[Expression], list[list[int]]]:
    """What the database is given, and for each expression the rules it stands for."""
    made: dict[Expression, list[int]] = {}
    for index, item in enumerate(compiled):
        rule = item.rule
        if item.by_keyword:
            wanted = [_keyword(word) for word in rule.keywords]
        else:
            wanted = [Expression(item.shape.expression, CASELESS * item.shape.caseless)]
        for expression in wanted:
            made.setdefault(expression, []).append(index)
    return list(made), list(made.values())


def _keyword(word: str) -> Expression:
    """A keyword as the database looks for it; a common one must not go on."""
    if word not in COMMON_WORDS:
        return Expression(re.escape(word), CASELESS)
    spelt = ((word, "a-z"), (word.upper(), "A-Z"), (word.capitalize(), "a-z"))
    return Expression("|".join(f"{form}(?:[^{more}]|$)" for form, more in spelt))


class Detector:
    """Finds secrets in text. Made once, used from any thread."""

    def __init__(
        self,
        rules: Iterable[Rule],
        barrier: re.Pattern[bytes] | None = None,
        keep: bool = True,
        heuristics: bool = True,
    ) -> None:
        self._compiled = [prepare(rule) for rule in rules]
        wanted, self._owners = expressions(self._compiled)
        self._contextual = len(wanted)
        self._database = Database([*wanted, *(context.EXPRESSIONS if heuristics else ())], keep)
        self._barrier = barrier
        self.digest = self._digest()

    def _digest(self) -> str:
        seal = hashlib.sha256()
        for item in self._compiled:
            seal.update(repr(astuple(item.rule)).encode())
        return seal.hexdigest()

    def find(self, text: bytes, key: bytes = b"") -> list[Finding]:
        """The secrets in a text, sorted and non-overlapping.

        `key` is the JSON member name whose value the text is; it counts as context.
        """
        hits = self._database.scan(text)
        if not hits:
            return []
        found: list[Candidate] = []
        for item, start, end in self._windows(hits, len(text)):
            found += self._confirm(item, text, start, end)
        places = [end for expression, end in hits if expression >= self._contextual]
        found += (Candidate(rule, low, high) for rule, low, high in context.search(text, places))
        return self._settle(text, found)

    def find_many(
        self, texts: Sequence[bytes], keys: Sequence[bytes] | None = None
    ) -> dict[int, list[Finding]]:
        """What `find` says of each text, where it says anything."""
        every = ((i, self.find(t, keys[i] if keys else b"")) for i, t in enumerate(texts))
        return {index: findings for index, findings in every if findings}

    def _windows(
        self, hits: list[tuple[int, int]], size: int
    ) -> Iterable[tuple[Compiled, int, int]]:
        windows: dict[int, list[list[int]]] = {}
        for expression, end in hits:
            if expression >= self._contextual:
                continue
            for index in self._owners[expression]:
                item = self._compiled[index]
                shape = item.shape
                if item.by_keyword:
                    low, high = end - near.AFTER - shape.before, end + near.BEFORE + shape.after
                else:
                    low, high = end - shape.before, end + shape.after
                known = windows.setdefault(index, [])
                if known and low <= known[-1][1]:
                    known[-1][1] = max(high, known[-1][1])
                else:
                    known.append([max(0, low), high])
        for index, spans in windows.items():
            for low, high in spans:
                yield self._compiled[index], low, min(size, high + _MARGIN)

    def _confirm(
        self, item: Compiled, text: bytes, start: int, end: int
    ) -> Iterable[Candidate]:
        rule = item.rule
        for match in item.regex.finditer(text, start, end):
            low, high = match.span(rule.secret)
            if low < 0 or low == high:
                continue
            value = text[low:high]
            if rule.entropy and entropy(value) < rule.entropy:
                continue
            if not rule.multiline and (values.dummy(value) or values.template(value)):
                continue
            if item.keywords and not self._near(item, text, match.span(), (low, high)):
                continue
            verdict = VALIDATORS[rule.validate](value) if rule.validate else None
            if verdict is False:
                continue
            yield Candidate(rule, low, high, bool(verdict))

    def _near(
        self, item: Compiled, text: bytes, whole: tuple[int, int], secret: tuple[int, int]
    ) -> bool:
        inside = text[slice(*whole)].lower()
        if any(word in inside for word in item.keywords):
            return True
        if item.rule.keywords_anywhere:
            everything = text.lower()
            return any(word in everything for word in item.keywords)
        judge = near.linked if item.shape.anchor < ANCHOR else near.present
        return judge(text, *secret, item.keywords)

    def _settle(self, text: bytes, found: list[Candidate]) -> list[Finding]:
        found.sort(key=lambda c: (-c.rule.specificity, not c.certain, c.start - c.end, c.start))
        taken: list[Candidate] = []
        for candidate in found:
            if not any(c.start < candidate.end and candidate.start < c.end for c in taken):
                taken.append(candidate)
        taken.sort(key=lambda c: c.start)
        walls = [m.span() for m in self._barrier.finditer(text)] if self._barrier else []
        findings: list[Finding] = []
        for c in taken:
            spans = blocks.lines(text, c.start, c.end) if c.rule.multiline else [(c.start, c.end)]
            parts = tuple(
                Part(s, e, text[s:e])
                for s, e in spans
                if not any(low < e and s < high for low, high in walls)
            )
            if parts:
                findings.append(
                    Finding(
                        c.rule.id,
                        c.rule.description,
                        c.start,
                        c.end,
                        text[c.start : c.end],
                        (),
                        c.rule.confidence,
                        parts,
                    )
                )
        return findings


