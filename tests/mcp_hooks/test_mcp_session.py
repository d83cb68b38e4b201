"""An MCP session: what client, server and model each receive."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.secrets import plant
from secretgate.bodies.base import Unreadable
from secretgate.engine import Engine, build
from secretgate.mcp.session import Passed, Session
from secretgate.mcp.stdio import Wrapper
from secretgate.outbound.handover import hand_over, of_models
from secretgate.placeholders import Issued
from secretgate.policy.loading import load
from secretgate.policy.secrets import DetectorSecrets
from secretgate.settings import Settings
from secretgate.state import Places

KEY = plant(41).values["AWS_ACCESS_KEY_ID"]
OTHER = plant(43).values["AWS_ACCESS_KEY_ID"]
Make = Callable[..., Session]


def said(message: bytes | None) -> Any:
    assert message is not None
    return json.loads(message)


def call(number: Any, **arguments: Any) -> bytes:
    params = {"name": "query", "arguments": arguments}
    return json.dumps(
        {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    ).encode()


def result(number: Any, *texts: str, **more: Any) -> bytes:
    content = [{"type": "text", "text": text} for text in texts]
    return json.dumps(
        {"jsonrpc": "2.0", "id": number, "result": {"content": content, **more}}
    ).encode()


def text_of(passed: Passed) -> str:
    text: str = said(passed.forward)["result"]["content"][0]["text"]
    return text


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Engine]:
    monkeypatch.setenv("SECRETGATE_HOME", str(tmp_path / "home"))

    def make(**settings: Any) -> Engine:
        return build(
            Settings(known_environment=False, **settings), Places.find(), lambda *_, **__: None
        )

    return make


@pytest.fixture
def session(engine: Callable[..., Engine], tmp_path: Path) -> Make:
    def make(
        rules: str = "", handed_over: bool = False, built: Engine | None = None, **settings: Any
    ) -> Session:
        built = built or engine(**settings)
        policy = None
        if rules:
            file = tmp_path / "rules.yaml"
            file.write_text("scope: mcp\nmode: enforce\nrules:\n" + rules)
            policy = load(
                file, DetectorSecrets(lambda: pytest.fail("rules see the secrets of the session"))
            )
        return Session(built, "db", policy=policy, handed_over=handed_over)

    return make


def test_a_secret_in_a_result_becomes_a_placeholder_that_the_next_call_gets_back(
    session: Make,
) -> None:
    now = session()
    assert now.from_client(call(1, sql="select")).forward == call(1, sql="select")
    answered = text_of(now.from_server(result(1, f"AWS_ACCESS_KEY_ID={KEY}")))
    assert KEY not in answered
    placeholder = answered.partition("=")[2]
    passed = now.from_client(call(2, sql=f"use {placeholder}"))
    assert said(passed.forward)["params"]["arguments"]["sql"] == f"use {KEY}"


def test_what_is_past_its_time_is_forgotten_and_what_is_used_stays(
    session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrapper runs for days; what a server once sent must not stay in memory that long."""
    now = session(remember=100)
    start = time.monotonic()
    used, unused = (
        text_of(now.from_server(result(number, value))) for number, value in enumerate((KEY, OTHER))
    )
    for later, expected in ((60, KEY), (120, KEY), (181, KEY)):
        monkeypatch.setattr(now._given, "_clock", lambda at=start + later: at)
        now.forget()
        passed = now.from_client(call(1, sql=used))
        assert said(passed.forward)["params"]["arguments"]["sql"] == expected
    assert now._given.issued.value(unused.encode()) is None
    assert now.from_client(call(2, sql=unused)).forward == call(2, sql=unused)
    monkeypatch.setattr(now._given, "_clock", lambda: start + 300)
    now.forget()
    assert now.from_client(call(3, sql=used)).forward == call(3, sql=used)


def test_another_session_does_not_get_it_back(session: Make, engine: Callable[..., Engine]) -> None:
    built = engine()
    first = session(built=built)
    first.from_client(call(1))
    placeholder = text_of(first.from_server(result(1, KEY)))
    other = Session(built, "another")
    assert other.from_client(call(1, sql=placeholder)).forward == call(1, sql=placeholder)


