"""MCP over HTTP, without HTTP: the differences between revisions of the protocol."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.secrets import plant
from secretgate.engine import Engine, build
from secretgate.hosts import Route, Treatment
from secretgate.mcp.over_http import ResultJudge
from secretgate.outbound.requests import Request, Verdict
from secretgate.providers import DIALECTS
from secretgate.settings import Settings
from secretgate.state import Places
from secretgate.streams.sse import SseFramer
from secretgate.vault import Scope

KEY = plant(44).values["GITHUB_TOKEN"]
RULES = """
scope: mcp
mode: enforce
rules:
  - name: no-drops
    match: {operation: mcp.tool_call, when: "params.arguments.sql == 'drop'"}
    action: deny
    message: No tables are dropped here.
  - name: nothing-for-the-model
    match: {operation: mcp.tool_result, server: mcp.example}
    action: redact
    redact: {secrets: true}
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Engine]:
    monkeypatch.setenv("SECRETGATE_HOME", str(tmp_path / "home"))
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)

    def make(**settings: Any) -> Engine:
        chosen = Settings(known_environment=False, policy=str(rules), **settings)
        return build(chosen, Places.find(), lambda *_, **__: None)

    return make


def request(message: Any = None, session: str = "") -> Request:
    return Request(
        route=Route("mcp.example", DIALECTS["mcp"], Treatment.CONTENT),
        method="POST" if message is not None else "GET",
        path="/messages",
        headers={
            "content-type": "application/json",
            **({"mcp-session-id": session} if session else {}),
        },
        content=json.dumps(message).encode() if message is not None else b"",
        scope=Scope("client", "mcp.example", b""),
        exempt=(),
        url="https://mcp.example/messages",
    )


def call(number: int, sql: str) -> dict[str, Any]:
    params = {"name": "query", "arguments": {"sql": sql}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def result(number: int, text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"jsonrpc": "2.0", "id": number, "result": {"content": content}}


def streamed(judge: ResultJudge, *told: Any) -> list[Any]:
    framer = SseFramer()
    raw = b"".join(b"event: message\ndata: " + json.dumps(each).encode() + b"\n\n" for each in told)
    frames = [out for frame in framer.feed(raw) for out in judge.event(frame)]
    return [json.loads(frame.payload) for frame in frames if frame.payload]


@pytest.mark.parametrize("session", ["", "0e1f"], ids=["2024-11-05", "2025-03-26 and later"])
def test_an_answer_may_come_over_another_connection(
    engine: Callable[..., Engine], session: str
) -> None:
    gate = engine()
    assert not gate.requests.decide(request(call(1, "select"), session)).refused
    judge = gate.requests.mcp.judge(request(None, session), lambda *_: None)
    assert judge is not None
    ping = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
    first, second = streamed(judge, ping, result(1, f"it is {KEY}"))
    assert first == ping
    text = second["result"]["content"][0]["text"]
    assert text.startswith("it is REDACTED<")


def test_answers_to_nothing_that_was_asked_are_passed_on(engine: Callable[..., Engine]) -> None:
    judge = engine().requests.mcp.judge(request(), lambda *_: None)
    assert judge is not None
    assert streamed(judge, result(9, f"it is {KEY}")) == [result(9, f"it is {KEY}")]


def test_of_a_batch_none_is_sent_where_one_is_denied(engine: Callable[..., Engine]) -> None:
    """Batches exist only in revision 2025-03-26."""
    decision = engine().requests.decide(request([call(1, "select"), call(2, "drop")]))
    assert (decision.verdict, decision.status) == (Verdict.BLOCKED, 200)
    assert decision.reply is not None
    first, second = json.loads(decision.reply)
    assert first["id"] == 1
    assert "nothing of it was sent" in first["result"]["content"][0]["text"]
    assert second["result"]["content"][0]["text"] == "No tables are dropped here."


def test_a_result_of_a_later_revision_is_judged_in_all_its_parts(
    engine: Callable[..., Engine],
) -> None:
    """`structuredContent` was added in revision 2025-06-18."""
    gate = engine()
    gate.requests.decide(request(call(5, "select")))
    judge = gate.requests.mcp.judge(request(), lambda *_: None)
    assert judge is not None
    told = result(5, "see there")
    told["result"]["structuredContent"] = {"rows": [{"token": KEY}], "n": 1}
    (seen,) = streamed(judge, told)
    assert KEY not in json.dumps(seen)
    assert seen["result"]["structuredContent"]["n"] == 1


def test_block_mode_answers_each_kind_of_request_in_its_way(engine: Callable[..., Engine]) -> None:
    gate = engine(mode="block")
    told = gate.requests.decide(request(call(6, f"use {KEY}")))
    assert told.reply is not None
    assert json.loads(told.reply)["result"]["isError"] is True
    listed = {"jsonrpc": "2.0", "id": 7, "method": "resources/read", "params": {"uri": f"x:{KEY}"}}
    told = gate.requests.decide(request(listed))
    assert told.reply is not None
    assert json.loads(told.reply)["error"]["code"] == -32001
    noted = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": KEY}}
    told = gate.requests.decide(request(noted))
    assert (told.reply, told.status) == (None, 403)
