"""Complete answers are judged like streamed ones."""

from __future__ import annotations

import json

import pytest

from policy.answer_cases import DENY, REDACT, judge
from policy.kit import enforced
from policy.whole_answers import EXPECTED, WHOLE
from secretgate.providers import DIALECTS


@pytest.mark.parametrize("name", WHOLE)
def test_whole_answers_are_judged_the_same_way(name: str) -> None:
    dialect, answer, look = WHOLE[name]
    policy = DENY + "\n" + REDACT.partition("rules:\n")[2]
    out = judge(policy, DIALECTS[dialect]).document(json.dumps(answer).encode())
    assert look(json.loads(out)) == EXPECTED[name]


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer_that_no_rule_changes_stays(name: str) -> None:
    dialect, answer, _ = WHOLE[name]
    raw = json.dumps(answer, indent=2).encode()
    nothing = enforced('  - {name: r, action: deny, match: {when: "false"}}')
    assert judge(nothing, DIALECTS[dialect]).document(raw) == raw