def test_what_holds_nothing_goes_on_byte_for_byte(session: Make) -> None:
    now = session()
    odd = b'{"jsonrpc" :"2.0",  "method":"notifications/progress","params":{"progress":1e0}}'
    assert now.from_server(odd).forward == odd
    assert now.from_client(odd).forward == odd


def test_everything_a_server_says_counts(session: Make) -> None:
    now = session()
    told = {"jsonrpc": "2.0", "id": 9, "method": "sampling/createMessage"}
    told["params"] = {"messages": [{"role": "user", "content": {"type": "text", "text": KEY}}]}  # type: ignore[assignment]
    for message in (
        told,
        {"jsonrpc": "2.0", "id": 3, "error": {"code": 1, "message": f"no {KEY}"}},
    ):
        passed = now.from_server(json.dumps(message).encode())
        assert passed.forward is not None
        assert KEY.encode() not in passed.forward


def test_block_mode_answers_with_an_error_that_the_model_can_read(session: Make) -> None:
    now = session(mode="block")
    now.from_client(call("a"))
    passed = now.from_server(result("a", KEY))
    answer = said(passed.forward)
    assert answer["id"] == "a"
    assert answer["result"]["isError"] is True
    told = answer["result"]["content"][0]["text"]
    assert told.startswith("message blocked: secret detected in it (result.content[0].text: aws-")
    assert "prompt" not in told
    assert KEY not in json.dumps(answer)


def test_block_mode_answers_a_servers_request_for_the_client(session: Make) -> None:
    now = session(mode="block")
    asked = {"jsonrpc": "2.0", "id": 4, "method": "sampling/createMessage", "params": {"x": KEY}}
    passed = now.from_server(json.dumps(asked).encode())
    assert passed.forward is None
    assert said(passed.reply)["error"]["code"] == -32001


def test_audit_mode_changes_nothing(session: Make) -> None:
    now = session(mode="audit")
    now.from_client(call(1))
    passed = now.from_server(result(1, KEY))
    assert passed.forward == result(1, KEY)
    assert passed.notes


def test_a_denied_call_is_answered_and_never_made(session: Make) -> None:
    now = session(
        """
- name: no-drops
  match: {operation: mcp.tool_call, when: "params.arguments.sql.contains('drop table')"}
  action: deny
  message: No tables are dropped here.
"""
    )
    passed = now.from_client(call(7, sql="DROP TABLE users"))
    assert passed.forward is None
    answer = said(passed.reply)
    assert answer["id"] == 7
    assert answer["result"] == {
        "content": [{"type": "text", "text": "No tables are dropped here."}],
        "isError": True,
    }
    assert now.from_client(call(8, sql="select 1")).forward == call(8, sql="select 1")
    # Half a surrogate pair: some parsers reject it, those of servers accept it.
    odd = call(9, sql="DROP TABLE users", more="\ud83d")
    assert now.from_client(odd).forward is None
    passed = now.from_client(b"[" + odd + b"," + call(10, sql="\ud83d") + b"]")
    assert said(passed.forward) == [json.loads(call(10, sql="\ud83d"))]


def test_of_a_batch_only_the_denied_call_is_taken_out(session: Make) -> None:
    now = session(
        """
- name: no-drops
  match: {operation: mcp.tool_call, when: "params.arguments.sql == 'drop'"}
  action: deny
"""
    )
    passed = now.from_client(b"[" + call(1, sql="select") + b", " + call(2, sql="drop") + b"]")
    assert said(passed.forward) == [json.loads(call(1, sql="select"))]
    (answer,) = said(passed.reply)
    assert (answer["id"], answer["result"]["isError"]) == (2, True)


