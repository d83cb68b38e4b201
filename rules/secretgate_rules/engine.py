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
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property, lru_cache
from typing import Final

from . import blocks, context, near, patterns, values, views
from .database import CASELESS, Database, Expression
from .model import ENTROPY, Finding, Layer, Part, Rule
from .names import Tier, tier
from .randomness import entropy
from .supplement import Supplement
from .validators import VALIDATORS

_MARGIN = 64
_KEYWORD_REACH = 512
"""The longest secret that is looked for around a keyword."""
ENGINE: Final = 1
"""Raised whenever the code, not a rule, changes what is found."""
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
        """The pattern itself."""
        return patterns.compile_bytes(self.rule.pattern, self.rule.flags)

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
            or any(re.search(pattern.encode(), value) for pattern in rule.allow)
            or any(re.search(pattern.encode(), match) for pattern in rule.allow_match)
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A match that has passed its rule's own tests, with its parts in the text's own offsets.

    `block` is the stretch nothing else may touch: the finding itself, or the run of base64 it is in.
    """

    rule: Rule
    start: int
    end: int
    value: bytes
    parts: tuple[Part, ...]
    block: tuple[int, int]
    certain: bool = False
    view: tuple[str, ...] = ()


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


@dataclass
class Table:
    """Rules made ready together: what the database is given, and whose each expression is."""

    compiled: list[Compiled]
    expressions: list[Expression]
    owners: list[list[int]]
    digest: str


def tabulate(rules: Iterable[Rule]) -> Table:
    """Prepare rules. Takes a second for a thousand, so `load` keeps the result."""
    compiled = [prepare(rule) for rule in rules]
    made: dict[Expression, list[int]] = {}
    seal = hashlib.sha256()
    for index, item in enumerate(compiled):
        for expression in wanted(item):
            made.setdefault(expression, []).append(index)
        seal.update(repr(astuple(replace(item.rule, origin=""))).encode())
    return Table(compiled, list(made), list(made.values()), seal.hexdigest())


def wanted(item: Compiled) -> list[Expression]:
    """What the database looks for on behalf of one rule."""
    if item.by_keyword:
        return [_keyword(word) for word in item.rule.keywords]
    return [Expression(item.shape.expression, CASELESS * item.shape.caseless)]


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
        rules: Iterable[Rule] | Table,
        barrier: re.Pattern[bytes] | None = None,
        *,
        keep: bool = True,
        heuristics: bool = True,
        allow: Callable[[str, bytes], bool] | None = None,
        entropy_rules: bool = True,
        supplement: Supplement | None = None,
        salt: str = "",
    ) -> None:
        table = rules if isinstance(rules, Table) else tabulate(rules)
        self._compiled = table.compiled
        self._owners = table.owners
        self._views = len(table.expressions)
        self._context = self._views + len(views.EXPRESSIONS)
        contextual = context.EXPRESSIONS if heuristics else ()
        self._database = Database([*table.expressions, *views.EXPRESSIONS, *contextual], keep)
        self._barrier = barrier
        self._allow = allow
        self._entropy_rules = entropy_rules
        self._supplement = supplement
        self._telling = lru_cache(maxsize=4096)(self._tells)
        fence = barrier.pattern if barrier else b""
        seal = repr((ENGINE, table.digest, heuristics, salt, fence))
        self.digest = hashlib.sha256(seal.encode()).hexdigest()

    def find(self, text: bytes, key: bytes = b"") -> list[Finding]:
        """The secrets in a text, sorted and non-overlapping.

        `key` is the JSON member name whose value the text is; it counts as context.
        """
        return self.find_many([text], [key]).get(0, [])

    def find_many(
        self, texts: Sequence[bytes], keys: Sequence[bytes] | None = None
    ) -> dict[int, list[Finding]]:
        """What `find` says of each text, where it says anything."""
        leads = [self._lead(key) if key else b"" for key in keys] if keys else []
        if any(leads):
            framed = [
                lead + text + b'"' if lead else text
                for lead, text in zip(leads, texts, strict=True)
            ]
        else:
            framed, leads = list(texts), []
        candidates = self._search(framed, 0)
        if leads and keys:
            for index, lead in enumerate(leads):
                if lead:
                    found = candidates.get(index, []) + self._whole(
                        keys[index], texts[index], len(lead)
                    )
                    size = len(texts[index])
                    candidates[index] = [
                        c
                        for c in (_shift(c, -len(lead)) for c in found)
                        if 0 <= c.start and c.end <= size
                    ]
        results: dict[int, list[Finding]] = {}
        for index in sorted(candidates):
            findings = self._settle(candidates[index])
            if findings:
                results[index] = findings
        return results

    def _lead(self, key: bytes) -> bytes:
        return b'"' + key + b'": "' if self._telling(key) else b""

    def _tells(self, key: bytes) -> bool:
        """Whether a member name could make a difference to what its value is."""
        if len(key) > 100 or b'"' in key or b"\\" in key:
            return False
        return tier(key) > Tier.NONE or any(
            index < self._views
            and any(self._compiled[i].rule.keywords for i in self._owners[index])
            for index, _ in self._database.scan(key)
        )

    def _whole(self, key: bytes, text: bytes, shift: int) -> list[Candidate]:
        """The text as one value, whatever quotes are in it."""
        if not text or len(text) > context.LONGEST or _SPACE.search(text):
            return []
        level = tier(key)
        rule = context.judge(level, text, True) if level > Tier.NONE else None
        if rule is None:
            return []
        return [_candidate(rule, text, 0, len(text), shift=shift)]

    def _search(self, texts: Sequence[bytes], depth: int) -> dict[int, list[Candidate]]:
        """Candidates in each text, in its own offsets, encodings read through."""
        hits = self._hits(texts)
        found: dict[int, list[Candidate]] = {}
        encoded: list[bytes] = []
        origin: list[tuple[int, views.Piece]] = []
        for index, text in enumerate(texts):
            own = hits.get(index, _NO_HITS)
            candidates = self._confirmed(text, own) if own else []
            if self._supplement is not None and not depth:
                more = [_candidate(rule, text, *place) for rule, *place in self._supplement(text)]
                candidates += self._past_barrier(text, more)
            if candidates:
                found[index] = candidates
            if depth < views.DEPTH:
                marks: tuple[list[int], list[int]] = ([], [])
                for expression, end in own:
                    if self._views <= expression < self._context:
                        marks[expression - self._views].append(end)
                for piece in views.pieces(text, *marks):
                    encoded.append(piece.decoded.text)
                    origin.append((index, piece))
        if encoded:
            for at, inner in self._search(encoded, depth + 1).items():
                index, piece = origin[at]
                lifted = [_lift(candidate, piece, texts[index]) for candidate in inner]
                found.setdefault(index, []).extend(lifted)
        return found

    def _hits(self, texts: Sequence[bytes]) -> dict[int, list[tuple[int, int]]]:
        """What the database says of each text, all read in one pass."""
        if len(texts) == 1:
            found = self._database.scan(texts[0])
            return {0: found} if found else {}
        starts: list[int] = []
        position = 0
        for text in texts:
            starts.append(position)
            position += len(text) + len(_SEPARATOR)
        grouped: dict[int, list[tuple[int, int]]] = {}
        for expression, end in self._database.scan(_SEPARATOR.join(texts)):
            index = bisect_left(starts, end) - 1
            place = end - starts[index]
            if place <= len(texts[index]) + 1:
                grouped.setdefault(index, []).append((expression, place))
        return grouped

    def _confirmed(self, text: bytes, hits: list[tuple[int, int]]) -> list[Candidate]:
        found: list[Candidate] = []
        for item, start, end in self._windows(hits, len(text)):
            found += self._confirm(item, text, start, end)
        places = [end for expression, end in hits if expression >= self._context]
        for rule, low, high in context.search(text, places):
            if self._entropy_rules or rule.specificity > ENTROPY:
                found.append(_candidate(rule, text, low, high))
        return self._past_barrier(text, found) if found else found

    def _past_barrier(self, text: bytes, found: list[Candidate]) -> list[Candidate]:
        walls = [match.span() for match in self._barrier.finditer(text)] if self._barrier else []
        if not walls:
            return found
        kept: list[Candidate] = []
        for candidate in found:
            parts = tuple(
                part
                for part in candidate.parts
                if not any(low < part.end and part.start < high for low, high in walls)
            )
            if parts:
                kept.append(replace(candidate, parts=parts))
        return kept

    def _windows(
        self, hits: list[tuple[int, int]], size: int
    ) -> Iterable[tuple[Compiled, int, int]]:
        windows: dict[int, list[list[int]]] = {}
        for expression, end in hits:
            if expression >= self._views:
                continue
            for index in self._owners[expression]:
                item = self._compiled[index]
                shape = item.shape
                if item.by_keyword:
                    low = end - near.AFTER - min(shape.before, _KEYWORD_REACH)
                    high = end + near.BEFORE + min(shape.after, _KEYWORD_REACH)
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

    def _confirm(self, item: Compiled, text: bytes, start: int, end: int) -> Iterable[Candidate]:
        rule = item.rule
        for match in item.regex.finditer(text, start, end):
            low, high = match.span(rule.secret)
            if low < 0 or low == high:
                continue
            value = text[low:high]
            if rule.entropy and entropy(value) < rule.entropy:
                continue
            if not rule.multiline and (
                values.dummy(value) or values.template(value) or values.buried(text, low, high)
            ):
                continue
            if item.keywords and not self._near(item, text, match.span(), (low, high)):
                continue
            if item.excused(match[0], value):
                continue
            verdict = VALIDATORS[rule.validate](value) if rule.validate else None
            if verdict is False:
                continue
            yield _candidate(rule, text, low, high, certain=bool(verdict))

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

    def _settle(self, found: list[Candidate]) -> list[Finding]:
        """Overlaps resolved: the more specific rule first, then the certain, the longer, the plainer."""
        if self._allow is not None:
            found = [c for c in found if not self._allow(c.rule.id, c.value)]
        found.sort(
            key=lambda c: (
                -c.rule.specificity,
                not c.certain,
                c.start - c.end,
                len(c.view),
                c.start,
            )
        )
        taken: list[Candidate] = []
        for candidate in found:
            if not any(_collide(candidate, other) for other in taken):
                taken.append(candidate)
        taken.sort(key=lambda c: (c.start, c.end))
        return [
            Finding(
                c.rule.id,
                c.rule.description,
                c.start,
                c.end,
                c.value,
                c.view,
                c.rule.confidence,
                c.parts,
            )
            for c in taken
        ]


_NO_HITS: list[tuple[int, int]] = []
_SEPARATOR = b"\n\0\n"
_SPACE = re.compile(rb"\s")


def _candidate(
    rule: Rule, text: bytes, start: int, end: int, certain: bool = False, shift: int = 0
) -> Candidate:
    spans = blocks.lines(text, start, end) if rule.multiline else [(start, end)]
    parts = tuple(Part(low + shift, high + shift, text[low:high]) for low, high in spans)
    start, end, value = start + shift, end + shift, text[start:end]
    return Candidate(rule, start, end, value, parts, (start, end), certain)


def _shift(candidate: Candidate, by: int) -> Candidate:
    parts = tuple(
        replace(
            part,
            start=part.start + by,
            end=part.end + by,
            layers=tuple(
                Layer(kind, low + by, high + by) if not at else Layer(kind, low, high)
                for at, (kind, low, high) in enumerate(part.layers)
            ),
        )
        for part in candidate.parts
    )
    low, high = candidate.block
    return replace(
        candidate,
        start=candidate.start + by,
        end=candidate.end + by,
        block=(low + by, high + by),
        parts=parts,
    )


def _lift(candidate: Candidate, piece: views.Piece, text: bytes) -> Candidate:
    """A candidate in a decoded piece, told in the offsets of the text around it."""
    layer, decoded = piece
    raw = text[layer.start : layer.end] if layer.kind == views.BASE64 else b""

    def out(start: int, end: int) -> tuple[int, int]:
        if layer.kind == views.BASE64:
            low, high = views.base64_span(raw, start, end)
            return layer.start + low, layer.start + high
        return views.span(piece, start, end)

    parts: list[Part] = []
    for part in candidate.parts:
        inner = part.inner if part.layers else (part.start, part.end)
        parts.append(Part(*out(part.start, part.end), part.value, (layer, *part.layers), inner))
    start, end = out(candidate.start, candidate.end)
    block = (layer.start, layer.end) if layer.kind == views.BASE64 else out(*candidate.block)
    return replace(
        candidate,
        start=start,
        end=end,
        parts=tuple(parts),
        block=block,
        view=(layer.kind, *candidate.view),
    )


def _collide(one: Candidate, other: Candidate) -> bool:
    mine, theirs = one.parts[0], other.parts[0]
    if mine.layers and mine.layers == theirs.layers:
        return mine.inner[0] < other.parts[-1].inner[1] and theirs.inner[0] < one.parts[-1].inner[1]
    return one.block[0] < other.block[1] and other.block[0] < one.block[1]
