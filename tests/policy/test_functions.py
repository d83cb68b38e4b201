"""The functions available to rules, and the values available to expressions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from policy.kit import AWS, TOKEN, Clock, decide, enforced, policy, when
from secretgate.policy.errors import PolicyError
from secretgate.policy.model import Call
from secretgate.policy.rates import Rates, seconds


@pytest.mark.parametrize(
    "expression",
    [
        "params.missing == 'x'",
        "params.missing.deeper == 'x'",
        "!(params.missing == 'x')",
        "context.missing == 'x'",
        "params['missing'] == 'x'",
        "lower(params.missing) == 'x'",
        "params.missing.exists(each, each == 'x')",
    ],
)
def test_a_missing_field_is_false(expression):
    assert not when(expression, a="b")


def test_what_is_known_without_the_missing_field_counts():
    assert when("params.missing == 'x' || params.a == 'b'", a="b")


@pytest.mark.parametrize(
    "expression",
    [
        "params.n > 2 && params.n + 1 == 4 && params.n * 2 % 4 == 2",
        "params.l.exists(x, x == 'a') && params.l.all(x, x != 'c') && size(params.l) == 2",
        "params.l.filter(x, x == 'a').size() == 1 && params.l.map(x, x + '1') == ['a1', 'b1']",
        "'a' in params.l && !('c' in params.l) && params.l.exists_one(x, x == 'a')",
        "params.s.contains('lo') && params.s.startsWith('he') && params.s.endsWith('lo')",
        "params.s.matches('^h.l+o$') && params.s.size() == 5",
        "has(params.s) && !has(params.missing)",
        "params.n == 3 ? true : false",
        "now > timestamp('2026-01-01T00:00:00Z')",
        "context.labels.team == 'x'",
        "params.nothing == null",
    ],
)
def test_standard_cel(expression):
    context = {"labels": {"team": "x"}}
    assert when(expression, context=context, n=3, l=["a", "b"], s="hello", nothing=None)


def test_has_secrets_sees_the_text_as_it_was():
    assert when("hasSecrets(params.text)", text=f"key {AWS}")
    assert not when("hasSecrets(params.text)", text="nothing here")


def test_has_secrets_looks_into_objects():
    assert when("hasSecrets(params.input)", input={"env": ["A=1", f"B={AWS}"]})


def test_secret_types_are_rule_ids():
    assert when(
        "secretTypes(params.text) == ['aws-access-token', 'test-token']", text=TOKEN + " " + AWS
    )
    assert when("secretTypes(params.text) == []", text="x")


def test_contains_any_ignores_case():
    head = "case_sensitive: true"
    assert when("containsAny(params.a, ['RM -RF', 'x'])", head, a="Rm -rf /")
    assert not when("containsAny(params.a, ['x'])", head, a="abc")
    assert not when("containsAny(params.a, [])", head, a="abc")


def test_estimate_tokens_is_a_quarter_of_the_characters():
    assert when("estimateTokens(params.a) == 2", a="x" * 11)


def test_lower_and_upper():
    head = "case_sensitive: true"
    assert when("lower(params.a) == 'abc' && upper(params.a) == 'ABC'", head, a="aBc")


@pytest.mark.parametrize(
    ("address", "matches"),
    [
        ("ann@example.com", True),
        ("ann@Eng.Example.COM", True),
        ("ann@notexample.com", False),
        ("ann@example.com.evil.org", False),
        ("example.com", False),
        ("a@b@example.com", True),
    ],
)
def test_matches_domain(address, matches):
    assert when("matchesDomain(params.a, ['example.com', 'x.org'])", a=address) is matches


@pytest.mark.parametrize(
    ("start", "end", "zone", "inside"),
    [
        ("09:00", "17:00", "UTC", True),
        ("12:00", "12:01", "UTC", True),
        ("11:00", "12:00", "UTC", False),
        ("17:00", "09:00", "UTC", False),
        ("12:00", "12:00", "UTC", False),
        ("07:00", "07:01", "America/New_York", True),
    ],
)
def test_in_time_window_is_half_open(start, end, zone, inside):
    assert when(f'inTimeWindow(now, "{start}", "{end}", "{zone}")') is inside


def test_day_of_week():
    assert when("dayOfWeek(now) == 'wednesday'")
    late = {"timestamp": "2026-03-04T23:30:00Z"}
    assert when("dayOfWeek(now, 'Asia/Tokyo') == 'thursday'", context=late)


def test_now_is_the_timestamp_of_the_call():
    for moment in ("2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)):
        assert when("now >= timestamp('2030-01-01T00:00:00Z')", context={"timestamp": moment})
    assert not when("now >= timestamp('2030-01-01T00:00:00Z')")


@pytest.mark.parametrize(
    "expression",
    [
        "inTimeWindow(now, lower('9:00'), '17:00', 'UTC')",
        "inTimeWindow(now, '09:00', lower('25:00'), 'UTC')",
        "dayOfWeek(now, lower('Nowhere/Land')) == 'monday'",
        "rateCount('a', '0s') > 1",
        "rateCount('a', '25h') > 1",
        "rateCount('a', 'soon') > 1",
        "containsAny(params.n, ['a'])",
        "containsAny(params.a, 'a')",
        "lower(1, 2) == 'x'",
        "params.a.matches('(')",
        "1 / params.zero == 1",
    ],
)
def test_misuse_is_an_error_that_quotes_nothing(expression, caplog):
    text = enforced(f'  - {{name: r, action: deny, match: {{when: "{expression}"}}}}')
    decision = decide(text, a=f"a {AWS}", n=3, zero=0)
    assert decision.evaluated[0].outcome == "error"
    assert AWS.lower() not in (decision.message + caplog.text + repr(decision)).lower()


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("inTimeWindow(now, '9:00', '17:00', 'UTC')", "times as HH:MM"),
        ("inTimeWindow(now, '09:00', '25:00', 'UTC')", "times as HH:MM"),
        ("!inTimeWindow(now, '09:00', '17:00', 'Europe/Berlni')", "no such time zone"),
        ("params.a == 'x' && dayOfWeek(now, 'Nowhere/Land') == 'monday'", "no such time zone"),
        ("dayOfWeek(now, zone) == 'monday'", "no such time zone"),
    ],
)
def test_times_and_zones_that_cannot_be_are_told_with_the_file(expression, wrong):
    text = enforced(
        f'  - {{name: r, action: deny, match: {{when: "{expression}"}}}}',
        "defs: {zone: \"'Mars'\"}",
    )
    with pytest.raises(PolicyError, match=rf"rules\[0\].match.when: .*{wrong}"):
        decide(text, a="x")


def test_a_zone_in_a_def_is_read():
    text = enforced(
        "  - {name: r, action: deny, match: {when: \"dayOfWeek(now, zone) == 'wednesday'\"}}",
        "defs: {zone: \"'Europe/Berlin'\"}",
    )
    assert decide(text, a="x").evaluated[0].outcome == "matched"


def test_rate_count_counts_within_a_window():
    clock = Clock()
    text = enforced(
        "  - {name: r, action: deny, match: {when: \"rateCount(params.who, '1m') > 2\"}}"
    )
    limited = policy(text, rates=Rates(clock))

    def denied(who: str) -> bool:
        return limited.evaluate(Call("x", {"who": who})).denies

    assert [denied("a"), denied("a"), denied("b"), denied("a")] == [False, False, False, True]
    clock.now += 61
    assert not denied("a")


def test_rate_count_counts_in_audit_only_too():
    rates = Rates(Clock())
    row = "  - {name: r, action: log, match: {when: \"rateCount('k', '1m') > 0\"}}"
    watching = policy(f"scope: a\nrules:\n{row}", rates=rates)
    watching.evaluate(Call("x"))
    assert rates.count("k", "1m") == 2


def test_rates_are_of_one_process_and_bounded():
    assert Rates(Clock()).count("k", "1m") == 1
    rates = Rates(Clock())
    for number in range(10_050):
        rates.count(f"k{number}", "1h")
    assert rates.count("k0", "1h") == 1
    assert rates.count("k10049", "1h") == 2


@pytest.mark.parametrize(
    ("window", "length"), [("1s", 1), ("5m", 300), ("24h", 86400), ("1h30m", 5400)]
)
def test_a_window_is_so_many_seconds(window, length):
    assert seconds(window) == length


def test_a_lone_surrogate_is_no_error():
    assert when("params.a.startsWith('x')", a="x\ud800")
