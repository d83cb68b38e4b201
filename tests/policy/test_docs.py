"""The examples in docs/policy.md work as described."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from addon.kit import SCOPE, Bench
from harness.families.base import events, sse
from harness.secrets import plant
from harness.wire_families import FAMILIES
from policy.answer_cases import streamed
from policy.answer_streams import anthropic_read
from secretgate.cli import app
from secretgate.hosts import Route, Treatment
from secretgate.outbound.deciding import Requests
from secretgate.outbound.requests import Decision, Request
from secretgate.placeholders import Issued
from secretgate.policy import building, schema
from secretgate.policy.answers import judging
from secretgate.policy.functions import NAMES
from secretgate.policy.requests import Policies
from secretgate.policy.secrets import DetectorSecrets
from secretgate.providers import DIALECTS
from secretgate.settings import Settings
from secretgate.settings.sources import load
from secretgate.streams.sse import SseFramer
from secretgate_rules import Detector, load_default

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/policy.md").read_text("utf-8")
SHOWN = dict(re.findall(r'```\w+ title="([^"]+)"\n(.*?)```', DOCS, re.DOTALL))
EXAMPLES = ROOT / "examples/policy"
ENV = f"GITHUB_TOKEN={plant().values['GITHUB_TOKEN']}\nAPP=shop\n"
AWS = "AKIA" + "IOSFODNN7" + "REALKEY"


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_default(Bench().template.spelled)


def settings(tmp_path: Path, title: str) -> Settings:
    file = tmp_path / title
    file.write_text(SHOWN[title])
    return load({}, file, environment={})


def decide(chosen: Settings, detector: Detector, body: Any, **headers: str) -> Decision:
    bench = Bench()
    bench.redactor.detector = detector
    policies = Policies(building.build(chosen, DetectorSecrets(detector)))
    empty = Issued(bench.template, {})
    requests = Requests(chosen, bench.redactor, bench.vault, empty, policies)
    return requests.decide(
        Request(
            route=Route("anthropic", DIALECTS["anthropic"], Treatment.CONTENT),
            method="POST",
            path="/v1/messages",
            headers={"content-type": "application/json", **headers},
            content=json.dumps(body).encode(),
            scope=SCOPE,
            exempt=(),
            url="https://api.anthropic.com/v1/messages",
        )
    )


def prompt(text: str, model: str = "claude") -> Any:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def answered(chosen: Settings, detector: Detector, pieces: list[str]) -> bytes:
    policy = building.build(chosen, DetectorSecrets(detector))
    family = FAMILIES["anthropic"]
    judge = judging(policy, {"model": "m"}, family.dialect, lambda *_: None)
    assert judge is not None
    return streamed(SseFramer(), judge, family.write(pieces, []))


# The four worked examples


def test_a_pasted_env_file_is_answered_with_403(tmp_path: Path, detector: Detector) -> None:
    decision = decide(settings(tmp_path, "env.yaml"), detector, prompt(ENV))
    assert decision.status == 403
    assert decision.content is None
    refusal = DIALECTS["anthropic"].refusal(decision.status, decision.message)
    shown = json.loads(SHOWN["env.json"])
    head, tail = shown["error"]["message"].split("...", 1)
    assert refusal["type"] == shown["type"]
    assert refusal["error"]["type"] == shown["error"]["type"]
    assert refusal["error"]["message"].startswith(head)
    assert refusal["error"]["message"].endswith(tail)
    assert decide(settings(tmp_path, "env.yaml"), detector, prompt("hello")).status == 0


def test_a_key_in_a_tool_result(tmp_path: Path, detector: Detector) -> None:
    file = tmp_path / "tool-result.yaml"
    file.write_text(SHOWN[file.name])
    result = {"type": "tool_result", "tool_use_id": "t", "content": f"KEY={AWS}"}
    body = {"model": "claude", "messages": [{"role": "user", "content": [result]}]}
    decision = decide(Settings(policy=str(file)), detector, body)
    sent = json.loads(decision.content or b"")
    assert sent["messages"][0]["content"][0]["content"] == "KEY=[REDACTED:aws-access-token]"
    known = {**result, "content": "KEY=AKIAIOSFODNN7EXAMPLE"}
    body["messages"][0]["content"] = [known]
    assert decide(Settings(policy=str(file)), detector, body).content is None


def test_validate(tmp_path: Path, detector: Detector) -> None:
    chosen = settings(tmp_path, "validate.yaml")
    assert decide(chosen, detector, prompt(ENV)).status == 403
    assert decide(chosen, detector, prompt("hello")).status == 0
    out = answered(chosen, detector, ["the key is ", AWS[:9], AWS[9:]])
    assert AWS[9:].encode() not in out
    assert "secretgate denied this part of the answer" in anthropic_read(_closed(out)).text


def test_mutate(tmp_path: Path, detector: Detector) -> None:
    chosen = settings(tmp_path, "mutate.yaml")
    decision = decide(chosen, detector, prompt(f"use {AWS} now"))
    assert json.loads(decision.content or b"")["messages"][0]["content"] == "use ***REDACTED*** now"
    assert not decision.issued
    out = answered(chosen, detector, ["the key is ", AWS[:9], AWS[9:], "."])
    assert anthropic_read(_closed(out)).text == "the key is ***REDACTED***."


def _closed(out: bytes) -> list[Any]:
    """Return the events without the family's empty tool call."""
    return [each for each in events(out) if each.get("index") != 1]


