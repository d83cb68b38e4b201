"""`secretgate policy`: output and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from policy.kit import AWS, enforced
from secretgate.cli import app

RULES = enforced(
    "  - {name: no-rm, action: deny, message: never, match: {operation: llm.tool_use,"
    " when: \"params.input.command.contains('rm -rf')\"}}\n"
    "  - {name: keys, action: redact, match: {operation: llm.tool_result},"
    " redact: {target: params.content, secrets: true}}\n"
)
FIXTURES = """
scope: test
tests:
  - name: denies
    call: {operation: llm.tool_use, params: {name: bash, input: {command: RM -rf /}}}
    expect: {decision: deny, rule: no-rm, message: eve}
  - name: redacts
    call: {operation: llm.tool_result, params: {content: "KEY=AKIA@REALKEY"}}
    expect:
      decision: redact
      rule: keys
      mutations: [{path: params.content, replaced: "KEY=[REDACTED:aws-access-token]"}]
  - name: allows
    call: {operation: llm.text, params: {}}
    expect: {decision: allow}
""".replace("@", "IOSFODNN7")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES.replace("mode: enforce", "mode: audit_only"))
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "f.yaml").write_text(FIXTURES)
    return tmp_path


def policy(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["policy", *map(str, arguments)], input=stdin)


def test_a_folder_without_fixtures_is_no_success(files: Path) -> None:
    (files / "fixtures" / "f.yaml").rename(files / "fixtures" / "f.yml.txt")
    done = policy("test", files, "--fixtures", files / "fixtures")
    assert done.exit_code == 2
    assert "contains no fixture file" in done.stderr


def test_fixtures_that_hold(files: Path) -> None:
    done = policy("test", files, "--fixtures", files / "fixtures")
    assert done.exit_code == 0, done.output
    assert done.output == (
        "f.yaml:\n  PASS  denies\n  PASS  redacts\n  PASS  allows\n\n3 tests, 3 passed, 0 failed\n"
    )


@pytest.mark.parametrize(
    ("change", "expected", "got"),
    [
        (("decision: allow", "decision: deny"), "deny (rule: any)", "allow (rule: )"),
        (("rule: keys", "rule: locks"), "rule locks", "rule keys"),
        (("message: eve", "message: odd"), "a message with 'odd'", "'never'"),
        (("KEY=[", "KEY=("), "mutations [('params.content', 'KEY=(", "mutations [('params"),
    ],
)
def test_fixtures_that_do_not(
    files: Path, change: tuple[str, str], expected: str, got: str
) -> None:
    (files / "fixtures" / "f.yaml").write_text(FIXTURES.replace(*change))
    done = policy("test", files, "--fixtures", files / "fixtures" / "f.yaml")
    assert done.exit_code == 1
    assert "  FAIL  " in done.output
    assert f"        expected: {expected}" in done.output
    assert f"        got:      {got}" in done.output
    assert "3 tests, 2 passed, 1 failed" in done.output


def test_a_fixture_of_an_unknown_scope_is_refused(files: Path) -> None:
    (files / "fixtures" / "f.yaml").write_text(FIXTURES.replace("scope: test", "scope: other"))
    done = policy("test", files, "--fixtures", files / "fixtures")
    assert done.exit_code == 2
    assert "f.yaml:2: scope: no rule file has the scope 'other'" in done.output


def test_each_call_is_made_by_the_agent_test(files: Path) -> None:
    (files / "rules.yaml").write_text(
        enforced("  - {name: who, action: deny, match: {when: \"context.agent_id == 'test'\"}}")
    )
    (files / "fixtures" / "f.yaml").write_text(
        "scope: test\ntests:\n"
        "  - {name: a, call: {operation: x, params: {}}, expect: {decision: deny}}\n"
        "  - {name: b, call: {operation: x, params: {}, context: {agent_id: me}}, expect: {decision: allow}}\n"
    )
    assert policy("test", files, "--fixtures", files / "fixtures").exit_code == 0


def test_validate_says_what_is_there(files: Path) -> None:
    done = policy("validate", files)
    assert done.exit_code == 0
    assert "rules.yaml: scope test, only watching, 2 rules" in done.output


def test_validate_refuses_and_says_where(files: Path) -> None:
    (files / "rules.yaml").write_text("scope: test\nrules:\n  - {name: a, action: stop}\n")
    done = policy("validate", files)
    assert done.exit_code == 2
    assert (
        "rules.yaml:3: rules[0].action: invalid enum value 'stop'; expected one of: deny, log, redact"
        in done.output
    )


def test_validate_warns_of_capitals(files: Path) -> None:
    (files / "rules.yaml").write_text(
        enforced("  - {name: a, action: deny, match: {when: \"params.name == 'Bash'\"}}")
    )
    done = policy("validate", files)
    assert done.exit_code == 0
    assert "'Bash' has capitals" in done.output


def test_validate_warns_of_an_operation_that_no_call_has(files: Path) -> None:
    (files / "rules.yaml").write_text(
        enforced(
            "  - {name: a, action: deny, match: {operation: 'llm.*'}}\n"
            "  - {name: b, action: deny, match: {operation: llm.tool_call}}",
        )
    )
    done = policy("validate", files)
    assert done.exit_code == 0
    (warning,) = [line for line in done.output.splitlines() if line.startswith("warning: ")]
    assert "rules[1].match.operation: no call has such an operation" in warning
    assert "llm.tool_use" in warning


def test_explain_prints_settings_as_a_policy(files: Path) -> None:
    config = files / "secretgate.conf"
    config.write_text("secrets: {action: block, rules: {generic-api-key: audit}}\n")
    done = policy("explain", "--config", config, stdin="nothing")
    assert done.exit_code == 0, done.output
    assert "# settings: scope secrets, enforced, 2 rules" in done.output
    assert "action: deny" in done.output
    assert "no secret found" in done.output


def test_explain_in_json(files: Path) -> None:
    (files / "simple.yaml").write_text("secrets: block\n")
    done = policy("explain", "--config", files / "simple.yaml", "--json", stdin=f"one\n{AWS}")
    told = json.loads(done.stdout)
    assert [scope["scope"] for scope in told["scopes"]] == ["secrets"]
    assert told["text"]["decision"] == "deny"
    (found,) = told["text"]["findings"]
    assert (found["line"], found["rule"], found["action"]) == (2, "aws-access-token", "block")
    assert AWS not in done.stdout


def test_explain_says_which_rule_decides(files: Path) -> None:
    config = files / "secretgate.conf"
    config.write_text(f"policy: {files / 'rules.yaml'}\nsecrets: block\n")
    (files / "rules.yaml").write_text(RULES)
    text = "one\nKEY=AKIA" + "IOSFODNN7" + "REALKEY\n"
    done = policy("explain", "--config", config, "--operation", "llm.tool_result", stdin=text)
    assert "line 2: aws-access-token (high): block, by rule secrets" in done.output
    assert "llm.tool_result: deny, by rule secrets/secrets" in done.output
    assert "REALKEY" not in done.output


def test_packs_and_profiles_may_lie_elsewhere(files: Path) -> None:
    (files / "rules.yaml").write_text(enforced(" []", "profile: ours\npacks: [{name: base}]"))
    for folder, text in (
        (
            "shared-packs",
            "name: base\nrules:\n  - {name: one, action: deny, match: {when: \"team == 'x'\"}}\n",
        ),
        ("shared-profiles", "name: ours\naliases: {team: params.team}\n"),
    ):
        (files / folder).mkdir()
        (files / folder / "a.yaml").write_text(text)
    alone = policy("validate", files / "rules.yaml")
    assert alone.exit_code == 2
    elsewhere = ("--packs", files / "shared-packs", "--profiles", files / "shared-profiles")
    done = policy("validate", files / "rules.yaml", *elsewhere)
    assert done.exit_code == 0, done.output
    assert "1 rule" in done.output
    (files / "f.yaml").write_text(
        "scope: test\ntests:\n"
        "  - {name: a, call: {operation: x, params: {team: x}}, expect: {decision: deny}}\n"
    )
    tested = policy("test", files / "rules.yaml", "--fixtures", files / "f.yaml", *elsewhere)
    assert tested.exit_code == 0, tested.output


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("option", "condition", "value"),
    [
        ("--role", "params.role", "tool"),
        ("--direction", "context.direction", "response"),
        ("--host", "context.host", "llm.corp"),
        ("--provider", "context.provider", "corp"),
        ("--client", "context.client", "claude"),
        ("--model", "context.model", "opus"),
        ("--user", "context.user", "alice"),
    ],
)
def test_explain_asks_about_the_call_that_is_described(
    files: Path, option: str, condition: str, value: str
) -> None:
    rules = files / "rules.yaml"
    rules.write_text(
        enforced(f"  - {{name: a, action: deny, match: {{when: \"{condition} == '{value}'\"}}}}")
    )
    assert "llm.text: deny" in policy("explain", rules, option, value, stdin="text").output
    assert "llm.text: allow" in policy("explain", rules, stdin="text").output


@pytest.mark.parametrize(("option", "value"), [("--operation", "llm.txt"), ("--direction", "up")])
def test_explain_refuses_a_call_that_there_is_not(option: str, value: str) -> None:
    done = policy("explain", option, value, stdin="text")
    assert done.exit_code == 2
    assert f"'{value}' is none of:" in " ".join(done.output.split())
