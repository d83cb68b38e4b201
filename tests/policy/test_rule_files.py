"""The content of Keep rule files: scopes, defs, packs, profiles, and errors with their position."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.kit import DENY, SCANNER, decide, enforced, refused, scope, when
from secretgate.policy.documents import parse
from secretgate.policy.errors import PolicyError
from secretgate.policy.loading import load, scope_of
from secretgate.policy.model import Action, Call

FAILS = '  - {name: fails, action: deny, match: {when: "params.text > 3"}}\n'


# Files


def test_a_folder_is_indexed_by_scope(tmp_path):
    (tmp_path / "a.yaml").write_text(enforced(DENY).replace("scope: test", "scope: one"))
    (tmp_path / "b.yml").write_text(enforced(DENY).replace("scope: test", "scope: two"))
    (tmp_path / "notes.txt").write_text("not a rule file")
    loaded = load(tmp_path, SCANNER)
    assert [each.name for each in loaded.scopes] == ["one", "two"]


def test_two_files_of_one_scope_are_refused(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(enforced(DENY))
    with pytest.raises(PolicyError, match=r"b\.yaml:1: scope: test is the scope of .*a\.yaml too"):
        load(tmp_path, SCANNER)


@pytest.mark.parametrize("name", ["A", "9a", "a_b", "a" * 65, "''"])
def test_the_name_of_a_scope_is_checked(name):
    assert "scope" in refused(f"scope: {name}\nrules: []")


def test_the_longest_name_is_64_characters():
    assert scope(f"scope: {'a' * 64}\nrules: []").name == "a" * 64


def test_audit_only_is_the_default():
    decision = decide("scope: test\nrules:\n" + DENY)
    assert decision.action is Action.DENY
    assert not decision.enforced
    assert not decision.denies


def test_enforce_denies():
    assert decide(enforced(DENY)).denies


def test_an_error_denies_by_default():
    decision = decide(enforced(FAILS), text="a")
    assert decision.denies
    assert decision.rule == "fails"
    assert decision.evaluated[0].outcome == "error"


def test_on_error_open_skips_the_rule():
    decision = decide(enforced(FAILS + DENY, "on_error: open"), text="a")
    assert decision.rule == "no"
    assert [each.outcome for each in decision.evaluated] == ["error", "matched"]


def test_in_audit_only_an_error_is_no_match():
    decision = decide("scope: test\nrules:\n" + FAILS, text="a")
    assert decision.action is Action.ALLOW
    assert decision.evaluated[0].outcome == "error"


def test_defs_stand_for_expressions():
    head = "defs:\n  teams: \"['eng', 'infra']\"\n  most: '2'\n  least: 1"
    assert when(
        "params.team in teams && params.n <= most && params.n >= least", head, team="eng", n=2
    )


def test_defs_leave_fields_and_strings_alone():
    head = "defs: {team: \"'x'\"}"
    assert when("params.team == 'team' && team == 'x'", head, team="team")


@pytest.mark.parametrize("name", ["params", "now", "size", "lower", "string", "true"])
def test_defs_do_not_shadow(name):
    assert "a reserved name" in refused(f"scope: a\ndefs: {{{name}: '1'}}\nrules: []")


def test_the_names_and_the_length_of_defs_are_checked():
    assert "defs" in refused("scope: a\ndefs: {A: '1'}\nrules: []")
    assert "defs" in refused(f"scope: a\ndefs: {{a: '{'1' * 2049}'}}\nrules: []")
    assert "defs" in refused("scope: a\ndefs: {a: ''}\nrules: []")


def test_strings_are_lower_case_for_cel_by_default():
    assert when(
        "params.name == 'bash' && context.user_id == 'ann'", name="BASH", context={"user_id": "Ann"}
    )


def test_case_sensitive_leaves_them():
    assert when("params.name == 'Bash'", "case_sensitive: true", name="Bash")
    assert not when("params.name == 'bash'", "case_sensitive: true", name="Bash")


@pytest.mark.thorough
def test_at_most_500_rules():
    many = "".join(f"  - {{name: r{at}, action: log}}\n" for at in range(501))
    assert "more than 500 rules" in refused(enforced(many))
    assert len(scope(enforced(many.rpartition("  - ")[0])).rules) == 500


# Packs and profiles


@pytest.fixture
def packed(tmp_path):
    (tmp_path / "packs").mkdir()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "linear.yaml").write_text(
        "name: linear\naliases: {team: params.teamId}\n"
    )
    (tmp_path / "packs" / "p.yaml").write_text(
        "name: base\nprofile: linear\nrules:\n"
        "  - {name: one, action: deny, message: old, match: {operation: a, when: \"team == 'x'\"}}\n"
    )

    def loaded(overrides: str = "{}", rules: str = "", head: str = ""):
        (tmp_path / "a.yaml").write_text(
            enforced(rules or " []", f"{head}\npacks: [{{name: base, overrides: {overrides}}}]")
        )
        return load(tmp_path, SCANNER)

    return loaded


def test_profiles_name_fields(packed):
    assert packed().evaluate(Call("a", {"teamId": "x"})).denies
    assert (
        packed(
            head="profile: linear",
            rules="  - {name: two, action: deny, match: {when: \"team == 'y'\"}}",
        )
        .evaluate(Call("b", {"teamId": "y"}))
        .rule
        == "two"
    )


def test_a_pack_rule_can_be_disabled(packed):
    assert not packed("{one: disabled}").evaluate(Call("a", {"teamId": "x"})).denies


def test_when_message_and_action_of_a_pack_rule_can_be_overridden(packed):
    loaded = packed('{one: {when: "params.n == 1", message: new}}')
    assert loaded.evaluate(Call("a", {"n": 1})).message == "new"
    assert not loaded.evaluate(Call("b", {"n": 1})).denies
    assert packed("{one: {action: log}}").evaluate(Call("a", {"teamId": "x"})).logged == ("one",)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("{one: {name: two}}", "overrides.one.name: there is no such key"),
        ("{one: {operation: b}}", "overrides.one.operation: there is no such key"),
        ("{one: off}", "`disabled`, or a map"),
        ("{other: disabled}", "the pack base has no such rule"),
    ],
)
def test_nothing_else_can_be_overridden(packed, override, said):
    with pytest.raises(PolicyError, match=said.replace("[", r"\[")):
        packed(override)


@pytest.mark.parametrize("there", [True, False], ids=["inside", "next to it"])
def test_packs_are_found_from_the_folder_one_stands_in(tmp_path, monkeypatch, there):
    folder = tmp_path / "rules"
    packs = (folder if there else tmp_path) / "packs"
    packs.mkdir(parents=True)
    folder.mkdir(exist_ok=True)
    (packs / "p.yaml").write_text("name: base\nrules:\n  - {name: one, action: deny}\n")
    (folder / "r.yaml").write_text(enforced(" []", "packs: [{name: base}]"))
    monkeypatch.chdir(folder)
    loaded = load(Path("r.yaml"), SCANNER)
    assert loaded.evaluate(Call("llm.text", {})).denies


def test_unknown_packs_and_profiles_are_refused(tmp_path):
    for head, said in (
        ("packs: [{name: none}]", "no pack 'none'"),
        ("profile: none", "no profile"),
    ):
        (tmp_path / "a.yaml").write_text(enforced(DENY, head))
        with pytest.raises(PolicyError, match=said):
            load(tmp_path, SCANNER)


def test_packs_that_include_each_other_are_refused(tmp_path):
    (tmp_path / "packs").mkdir()
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / "packs" / f"{one}.yaml").write_text(
            f"name: {one}\npacks: [{{name: {other}}}]\nrules: []\n"
        )
    (tmp_path / "rules.yaml").write_text(enforced(DENY, "packs: [{name: a}]"))
    with pytest.raises(PolicyError, match="cycle: a -> b -> a"):
        load(tmp_path, SCANNER)


# Documents


@pytest.mark.thorough
def test_a_bomb_of_aliases_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    assert "aliases written out" in refused("\n".join(lines))


def test_a_loop_of_aliases_is_refused():
    assert "nested deeper" in refused("scope: a\nrules: &r [*r]")


@pytest.mark.thorough
def test_deep_nesting_is_refused():
    assert "nest" in refused("scope: " + "[" * 5000)
    assert "nested deeper" in refused("scope: " + "[" * 200 + "]" * 200)


def test_a_key_may_not_be_given_twice():
    assert "test.yaml:2: scope: is given twice" in refused("scope: a\nscope: b\nrules: []")


def test_tags_make_nothing_but_plain_data():
    assert "test.yaml:1" in refused("scope: !!python/object/apply:os.getcwd []\nrules: []")


def test_a_large_file_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("#" * (1 << 20) + "\nscope: a\nrules: []\n")
    with pytest.raises(PolicyError, match="larger than 1 MiB"):
        load(tmp_path, SCANNER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "scope: a\nrules:\n  - name: r\n    acton: deny\n",
            "t:4: rules[0].acton: there is no such key",
        ),
        (
            "scope: a\nrules:\n  - {name: r, action: deny}\n  - name: s\n    action: stop\n",
            "t:5: rules[1].action: invalid enum value 'stop'; expected one of: deny, log, redact",
        ),
        (
            "scope: a\nrules:\n  - name: r\n    action: deny\n    match:\n      when: 'params.a =='\n",
            "t:6: rules[0].match.when: is not a CEL expression",
        ),
        (
            "scope: a\nrules:\n  - name: r\n    action: deny\n    match:\n      when: 'hasSecret(params.a)'\n",
            "t:6: rules[0].match.when: no such variable, def, alias or function: hasSecret",
        ),
        ("scope: a\nrules: [", "t:2: expected the node content"),
        ("- a", "t:1: expected `key: value` lines, got a list"),
        ("", "t:1: expected `key: value` lines, got nothing"),
        ("rules: []", "t:1: `scope` is missing"),
        ("scope: a\nrules: 3", "t:2: rules: expected a list, got a whole number"),
    ],
)
def test_errors_say_where(text, said):
    with pytest.raises(PolicyError) as error:
        scope_of(parse(text, "t"))
    assert said in str(error.value)
