"""The detector: a database pass finds where rules may match, and `re` finds the exact spans.

What the database searches for depends on the rule:

* For a rule with a distinctive pattern (`ghp_` ...), it is that pattern; the rule's keywords, if
  any, are then searched for around each match.
* For a rule whose pattern is a mere shape (40 hex digits), it is the keywords; the pattern is then
  searched for around each keyword. So a lock file full of hashes costs nothing.

In both cases the database yields `(expression, offset)`. Offsets close together become one window,
and each window is searched once, so the time is linear in the length of any text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from . import (
    buried,
    cache,
    columns,
    context,
    disguises,
    frames,
    judging,
    standins,
    surroundings,
    values,
    views,
)
from .boundaries import end_of_value
from .candidates import Candidate, Claims, lifted, of_match, shifted
from .database import EVERY, TooMany
from .decoded import Piece
from .memo import remembered
from .model import CONFIDENCES, ENTROPY, Finding, Rule
from .names import Tier, tier
from .randomness import entropy
from .reader import Hit, Reader, Sight
from .supplement import Supplement
from .table import ANCHOR, Compiled, Table, tabulate
from .validators import CHOSEN, OWN_PLACEHOLDERS, PROOFS, VALIDATORS

_MARGIN = 64
_BEHIND = 8
"""How many bytes after a keyword its match may end: the expression also tests what follows."""
_KEYWORD_REACH = 512
"""Maximum length, in bytes, of a match that is searched for around a keyword."""
_SPACE = re.compile(rb"\s")
_HASH = re.compile(rb"\bsha(?:1|256|384|512)[-=:][a-z0-9+/_-]{0,80}\Z")
"""A prefix that marks the value after it as (part of) a hash, whatever its shape."""


class Detector:
    """Finds secrets in text; built once, and thread-safe."""

    def __init__(
        self,
        rules: Iterable[Rule] | Table,
        barrier: re.Pattern[bytes] | None = None,
        *,
        keep: bool = True,
        heuristics: bool = True,
        allow: Callable[[str, bytes], bool] | None = None,
        allow_path: Callable[[str], bool] | None = None,
        entropy_rules: bool = True,
        supplement: Supplement | None = None,
        salt: str = "",
    ) -> None:
        table = rules if isinstance(rules, Table) else tabulate(rules)
        self._compiled = table.compiled
        self._owners = table.owners
        self._reader = Reader(table.expressions, table.near, keep)
        self._heuristics = heuristics
        self._barrier = barrier
        self._allow = allow
        self._allow_path = allow_path
        self._entropy_rules = entropy_rules
        self._supplement = supplement
        self._telling = remembered(4096)(self._tells)
        fence = barrier.pattern if barrier else b""
        seal = repr((cache.code_digest(), table.digest, heuristics, salt, fence))
        self.digest = hashlib.sha256(seal.encode()).hexdigest()

    def leaves_out(self, path: str) -> bool:
        """Return whether an allowlist excludes this file; only for scans of files, not traffic."""
        return self._allow_path is not None and self._allow_path(path)

    def find(self, text: bytes, key: bytes = b"") -> list[Finding]:
        """Return the secrets in a text, sorted by position and non-overlapping.

        `key` is the JSON member name whose value the text is; it counts as context.
        """
        return self.find_many([text], [key] if key else None).get(0, [])

    def find_many(
        self,
        texts: Sequence[bytes],
        keys: Sequence[bytes] | None = None,
        *,
        halves: bool = True,
        most: int = EVERY,
    ) -> dict[int, list[Finding]]:
        """Return the findings of each text by its index; texts without findings are left out.

        With `halves`, many texts are scanned on two cores: sooner done, but a sixth more work.
        Raises `TooMany` if more than `most` places have to be examined, which takes long.
        """
        leads = self._leads(keys) if keys else {}
        candidates = self._search(_framed(texts, leads) if leads else texts, 0, halves, most)
        if leads and keys:
            for index, lead in leads.items():
                whole = self._whole(keys[index], texts[index], len(lead))
                candidates[index] = [
                    one
                    for one in (shifted(c, -len(lead)) for c in candidates.get(index, []) + whole)
                    if one.start >= 0 and one.end <= len(texts[index])
                ]
        results: dict[int, list[Finding]] = {}
        for index in sorted(candidates):
            own = candidates.pop(index)
            findings = self._settle(own)
            while own:
                # Freed at once, thousands would hold up all threads.
                own.pop()
            if findings:
                results[index] = findings
        return results

    def crowded(self, text: bytes, most: int) -> bool:
        """Return whether more than `most` places of a text have to be examined; one scan tells."""
        try:
            self._reader([text], most=most)
        except TooMany:
            return True
        return False

    def matching(self, texts: Sequence[bytes]) -> dict[int, set[str]]:
        """Return the ids of the rules that match in each text, by index, including overlaps."""
        return {
            index: {candidate.rule.id for candidate in candidates}
            for index, candidates in self._search(texts, 0).items()
        }

    def _leads(self, keys: Sequence[bytes]) -> dict[int, bytes]:
        """Return what to prepend to the texts whose member name is relevant, by index."""
        telling = {key: b'"%b": "' % key for key in {*keys} if key and self._telling(key)}
        if not telling:
            return {}
        return {index: telling[key] for index, key in enumerate(keys) if key in telling}

    def _tells(self, key: bytes) -> bool:
        """Return whether a member name can affect which findings its value has."""
        if len(key) > 100 or b'"' in key or b"\\" in key:
            return False
        return tier(key) > Tier.NONE or any(
            self._compiled[index].rule.keywords
            for number in self._reader.matching(key)
            for index in self._owners[number]
        )

    def _whole(self, key: bytes, text: bytes, shift: int) -> list[Candidate]:
        """Return the candidate for the text as a single value, even if it contains quotes."""
        if not text or len(text) > context.LONGEST or _SPACE.search(text):
            return []
        level = tier(key)
        rule = judging.judge(level, text, True) if level > Tier.NONE else None
        if rule is None:
            return []
        return [of_match(rule, text, 0, len(text), shift=shift)]

    def _search(
        self,
        texts: Sequence[bytes],
        depth: int,
        halves: bool = False,
        most: int = EVERY,
    ) -> dict[int, list[Candidate]]:
        """Return the candidates in each text, by index, also those inside encodings.

        Their offsets are in the text itself.
        """
        found: dict[int, list[Candidate]] = {}
        pieces: list[tuple[int, Piece]] = []
        for index, sight in self._reader(texts, halves, most).items():
            text = texts[index]
            candidates = self._confirmed(text, sight)
            if candidates:
                found[index] = candidates
            if depth < views.DEPTH:
                more = views.pieces(text, sight.windows, sight.base64, sight.hex)
                pieces += [(index, piece) for piece in more]
            if depth <= views.DEPTH:
                for kind, places in sight.disguised.items():
                    pieces += [(index, piece) for piece in disguises.pieces(text, kind, places)]
                pieces += [(index, piece) for piece in frames.pieces(text, sight.framed)]
        if self._supplement is not None and not depth:
            self._supplemented(self._supplement, texts, found)
        if pieces:
            inner = self._search(
                [piece.decoded.text for _, piece in pieces], depth + 1, halves, most
            )
            for at, candidates in inner.items():
                index, piece = pieces[at]
                if piece.layer.kind in disguises.KINDS:
                    candidates = [
                        c for c in candidates if disguises.concerns(piece, c.start, c.end)
                    ]
                outside = [lifted(one, piece, texts[index]) for one in candidates]
                found.setdefault(index, []).extend(outside)
        return found

    def _supplemented(
        self, supplement: Supplement, texts: Sequence[bytes], found: dict[int, list[Candidate]]
    ) -> None:
        for index, text in enumerate(texts):
            more = [of_match(rule, text, low, high) for rule, low, high in supplement(text)]
            if more := self._past_barrier(text, more):
                found.setdefault(index, []).extend(more)

    def _confirmed(self, text: bytes, sight: Sight) -> list[Candidate]:
        found: list[Candidate] = []
        for item, start, end in self._windows(sight.rules, len(text)):
            found += self._confirm(item, text, start, end)
        for rule, low, high in context.search(text, sight.context if self._heuristics else []):
            if self._entropy_rules or rule.specificity > ENTROPY:
                found.append(of_match(rule, text, low, high))
        for low, high in columns.search(text, sight.columns if self._heuristics else []):
            found.append(of_match(columns.RULE, text, low, high))
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

    def _windows(self, hits: list[Hit], size: int) -> Iterable[tuple[Compiled, int, int]]:
        windows: dict[int, list[list[int]]] = {}
        for expression, end in hits:
            for index in self._owners[expression]:
                item = self._compiled[index]
                shape = item.shape
                if item.by_keyword:
                    low = end - surroundings.AFTER - min(shape.before, _KEYWORD_REACH) - _BEHIND
                    high = end + surroundings.BEFORE + min(shape.after, _KEYWORD_REACH)
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
        if item.keywords and not item.by_keyword and not _mentioned(item, text, start, end):
            return
        for match in item.regex.finditer(text, start, end):
            low, high = match.span(rule.secret)
            if low < 0 or low == high:
                continue
            high = end_of_value(text, low, high, rule.validate in CHOSEN)
            value = text[low:high]
            if rule.entropy and entropy(value) < rule.entropy:
                continue
            before = text[max(0, low - 100) : low].lower()
            if b"sha" in before and _HASH.search(before):
                continue
            if not (rule.multiline or rule.validate in OWN_PLACEHOLDERS) and (
                standins.dummy(value)
                or standins.template(value)
                or values.hashed(value)
                or surroundings.among_checksums(text, low, high)
                or buried.buried(text, low, high)
                or (item.by_keyword and values.identifier(value))
            ):
                continue
            if item.keywords and not self._near(item, text, match.span(), (low, high)):
                continue
            if item.excused(match[0], value):
                continue
            verdict = VALIDATORS[rule.validate](value) if rule.validate else None
            if verdict is False:
                continue
            yield of_match(rule, text, low, high, certain=rule.validate in PROOFS)

    def _near(
        self, item: Compiled, text: bytes, whole: tuple[int, int], secret: tuple[int, int]
    ) -> bool:
        if surroundings.mentioned(text[slice(*whole)], item.keywords):
            return True
        if item.rule.keywords_anywhere:
            everything = text.lower()
            return any(word in everything for word in item.keywords)
        judge = surroundings.linked if item.shape.anchor < ANCHOR else surroundings.present
        return judge(text, *secret, item.keywords)

    def _settle(self, found: list[Candidate]) -> list[Finding]:
        """Resolve overlaps and return the findings, sorted by position.

        The more specific rule wins, then a certain match, then the longer one, then one that needs
        no keywords, then the one of higher confidence, then the one inside fewer encodings. So a
        token behind `Bearer` is called after its issuer.
        """
        if self._allow is not None:
            found = [c for c in found if not self._allow(c.rule.id, c.value)]
        found.sort(
            key=lambda c: (
                -c.rule.specificity,
                not c.certain,
                c.start - c.end,
                c.hangs_on_context,
                CONFIDENCES.index(c.rule.confidence),
                len(c.view),
                c.start,
                c.rule.id,
            )
        )
        claims = Claims()
        taken = [candidate for candidate in found if claims.take(candidate)]
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


def _mentioned(item: Compiled, text: bytes, start: int, end: int) -> bool:
    """Return whether a keyword may be near enough to a match; told without compiling the pattern."""
    if item.rule.keywords_anywhere:
        return True
    around = text[max(0, start - surroundings.BEFORE) : end + surroundings.AFTER].lower()
    return any(word in around for word in item.keywords)


def _framed(texts: Sequence[bytes], leads: Mapping[int, bytes]) -> list[bytes]:
    framed = list(texts)
    for index, lead in leads.items():
        framed[index] = lead + texts[index] + b'"'
    return framed
