"""Every rule of every pack finds its own examples, and none of its counterexamples."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from secretgate_rules import Detector, check
from secretgate_rules.check import problems
from secretgate_rules.database import Expression
from secretgate_rules.model import Rule
from secretgate_rules.rulefile import load_file, pack_files, unique

pytestmark = pytest.mark.thorough

PACKS = pack_files()


@cache
def rules(pack: Path) -> list[Rule]:
    return load_file(pack)


@pytest.mark.parametrize("pack", PACKS, ids=[pack.stem for pack in PACKS])
def test_each_rule_finds_its_examples_and_nothing_in_its_counterexamples(pack: Path) -> None:
    together = Detector(rules(pack), keep=False, heuristics=False)
    told = {rule.id: problems(rule, together) for rule in rules(pack)}
    assert {name: wrong for name, wrong in told.items() if wrong} == {}


def test_what_is_wrong_with_a_rule_is_told_alone_and_among_others() -> None:
    shape, key = "odd_[a-z]{20}", "odd_" + "qmtrwxlbvnhcjdkfzspg"
    good = Rule("good", "good", shape, examples=(key, key), counterexamples=("odd",))
    bad = Rule("bad", "bad", shape, examples=("odd",), counterexamples=(key,))
    wrong = [
        "example 1 is not found",
        "counterexample 1 is found",
        "has fewer than two examples",
    ]
    for among in (None, Detector([good, bad], keep=False, heuristics=False)):
        assert problems(good, among) == []
        assert problems(bad, among) == wrong


def test_a_file_is_tried_with_one_detector_and_a_pattern_that_is_refused_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = "  - {{id: {0}, description: d, pattern: '{1}', examples: [{2}, {2}], counterexamples: [n]}}\n"
    key = "qmtrwxlbvnhcjdkfzspg"
    file = tmp_path / "mine.yaml"
    file.write_text(
        "rules:\n"
        + entry.format("one-key", "one_[a-z]{20}", f"one_{key}")
        + entry.format("two-key", "two_[a-z]{20}", f"two_{key}")
        + entry.format("wide-key", "wide_[a-z]{20}", f"wide_{key}")
    )
    built: list[list[str]] = []

    def accepting(expression: Expression) -> int:
        if "wide" in expression.pattern:
            raise ValueError("Hyperscan does not accept the pattern: too large")
        return 0

    def building(given: list[Rule], **options: bool) -> Detector:
        built.append([rule.id for rule in given])
        return Detector(given, **options)

    monkeypatch.setattr(check, "supported", accepting)
    monkeypatch.setattr(check, "Detector", building)
    told = {rule: wrong for _, rule, wrong in check.tried([str(file)])}
    assert built == [["one-key", "two-key"]]
    assert (told["one-key"], told["two-key"]) == ([], [])
    assert told["wide-key"] == ["Hyperscan does not accept the pattern: too large"]


def test_every_rule_says_who_documents_its_format() -> None:
    undocumented = [
        rule.id
        for pack in PACKS
        for rule in rules(pack)
        if not rule.reference.startswith("https://")
    ]
    assert undocumented == []


def test_ids_are_unique() -> None:
    every = [rule for pack in PACKS for rule in rules(pack)]
    assert len(unique(every)) == len(every)
