"""The figures of a run, and the line that shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from secretgate.counters import RECENT, Counters
from secretgate.inbound.leftovers import Leftovers
from secretgate.launch.summary import summary
from secretgate.outbound.requests import Decision, Verdict
from secretgate.outbound.spots import Spot
from secretgate.placeholders import DEFAULT_TEMPLATE, Issued, Template

LOG = Path("/logs/run.log")


def numbers(**changes: Any) -> dict[str, Any]:
    return Counters().numbers() | changes


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "secretgate: no request went to an AI provider"),
        (
            {"unconnected": ["api.openai.com"]},
            (
                "secretgate: no request went to an AI provider: connections to api.openai.com failed. "
                "Log: /logs/run.log"
            ),
        ),
        (
            {"requests": 1, "unconnected": ["api.openai.com"]},
            (
                "secretgate: 1 request, no secrets redacted, 0 refused, connections to api.openai.com "
                "failed. Log: /logs/run.log"
            ),
        ),
        ({"requests": 1}, "secretgate: 1 request, no secrets redacted, 0 refused"),
        (
            {"requests": 12, "redacted": {"jwt": 1, "github-pat": 2}, "restored": 4},
            "secretgate: 12 requests, 3 secrets redacted (github-pat 2, jwt), 4 restored, 0 refused",
        ),
        (
            {"requests": 2, "refused": 1, "not_restored": 1, "unreadable": 1},
            (
                "secretgate: 2 requests, no secrets redacted, 1 not restored, 1 refused, 1 unreadable. "
                "Log: /logs/run.log"
            ),
        ),
    ],
)
def test_the_line(changes: dict[str, Any], line: str) -> None:
    assert summary(numbers(**changes), "redact", LOG) == line


def test_other_modes_count_finds() -> None:
    line = summary(numbers(requests=1, found={"jwt": 1}), "audit", LOG)
    assert line == "secretgate: 1 request, 1 secret found (jwt), 0 refused"


def issued(template: str, *names: str) -> Issued:
    return Issued(Template(template), {name.encode(): b"value" for name in names})


def redacted(issued: Issued, *rules: str) -> Decision:
    spots = tuple(Spot(rule, "messages[0]", "high") for rule in rules)
    return Decision(Verdict.REDACTED, issued, b"", spots=spots)


def test_a_secret_that_history_repeats_counts_once() -> None:
    counters = Counters()
    one, two = "REDACTED<jwt:0123456789ab>", "REDACTED<github-pat:ffffffffffff>"
    counters.request("anthropic", redacted(issued(DEFAULT_TEMPLATE, one), "jwt"))
    counters.request("anthropic", redacted(issued(DEFAULT_TEMPLATE, one, two), "jwt", "github-pat"))
    assert counters.numbers()["redacted"] == {"jwt": 1, "github-pat": 1}
    assert counters.numbers()["found"] == {"jwt": 2, "github-pat": 1}
    assert [(each.rule, each.requests) for each in counters.recent] == [
        ("github-pat", 1),
        ("jwt", 2),
    ]


def test_only_the_last_finds_are_kept() -> None:
    counters = Counters()
    for number in range(RECENT + 5):
        counters.request("anthropic", redacted(issued(DEFAULT_TEMPLATE), f"rule-{number}"))
    assert len(counters.recent) == RECENT
    assert counters.recent[0].rule == f"rule-{RECENT + 4}"


def test_a_template_without_a_rule_counts_secrets() -> None:
    counters = Counters()
    counters.request("p", redacted(issued("HIDDEN_{id}", "HIDDEN_0123456789ab"), "jwt"))
    assert counters.numbers()["redacted"] == {"secret": 1}


def test_answers_add_up() -> None:
    counters = Counters()
    leftovers = Leftovers()
    answer = issued(DEFAULT_TEMPLATE, "REDACTED<jwt:0123456789ab>")
    for _ in range(2):
        answer.restored.add(b"value")
        answer.unknown.add(b"redacted<jwt:000000000000>")
        leftovers.see(b"REDACTED<jwt:000000000000> and Redacted<jwt:111111111111>", answer)
        counters.answer(leftovers.taken(answer), unread=False)
    assert (counters.answers, counters.restored, counters.not_restored) == (2, 2, 4)


def test_an_id_gives_away_a_placeholder_that_is_misspelt() -> None:
    leftovers = Leftovers()
    answer = issued(DEFAULT_TEMPLATE, "REDACTED<jwt:0123456789ab>")
    leftovers.see(b"I used [jwt 0123456789AB] there", answer)
    assert leftovers.taken(answer).not_restored == {b"redacted<jwt:0123456789ab>"}
    assert not leftovers.taken(answer).not_restored
