"""`python -m secretgate_rules.check FILE...`: tests the rules of a pack with their own examples.

For authors of rules: reports for each rule whether Hyperscan accepts it, whether the rule finds
every example, and whether it finds no counterexample.
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
    """Return descriptions of what is wrong with a rule; empty if nothing is.

    `among` is a detector that already contains the rule, so Hyperscan is known to accept it.
    Without it, a detector is built for this rule alone, which takes a fifth of a second.
    """
    if among is None:
        if reason := _refused(rule):
            return [reason]
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


def _refused(rule: Rule) -> str:
    """Return why Hyperscan does not accept the rule's pattern; empty if it does."""
    try:
        for expression in wanted(prepare(rule)):
            supported(expression)
    except ValueError as error:
        return str(error)
    return ""


def tried(files: Iterable[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (file, rule id, problems) for each rule; the id is empty if the file is unusable."""
    for name in files:
        if Path(name).suffix == ".toml":
            yield name, "", [f"{name}: a gitleaks.toml has no examples; this wants a YAML file"]
            continue
        try:
            rules = load_file(Path(name))
        except RuleError as error:
            yield name, "", [str(error)]
            continue
        refused = {rule.id: reason for rule in rules if (reason := _refused(rule))}
        usable = [rule for rule in rules if rule.id not in refused]
        together = Detector(usable, keep=False, heuristics=False)
        for rule in rules:
            alone = rule.id in refused
            yield name, rule.id, [refused[rule.id]] if alone else problems(rule, together)


def main(arguments: list[str]) -> int:
    """Check and print each file; return 1 if there is any problem, else 0."""
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
        if many:
            print(f"{name}: {many} rule{'s' * (many != 1)}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
