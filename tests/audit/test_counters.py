"""Statistics: placeholders are counted by the rules in them."""

from __future__ import annotations

import pytest

from addon.kit import KEY
from secretgate.counters import Counters
from secretgate.outbound.requests import Decision, Verdict
from secretgate.placeholders import Issued, Namer, Template


@pytest.mark.parametrize(
    ("template", "rules"),
    [
        ("REDACTED<{rule}:{id}>", {"github-pat": 30, "a0123456789ab": 20}),
        ("HIDDEN-{id}", {"secret": 50}),
        ("HIDDEN-{id}-{rule}", {"github-pat": 30, "a0123456789ab": 20}),
    ],
)
def test_secrets_by_rule_whatever_the_template(template: str, rules: dict[str, int]) -> None:
    namer = Namer(Template(template), KEY)
    values = [b"value %d" % number for number in range(50)]
    named = {
        namer.name("github-pat" if at < 30 else "a0123456789ab", value): value
        for at, value in enumerate(values)
    }
    counters = Counters()
    decision = Decision(Verdict.REDACTED, Issued(namer.template, named))
    for _ in range(2):
        counters.request("provider", decision)
    assert counters.redacted == rules
