"""Policy for requests: per finding, per call, edits, refusals."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from addon.kit import RULES, SCOPE, Bench, random_text, token
from policy.kit import enforced, scope
from secretgate.bodies.json_spans import read_strictly
from secretgate.hosts import Route, Treatment
from secretgate.outbound.deciding import Requests
from secretgate.outbound.inspection import Redaction
from secretgate.outbound.requests import Decision, Request, Verdict
from secretgate.placeholders import Issued
from secretgate.policy import building
from secretgate.policy.choices import Guardrail, Secrets
from secretgate.policy.engine import Policy
from secretgate.policy.loading import digest
from secretgate.policy.requests import Denied, Policies
from secretgate.policy.secrets import DetectorSecrets
from secretgate.providers import DIALECTS
from secretgate.settings import Settings
from secretgate_rules import Detector

SCANNER = DetectorSecrets(Detector(RULES))


def policy(*texts: str) -> Policy:
    scopes = [scope(text) for text in texts]
    return Policy(scopes, SCANNER, digest=digest(scopes))


def chosen(**given: Any) -> Policy:
    found = building.build(Settings(**given), SCANNER)
    assert found is not None
    return found


def request(raw: bytes, dialect: str = "anthropic", **headers: str) -> Request:
    return Request(
        route=Route("anthropic", DIALECTS[dialect], Treatment.CONTENT),
        method="POST",
        path="/v1/messages",
        headers={"content-type": "application/json", **headers},
        content=raw,
        scope=SCOPE,
        exempt=(),
        url="https://api.anthropic.com/v1/messages",
    )


def decide(given: Policy | None, body: Any, dialect: str = "anthropic", **headers: str) -> Decision:
    bench = Bench()
    requests = Requests(
        Settings(), bench.redactor, bench.vault, Issued(bench.template, {}), Policies(given)
    )
    return requests.decide(request(json.dumps(body).encode(), dialect, **headers))


def inspect(
    given: Policy, body: Any, dialect: str = "anthropic", bench: Bench | None = None
) -> Redaction:
    bench = bench or Bench()
    raw = json.dumps(body).encode()
    own = Policies(given).of(request(raw, dialect), raw)
    return bench.redactor.inspect(
        read_strictly(raw, DIALECTS[dialect].request_paths.root), SCOPE, policy=own
    )


def say(*texts: str) -> dict[str, Any]:
    return {"model": "m-1", "messages": [{"role": "user", "content": text} for text in texts]}


# Per finding


def test_without_a_policy_there_is_none() -> None:
    assert building.build(Settings(), SCANNER) is None
    assert building.build(Settings(mode="block"), SCANNER) is None


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        ("redact", Verdict.REDACTED),
        ("block", Verdict.BLOCKED),
        ("audit", Verdict.AUDITED),
        ("allow", Verdict.CLEAN),
    ],
)
def test_what_happens_to_secrets_can_be_chosen(action: str, verdict: Verdict) -> None:
    decision = decide(chosen(secrets=Secrets(action=action)), say(token(1)))
    assert decision.verdict is verdict
    assert (decision.content is not None) is (action == "redact")
    assert bool(decision.spots) is (action != "allow")
    assert {spot.action for spot in decision.spots} <= {action}
    assert token(1) not in (decision.content or b"").decode() + decision.message


def test_it_can_be_chosen_by_rule_and_by_host() -> None:
    other = "password=" + random_text("other", 20)
    secrets = Secrets(rules={"test-token": "audit"}, hosts={"api.*.com": "redact", "*": "block"})
    decision = decide(chosen(secrets=secrets), say(token(1), other))
    assert decision.verdict is Verdict.REDACTED
    assert token(1).encode() in decision.content
    assert other.encode() not in decision.content
    assert {(spot.rule, spot.action) for spot in decision.spots} == {
        ("test-token", "audit"),
        ("test-assigned", "redact"),
    }


def test_what_is_allowed_is_not_known_elsewhere_either() -> None:
    bench = Bench()
    allowing = chosen(secrets=Secrets(rules={"test-token": "allow"}))
    inspect(allowing, say(token(1)), bench=bench)
    assert token(1).encode() not in bench.vault.known(SCOPE)


def test_a_fixed_text_stands_for_a_secret_and_nothing_is_issued() -> None:
    found = inspect(chosen(secrets=Secrets(text="[GONE:{rule}]")), say(f"a {token(1)} b"))
    assert b"a [GONE:test-token] b" in found.raw
    assert not found.issued


def test_two_secrets_may_have_the_same_text() -> None:
    found = inspect(chosen(secrets=Secrets(text="***REDACTED***")), say(token(1) + " " + token(2)))
    assert b"***REDACTED*** ***REDACTED***" in found.raw


@pytest.mark.parametrize(
    ("restore", "text", "tools"),
    [
        ("always", True, True),
        ("text", True, False),
        ("tools", False, True),
        ("never", False, False),
    ],
)
def test_where_a_value_may_be_put_back(restore: str, text: bool, tools: bool) -> None:
    issued = inspect(
        chosen(secrets=Secrets(action="redact", restore=restore)), say(token(1))
    ).issued
    (name,) = issued.values
    assert issued.allowed(name, False) is text
    assert issued.allowed(name, True) is tools
    assert issued.allowed(name.upper(), True) is tools


def test_guardrails_go_by_priority() -> None:
    rails = (
        Guardrail(name="late", operation="mutate", priority=9, text="LATE"),
        Guardrail(name="soon", operation="mutate", priority=1, text="SOON"),
    )
    assert b"SOON" in inspect(chosen(guardrails=rails), say(token(1))).raw


def test_a_guardrail_that_validates_blocks() -> None:
    rail = Guardrail(name="stop", operation="validate", message="no keys here")
    decision = decide(chosen(guardrails=(rail,)), say(token(1)))
    assert decision.status == 403
    assert "no keys here" in decision.message


def test_a_guardrail_that_audits_leaves_the_rest_to_the_mode() -> None:
    rail = Guardrail(name="watch", operation="validate", enforcement="audit")
    assert decide(chosen(guardrails=(rail,)), say(token(1))).verdict is Verdict.REDACTED


def test_a_guardrail_that_fails_is_skipped_where_it_says_so() -> None:
    def rail(enforcement: str) -> Guardrail:
        return Guardrail(
            name="r",
            operation="validate",
            enforcement=enforcement,
            when="params.text > 3",
            findings=(),
        )

    strict = decide(chosen(guardrails=(rail("enforce"),)), say("hello"))
    assert strict.verdict is Verdict.BLOCKED
    lenient = decide(chosen(guardrails=(rail("enforce_but_ignore_on_error"),)), say("hello"))
    assert lenient.verdict is Verdict.CLEAN


def test_guardrails_can_be_for_some_models_and_users() -> None:
    rail = Guardrail(name="r", operation="validate", models=("gpt-*", "!gpt-5"), users=("!client",))
    given = chosen(guardrails=(rail,))
    assert decide(given, {**say(token(1)), "model": "gpt-4"}).verdict is Verdict.REDACTED
    rail = Guardrail(name="r", operation="validate", models=("gpt-*", "!gpt-5"))
    given = chosen(guardrails=(rail,))
    assert decide(given, {**say(token(1)), "model": "gpt-4"}).verdict is Verdict.BLOCKED
    assert decide(given, {**say(token(1)), "model": "gpt-5"}).verdict is Verdict.REDACTED


def test_mode_audit_enforces_nothing() -> None:
    watching = chosen(mode="audit", secrets=Secrets(action="block"))
    assert not any(each.enforces for each in watching.scopes)


@pytest.mark.parametrize(
    ("preset", "verdict"),
    [("strict", Verdict.BLOCKED), ("observe", Verdict.AUDITED), ("team", Verdict.REDACTED)],
)
def test_presets(preset: str, verdict: Verdict) -> None:
    assert decide(chosen(preset=preset), say(token(1))).verdict is verdict


def test_low_confidence_can_be_left_alone() -> None:
    bench = Bench()
    bench.redactor.detector = Detector(
        [msgspec_rule(each) for each in RULES], bench.template.spelled
    )
    only = policy(
        enforced(
            "  - {name: sure, action: redact, match: {confidence: high}, redact: {secrets: true}}"
        )
    )
    assert inspect(only, say(token(1)), bench=bench).raw == json.dumps(say(token(1))).encode()


def msgspec_rule(rule: Any) -> Any:
    from dataclasses import replace

    return replace(rule, confidence="low")


# Per call


def call_rule(action: str, when: str, operation: str = "llm.*", more: str = "") -> str:
    return enforced(
        f"  - name: r\n    action: {action}\n    message: not this\n"
        f"    match: {{operation: '{operation}', when: \"{when}\"}}\n{more}"
    )


def test_a_text_can_be_denied() -> None:
    given = policy(call_rule("deny", "params.text.contains('forbidden') && params.role == 'user'"))
    decision = decide(given, say("ok", "a Forbidden word"))
    assert decision.verdict is Verdict.BLOCKED
    assert "not this (rule r)" in decision.message
    assert decide(given, say("ok")).verdict is Verdict.CLEAN


def test_the_summary_can_be_denied() -> None:
    given = policy(
        call_rule("deny", "params.model == 'm-1' && params.message_count > 1", "llm.request")
    )
    assert decide(given, say("a")).verdict is Verdict.CLEAN
    assert decide(given, say("a", "b")).verdict is Verdict.BLOCKED


def test_has_secrets_and_secret_types_use_the_gates_detector() -> None:
    for when in ("hasSecrets(params.text)", "'test-token' in secretTypes(params.text)"):
        assert decide(policy(call_rule("deny", when)), say(token(1))).verdict is Verdict.BLOCKED
        assert decide(policy(call_rule("deny", when)), say("hello there")).verdict is Verdict.CLEAN


def test_known_values_count_as_secrets() -> None:
    bench = Bench(named={b"hunter2-hunter2": "known-value"})
    given = policy(call_rule("deny", "'known-value' in secretTypes(params.text)"))
    with pytest.raises(Denied):
        inspect(given, say("say hunter2-hunter2 now"), bench=bench)


def test_a_logged_call_is_told() -> None:
    decision = decide(policy(call_rule("log", "params.role == 'user'", "llm.text")), say("hi"))
    assert [ruled.logged for ruled in decision.rulings] == [("r",)]


def test_a_rule_that_only_watches_changes_nothing() -> None:
    watching = call_rule("deny", "true").replace("mode: enforce", "mode: audit_only")
    assert decide(policy(watching), say("hi")).verdict is Verdict.CLEAN


def test_patterns_edit_the_text_and_nothing_else() -> None:
    more = (
        "    redact: {target: params.text, patterns: [{match: '\\d{3}-\\d{2}', replace: '[SSN]'}]}"
    )
    given = policy(call_rule("redact", "true", "llm.text", more))
    raw = b'{"messages": [ {"role":"user","content":"caf\\u00e9 \\"123-45\\" x" } ] , "a":1.0}'
    bench = Bench()
    body = read_strictly(raw, DIALECTS["anthropic"].request_paths.root)
    found = bench.redactor.inspect(body, SCOPE, policy=Policies(given).of(request(raw), raw))
    assert found.raw == raw.replace(b"123-45", b"[SSN]")


def test_a_secret_that_a_rule_redacts_is_redacted_everywhere() -> None:
    more = "    redact: {target: params.content, secrets: true, restore: tools}"
    given = policy(
        call_rule("redact", "true", "llm.tool_result", more),
    )
    body = say(f"mine {token(1)} and {token(2)}")
    body["messages"].append(
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": f"out {token(1)}"}],
        }
    )
    found = inspect(given, body)
    assert token(1).encode() not in found.raw
    assert token(2).encode() in found.raw
    assert list(found.issued.limits.values()) == ["tools"]


def test_patterns_come_behind_secrets_and_may_take_them_along() -> None:
    more = (
        "    redact: {target: params.text, secrets: true,"
        " patterns: [{match: 'key: (\\S+)', replace: 'k=$1'}]}"
    )
    found = inspect(
        policy(call_rule("redact", "true", "llm.text", more)), say(f"key: {token(1)} end")
    )
    name = Bench().name(token(1))
    assert f"k={name} end".encode() in found.raw
    assert found.issued.values == {name.encode(): token(1).encode()}


def test_the_same_turn_is_rewritten_the_same_way_again() -> None:
    more = "    redact: {target: params.text, secrets: true, patterns: [{match: 'bad', replace: 'good'}]}"
    given = policy(call_rule("redact", "true", "llm.text", more))
    bench = Bench()
    first = inspect(given, say(f"bad {token(1)}"), bench=bench).raw
    later = inspect(given, say(f"bad {token(1)}", "next"), bench=bench).raw
    assert later.startswith(first[: first.rindex(b"}]")])


def test_an_exception_in_a_rule_blocks_where_it_is_closed() -> None:
    decision = decide(policy(call_rule("deny", "params.text > 3", "llm.text")), say("x"))
    assert decision.verdict is Verdict.BLOCKED
    assert "on_error: closed" in decision.message


def test_settings_can_be_written_in_short(tmp_path: Any) -> None:
    from secretgate.settings.sources import load

    file = tmp_path / "s.yaml"
    file.write_text("secrets: block\n")
    assert load({}, file, environment={}).secrets == Secrets(action="block")
    assert load({"secrets": "audit"}, None, environment={}).secrets == Secrets(action="audit")
    given = load({"secrets": "{action: redact, hosts: {h: block}}"}, None, environment={})
    assert given.secrets == msgspec.structs.replace(Secrets(action="redact"), hosts={"h": "block"})
