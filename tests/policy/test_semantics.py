"""The semantics of Keep's rules, statement by statement: what matches, and in which order."""

from __future__ import annotations

import pytest

from policy.kit import AWS, DENY, SCANNER, TOKEN, decide, enforced, policy, refused
from secretgate.policy.loading import load
from secretgate.policy.model import Action, Call

# Rules


def test_names_are_unique_within_a_scope():
    assert "test.yaml:5: rules[1].name: no is the name of the rule at test.yaml:4 too" in refused(
        enforced(DENY + DENY).replace("\n\n", "\n")
    )


@pytest.mark.parametrize(
    ("glob", "operation", "matches"),
    [
        ("create_issue", "create_issue", True),
        ("create_*", "create_issue", True),
        ("llm.tool_*", "llm.tool_use", True),
        ("llm.tool_*", "llm.text", False),
        ("llm?text", "llm.text", True),
        ("*", "anything", True),
        ("a.c", "abc", False),
        ("LLM.text", "llm.text", True),
    ],
)
def test_operations_are_globs(glob, operation, matches):
    text = enforced(f'  - {{name: r, action: deny, match: {{operation: "{glob}"}}}}')
    assert decide(text, operation).denies is matches


def test_operation_and_when_must_both_match():
    text = enforced(
        '  - {name: r, action: deny, match: {operation: llm.text, when: "params.a == 1"}}'
    )
    assert decide(text, "llm.text", a=1).denies
    assert not decide(text, "llm.text", a=2).denies
    assert not decide(text, "llm.tool_use", a=1).denies


def test_no_match_matches_all():
    assert decide(enforced(DENY), "whatever").denies


def test_when_is_at_most_2048_characters():
    long = "params.a == '" + "x" * 2040 + "'"
    assert "match.when" in refused(
        enforced(f'  - {{name: r, action: deny, match: {{when: "{long}"}}}}')
    )


def test_when_must_be_a_bool():
    row = '  - {name: r, action: deny, match: {when: "%s"}}'
    assert "must evaluate to true or false" in refused(enforced(row % "1 + 1"))
    decision = decide(enforced(row % "params.a"), a="text")
    assert decision.denies
    assert decision.evaluated[0].outcome == "error"


def test_redact_needs_its_block_and_others_have_none():
    assert "redact: is missing" in refused(enforced("  - {name: r, action: redact}"))
    block = "redact: {target: params.a, secrets: true}"
    assert "only goes with action: redact" in refused(
        enforced(f"  - {{name: r, action: deny, {block}}}")
    )


def test_redact_needs_secrets_or_patterns():
    assert "needs secrets: true, patterns, or both" in refused(
        enforced("  - {name: r, action: redact, redact: {target: params.a}}")
    )


def test_a_target_starts_with_params():
    assert "redact.target" in refused(
        enforced("  - {name: r, action: redact, redact: {target: context.a, secrets: true}}")
    )


def test_at_most_50_patterns():
    rows = ", ".join(["{match: a, replace: b}"] * 51)
    assert "patterns" in refused(
        enforced(
            f"  - {{name: r, action: redact, redact: {{target: params.a, patterns: [{rows}]}}}}"
        )
    )


@pytest.mark.parametrize("params", [{}, {"a": 3}, {"a": {"b": "x"}}, {"a": None}])
def test_a_target_that_leads_to_no_string_skips_the_rule(params):
    text = enforced(
        "  - {name: r, action: redact, redact: {target: params.a, patterns: [{match: x, replace: y}]}}"
    )
    assert decide(text, **params).action is Action.ALLOW


def test_a_target_may_lie_deep():
    text = enforced(
        "  - {name: r, action: redact, redact: {target: params.a.b.c, patterns: [{match: x, replace: y}]}}"
    )
    decision = decide(text, a={"b": {"c": "axb"}})
    assert decision.params == {"a": {"b": {"c": "ayb"}}}
    assert decision.mutations[0].path == "params.a.b.c"


@pytest.mark.parametrize(
    ("match", "replace", "before", "after"),
    [
        (r"(\d{3})-(\d{2})", "$2-$1", "123-45", "45-123"),
        (r"(?P<who>\w+)@x", "${who}@y", "ann@x", "ann@y"),
        (r"(\w+)", "$1x", "ab", ""),
        (r"(\w+)", "${1}x", "ab", "abx"),
        (r"b+", "$$", "abba", "a$a"),
        (r"(?i)SSN", "[$0]", "ssn", "[ssn]"),
        (r"x", "$9", "axa", "aa"),
    ],
)
def test_replacements_name_groups_as_re2_does(match, replace, before, after):
    text = enforced(
        "  - name: r\n    action: redact\n    redact:\n      target: params.a\n"
        f"      patterns: [{{match: '{match}', replace: '{replace}'}}]"
    )
    assert decide(text, a=before).params["a"] == after


