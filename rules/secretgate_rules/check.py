"""`python -m secretgate_rules.check FILE...`: try the rules of a pack on their own examples.

For whoever writes rules: says per rule whether Hyperscan takes it as it is, whether every example
is found by this rule and whether every counterexample stays quiet.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from .database import supported
from .engine import Detector
from .model import Rule, RuleError
from .rulefile import load_file
from .table import prepare, wanted

MISSING = "no examples"


def problems(rule: Rule, among: Detector | None = None) -> list[str]:
    """What is wrong with a rule, in words; empty where nothing is. `among` is a detector that holds it beside others,
    and so has Hyperscan's word that it takes it; without, one is made for the rule alone."""
    if among is None:
        try:
            for expression in wanted(prepare(rule)):
                supported(expression)
        except ValueError as error:
            return [str(error)]
        among = Detector([rule], keep=False, heuristics=False)
    texts = [text.encode() for text in (*rule.examples, *rule.counterexamples)]
    matching = among.matching(texts)
    many = len(rule.examples)
    found: list[str] = []
    for index in range(len(texts)):
        matches = rule.id in matching.get(index, ())
        if index < many and not matches:
            found.append(f"example {index + 1} is not found")
        if index >= many and matches:
            found.append(f"counterexample {index - many + 1} is found")
    if len(rule.examples) < 2:
        found.append("has fewer than two examples")
    if not rule.counterexamples:
        found.append("has no counterexample")
    return found


def tried(files: Iterable[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Each file, each of its rules, and what is wrong with that; a file that cannot be used has a rule without a name."""
    for name in files:
        try:
            rules = load_file(Path(name))
        except RuleError as error:
            yield name, "", [str(error)]
            continue
        for rule in rules:
            yield name, rule.id, problems(rule)


def main(arguments: list[str]) -> int:
    """Check each file; 1 if anything is wrong."""
    bad = False
    for name, results in groupby(tried(arguments), key=itemgetter(0)):
        many = 0
        for _, rule, wrong in results:
            bad |= bool(wrong)
            if not rule:
                print(*wrong)
                continue
            many += 1
            print("\n       ".join([f"{'FAIL' if wrong else 'ok  '} {rule}", *wrong]))
        print(f"{name}: {many} rules")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