# The settings


def test_the_settings_that_are_shown(tmp_path: Path, detector: Detector) -> None:
    chosen = settings(tmp_path, "secretgate.yaml")
    decision = decide(chosen, detector, prompt(f"use {AWS} now"))
    assert decision.content is not None
    assert list(decision.issued.limits.values()) == ["tools"]
    key = (
        "-----BEGIN RSA PRIVATE "
        "KEY-----\n" + "Qm7Tr2Wx9Lb4Vn6Hc8JdPq3S" * 12 + "\n-----END RSA PRIVATE " + "KEY-----"
    )
    assert decide(chosen, detector, prompt(key)).status == 403


def test_the_guardrails_that_are_shown(tmp_path: Path, detector: Detector) -> None:
    chosen = settings(tmp_path, "guardrails.yaml")
    blocked = decide(chosen, detector, prompt(ENV))
    assert "repository tokens stay here" in blocked.message
    masked = decide(chosen, detector, prompt(f"use {AWS}", "gpt-4"))
    assert b"use ***REDACTED***" in (masked.content or b"")
    named = decide(chosen, detector, prompt(f"use {AWS}", "gpt-5.5"))
    assert b"use REDACTED<aws-access-token:" in (named.content or b"")


# Rule files


def test_the_rule_file_and_its_fixtures(tmp_path: Path) -> None:
    for name in ("rules.yaml", "fixtures.yaml"):
        (tmp_path / name).write_text(SHOWN[name])
    consoles = re.findall(r"```console\n(.*?)```", DOCS, re.DOTALL)
    shown = next(each for each in consoles if "policy test" in each)
    runner = CliRunner()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for command, expected in re.findall(r"\$ secretgate (.*)\n((?:(?!\$ ).*\n)*)", shown):
            done = runner.invoke(app, command.split())
            assert done.exit_code == 0, done.output
            assert done.output == expected


def test_every_field_and_function_is_described() -> None:
    for struct in (schema.RuleFile, schema.Rule, schema.Match, schema.Redact, schema.Expect):
        for name in struct.__struct_fields__:
            assert f"`{name}`" in DOCS, name
    for name in NAMES:
        assert f"`{name}(" in DOCS, name


@pytest.mark.parametrize("path", sorted((EXAMPLES / "rules").iterdir()), ids=lambda path: path.name)
def test_the_examples_load_without_a_warning(path: Path) -> None:
    done = CliRunner().invoke(app, ["policy", "validate", str(path)])
    assert done.exit_code == 0, done.output
    assert "warning" not in done.output


def test_the_fixtures_of_the_examples_hold() -> None:
    command = ["policy", "test", str(EXAMPLES / "rules"), "--fixtures", str(EXAMPLES / "fixtures")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "0 failed" in done.output


def test_an_example_denies_a_streamed_call(detector: Detector) -> None:
    chosen = Settings(policy=str(EXAMPLES / "rules"))
    block = {"type": "tool_use", "id": "t", "name": "bash", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"command": "rm -rf /"}'}
    raw = sse(
        [
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        ],
        named="type",
    )
    judge = judging(
        building.build(chosen, DetectorSecrets(detector)),
        {},
        DIALECTS["anthropic"],
        lambda *_: None,
    )
    assert judge is not None
    seen = anthropic_read(events(streamed(SseFramer(), judge, raw)))
    assert seen.calls == []
    assert "run by people" in seen.text