def test_patterns_are_re2():
    bad = r"  - {name: r, action: redact, redact: {target: params.a, patterns: [{match: '(a)\1', replace: b}]}}"
    assert "is not an RE2 pattern" in refused(enforced(bad))


# Order


REDACT = "  - {name: %s, action: redact, redact: {target: params.text, patterns: [{match: '%s', replace: '%s'}]}}\n"


def test_the_first_deny_ends_it():
    text = enforced("  - {name: one, action: deny, message: first}\n  - {name: two, action: deny}")
    decision = decide(text)
    assert (decision.rule, decision.message) == ("one", "first")
    assert [each.rule for each in decision.evaluated] == ["one"]


def test_rules_go_in_the_order_of_the_file():
    text = enforced(
        '  - {name: one, action: deny, match: {when: "params.a == 2"}}\n  - {name: two, action: deny}'
    )
    assert decide(text, a=2).rule == "one"
    assert decide(text, a=1).rule == "two"


def test_redactions_add_up_each_on_the_last_ones_result():
    text = enforced(REDACT % ("one", "a", "b") + REDACT % ("two", "bb", "c"))
    decision = decide(text, text="ab")
    assert decision.action is Action.REDACT
    assert decision.rule == "one"
    assert [(each.path, each.replaced) for each in decision.mutations] == [
        ("params.text", "bb"),
        ("params.text", "c"),
    ]
    assert decision.params == {"text": "c"}


def test_redactions_are_made_on_a_deep_copy():
    params = {"text": {"inner": ["axa"]}}
    text = enforced(
        "  - {name: r, action: redact, redact: {target: params.text.**, patterns: [{match: x, replace: y}]}}"
    )
    decision = policy(text).evaluate(Call("llm.text", params))
    assert decision.params == {"text": {"inner": ["aya"]}}
    assert params == {"text": {"inner": ["axa"]}}


def test_later_rules_see_what_was_redacted():
    text = enforced(
        REDACT % ("one", "bad", "good")
        + "  - {name: two, action: deny, match: {when: \"params.text.contains('bad')\"}}"
    )
    assert decide(text, text="a bad word").action is Action.REDACT


def test_log_rules_are_recorded():
    decision = decide(enforced("  - {name: seen, action: log}\n"))
    assert decision.action is Action.ALLOW
    assert decision.logged == ("seen",)


def test_no_deny_means_allow():
    assert (
        decide(enforced('  - {name: r, action: deny, match: {when: "false"}}')).action
        is Action.ALLOW
    )
    assert decide("scope: test\nmode: enforce\nrules: []").action is Action.ALLOW


def test_deny_wins_over_redact():
    decision = decide(enforced(REDACT % ("one", "a", "b") + DENY), text="a")
    assert (decision.action, decision.rule) == (Action.DENY, "no")


def test_in_audit_only_all_rules_are_evaluated_and_nothing_is_redacted():
    text = (
        "scope: test\nrules:\n"
        + DENY
        + REDACT % ("one", "a", "b")
        + "  - {name: last, action: log}"
    )
    decision = decide(text, text="a")
    assert (decision.action, decision.rule, decision.enforced) == (Action.DENY, "no", False)
    assert decision.logged == ("no", "one", "last")
    assert decision.mutations == ()
    assert decision.params == {"text": "a"}


def test_a_replacement_that_changes_nothing_is_no_mutation():
    decision = decide(enforced(REDACT % ("one", "a", "a")), text="aaa")
    assert decision.action is Action.ALLOW
    assert decision.mutations == ()
    assert decision.edits == {}


def test_secrets_come_before_patterns():
    text = enforced(
        "  - {name: r, action: redact, redact: {target: params.text, secrets: true,"
        " patterns: [{match: 'REDACTED:([a-z-]+)', replace: 'GONE $1'}]}}"
    )
    assert decide(text, text=f"k {AWS} k").params["text"] == "k [GONE aws-access-token] k"


def test_longer_secrets_are_replaced_first():
    short = TOKEN[:20]
    text = enforced("  - {name: r, action: redact, redact: {target: params.text, secrets: true}}")
    given = f"password={short} {TOKEN} {short} {TOKEN}x"
    assert decide(text, text=given).params["text"] == (
        "password=[REDACTED:generic-api-key] [REDACTED:test-token] "
        "[REDACTED:generic-api-key] [REDACTED:test-token]x"
    )


def test_packs_come_before_the_rules_of_the_file(tmp_path):
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "p.yaml").write_text(
        "name: base\nrules:\n  - {name: packed, action: deny}\n"
    )
    (tmp_path / "a.yaml").write_text(enforced(DENY, "packs: [{name: base}]"))
    assert load(tmp_path, SCANNER).evaluate(Call("x")).rule == "packed"