def test_a_denied_result_is_replaced(session: Make) -> None:
    now = session(
        """
- name: no-salaries
  match: {operation: mcp.tool_result, when: "params.content.contains('salary')"}
  action: deny
  message: Salaries stay here.
"""
    )
    now.from_client(call(1))
    answer = said(now.from_server(result(1, "fine", "salary: 1")).forward)
    assert answer["result"]["content"][0]["text"] == "Salaries stay here."
    assert answer["result"]["isError"] is True


def test_a_rule_rewrites_arguments_in_their_own_literals(session: Make) -> None:
    now = session(
        """
- name: mail
  match: {operation: mcp.tool_call}
  action: redact
  redact:
    target: params.arguments.to
    patterns: [{match: "[a-z]+@corp", replace: "someone@corp"}]
"""
    )
    raw = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{ "to":"\\u0062ob@corp, x","n":1.0},"name":"mail"}}'
    assert now.from_client(raw).forward == raw.replace(b"\\u0062ob@corp", b"someone@corp")


def test_a_rule_keeps_secrets_from_a_server(session: Make) -> None:
    now = session(
        """
- name: nothing-for-this-server
  match: {operation: mcp.tool_call, server: db}
  action: redact
  redact: {secrets: true, restore: never}
"""
    )
    passed = now.from_client(call(1, key=KEY))
    assert passed.forward is not None
    assert KEY.encode() not in passed.forward
    name = said(passed.forward)["params"]["arguments"]["key"]
    assert now.from_client(call(2, key=name)).forward == call(2, key=name)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_models_placeholder_is_restored_only_where_that_is_allowed(
    session: Make, engine: Callable[..., Engine], allowed: bool
) -> None:
    built = engine(mcp_restore=("db",))
    name = built.namer.name("some-rule", KEY.encode())
    hand_over(
        built.vault, of_models("127.0.0.1"), Issued(built.namer.template, {name: KEY.encode()})
    )
    now = session(built=built, handed_over=allowed)
    got = said(now.from_client(call(1, key=name.decode())).forward)["params"]["arguments"]["key"]
    assert got == (KEY if allowed else name.decode())


def test_a_line_that_is_no_json_does_not_reach_the_model(session: Make) -> None:
    assert session().from_server(b"starting with " + KEY.encode()).forward is None
    noise = b"starting"
    assert session(on_unreadable="pass").from_server(noise).forward == noise


def test_an_answer_that_cannot_be_read_is_refused_and_not_withheld(
    session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise Unreadable("too deep")

    for settings, passes in (
        ({}, False),
        ({"on_unreadable": "pass"}, True),
        ({"mode": "audit"}, True),
    ):
        now = session(**settings)
        monkeypatch.setattr(now._engine.requests, "read", read)
        now.from_client(call(5))
        passed = now.from_server(result(5, KEY))
        assert any("too deep" in note for note in passed.notes)
        if passes:
            assert passed.forward == result(5, KEY)
        else:
            answer = said(passed.forward)
            assert answer["id"] == 5
            assert "too deep" in answer["result"]["content"][0]["text"]


def test_whoever_waits_for_a_message_that_could_not_be_checked_gets_an_error(session: Make) -> None:
    now = session()
    passed = now.failed(call(6), to_server=True)
    assert passed.forward is None
    assert said(passed.reply)["id"] == 6
    passed = now.failed(result(7, KEY), to_server=False)
    assert said(passed.forward)["result"]["isError"] is True
    assert KEY.encode() not in (passed.forward or b"")
    asked = b'{"jsonrpc":"2.0","id":8,"method":"roots/list"}'
    assert said(now.failed(asked, to_server=False).reply)["error"]["code"] == -32001
    assert now.failed(b"no JSON", to_server=False) == Passed()


def test_an_exception_is_answered_and_told(session: Make) -> None:
    def broken(_: bytes) -> Passed:
        raise ZeroDivisionError(KEY)

    told: list[str] = []
    wrapper = Wrapper(session(), io.BytesIO(), io.BytesIO(), told.append)
    passed = wrapper._judged(broken, call(9), to_server=True)
    assert said(passed.reply)["id"] == 9
    assert "ZeroDivisionError" in told[0]
    assert KEY not in told[0]
