"""Every rule of every pack finds its own examples and leaves its counterexamples alone."""

from __future__ import annotations

import pytest

from secretgate_rules import Detector
from secretgate_rules.check import problems
from secretgate_rules.model import Rule
from secretgate_rules.rulefile import load_file, pack_files, unique

RULES = [rule for path in pack_files() for rule in load_file(path)]


@pytest.fixture(scope="module")
def together() -> Detector:
    return Detector(RULES, heuristics=False)


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_rule_on_its_own_examples(rule: Rule, together: Detector) -> None:
    assert problems(rule, together) == []


def test_every_rule_says_who_documents_its_format() -> None:
    assert [rule.id for rule in RULES if not rule.reference.startswith("https://")] == []


def test_ids_are_unique() -> None:
    assert len(unique(RULES)) == len(RULES)
