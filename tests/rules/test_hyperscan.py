"""The databases find what `re` finds: an edition of Hyperscan's successor misses some of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from random import Random

import pytest

from harness.drawn import Drawing, context
from secretgate_rules import Detector, database, disguises, load_default, reader
from secretgate_rules.database import CASELESS, Database, Expression
from secretgate_rules.load import packs

THOROUGH = 100
LONG = 150
"""How long a pattern is of which more texts are drawn, as it has many alternatives."""


def _databases(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Database, Sequence[Expression]]]:
    made: list[tuple[Database, Sequence[Expression]]] = []

    def database(expressions: Sequence[Expression], keep: bool) -> Database:
        made.append((Database(expressions, keep), expressions))
        return made[-1][0]

    monkeypatch.setattr(reader, "Database", database)
    table = packs()
    reader.Reader(table.expressions, table.near)
    return [*made, (disguises.database(), disguises._UNICODE)]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there is no better edition for it")
def test_everything_is_found_that_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    random, missed, tried = Random(7), set[str](), 0
    for searching, expressions in _databases(monkeypatch):
        for number, expression in enumerate(expressions):
            pattern = expression.pattern.encode()
            flags = re.MULTILINE | (re.IGNORECASE if expression.flags & CASELESS else 0)
            searched, drawing = re.compile(pattern, flags), Drawing(pattern, flags, random)
            for _ in range(THOROUGH if len(pattern) > LONG else 2):
                before, after = context(random)
                text = before + drawing() + after
                if searched.search(text):
                    tried += 1
                    if number not in {index for index, _ in searching.scan(text)}:
                        missed.add(expression.pattern)
    assert not missed
    assert tried > 10_000


@pytest.mark.parametrize("name", ["X-Key", "X-Token", "X-Auth", "X-Session"])
def test_a_header_with_a_short_name_is_found_behind_other_text(
    detector: Detector, name: str
) -> None:
    value = "NgmDhb" + "oJN7abcQ4tRz8"
    text = f"Call it with the header that I have given you before, {name}: {value}"
    assert [finding.value.decode() for finding in detector.find(text.encode())] == [value]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there is no better edition for it")
def test_the_installed_edition_misses_nothing() -> None:
    told: list[str] = []
    load_default(notice=told.append)
    assert told == []
    assert not database.misses()


def test_an_edition_that_misses_matches_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "misses", lambda: True)
    told: list[str] = []
    load_default(notice=told.append)
    assert ["Vectorscan 5.4.12" in each for each in told] == [True]
