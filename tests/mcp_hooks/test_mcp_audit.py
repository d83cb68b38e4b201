"""What the audit log holds of a server behind `secretgate mcp`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from harness.command import environment
from harness.secrets import plant
from secretgate.audit.record import Record
from secretgate.audit.trail import Trail
from secretgate.audit.writer import Writer
from secretgate.engine import build
from secretgate.mcp.session import Session
from secretgate.settings import Settings
from secretgate.state import Places

KEY = plant(41).values["AWS_ACCESS_KEY_ID"]
SERVER = f"""
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    said = json.dumps(asked["params"].get("arguments", "")) + " {KEY}"
    result = {{"content": [{{"type": "text", "text": said}}]}}
    print(json.dumps({{"jsonrpc": "2.0", "id": asked["id"], "result": result}}), flush=True)
"""
RULES = """
scope: tools
mode: enforce
rules:
  - {name: no-drops, match: {operation: mcp.tool_call, when: "params.name == 'drop'"}, action: deny}
  - {name: no-dumps, match: {operation: mcp.tool_result, when: "params.name == 'dump'"}, action: deny}
"""


def call(number: int, tool: str, **arguments: str) -> str:
    params = {"name": tool, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    return json.dumps(message) + "\n"


def spoken(home: Path, said: str, **variables: str) -> tuple[str, list[dict[str, Any]]]:
    """Return what the client gets for its messages, and the records of it."""
    (home / "rules.yaml").write_text(RULES)
    command = [sys.executable, "-m", "secretgate", "mcp", "--name", "db"]
    command += ["--policy", str(home / "rules.yaml"), "--", sys.executable, "-c", SERVER]
    env = environment(home, **variables)
    done = subprocess.run(
        command, input=said, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    files = list(home.rglob("audit.jsonl"))
    lines = files[0].read_text().splitlines() if files else []
    assert not any(KEY in line for line in lines)
    return done.stdout, [json.loads(line) for line in lines]


def test_calls_and_results_are_recorded(tmp_path: Path) -> None:
    answers, records = spoken(tmp_path, call(1, "read") + call(2, "drop") + call(3, "dump"))
    assert KEY not in answers
    assert {record["provider"] for record in records} == {"mcp:db"}
    calls = [record for record in records if record["operation"] == "mcp.tool_call"]
    assert [(each["event"], each.get("decision", "")) for each in calls] == [
        ("answer", ""),
        ("answer", "blocked"),
        ("answer", ""),
    ]
    assert calls[1]["policy"] == ["no-drops"]
    results = [record for record in records if record["operation"] == "mcp.tool_result"]
    assert [(each["event"], each["decision"]) for each in results] == [
        ("request", "redacted"),
        ("request", "blocked"),
    ]
    assert results[0]["rules"] == {"aws-access-token": 1}
    assert results[0]["bytes_scanned"] >= len(KEY)
    assert results[1]["policy"] == ["no-dumps"]


class Kept:
    """A writer that keeps its records."""

    name, failing, full, lost = "kept", "", False, 0

    def __init__(self) -> None:
        self.records: list[Record] = []

    def put(self, record: Record) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def session(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("SECRETGATE_HOME", str(tmp_path / "home"))
    built = build(Settings(known_environment=False), Places.find(), lambda *_, **__: None)
    return Session(built, "db", trail=Trail((cast(Writer, kept),), strict=True))


def answer(text: str) -> bytes:
    result = {"content": [{"type": "text", "text": text}]}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()


def test_a_value_that_a_call_gets_back_is_counted(session: Session, kept: Kept) -> None:
    session.from_client(call(1, "read").encode())
    given = session.from_server(answer(KEY)).forward
    assert given is not None
    placeholder = json.loads(given)["result"]["content"][0]["text"]
    session.from_client(call(2, "read", key=placeholder).encode())
    assert [(each.event, each.restored) for each in kept.records] == [
        ("answer", 0),
        ("request", 0),
        ("answer", 1),
    ]
    assert kept.records[1].placeholders == kept.records[2].placeholders != ()


def hello(name: Any) -> bytes:
    info = {"name": name, "title": "A Tool", "version": "1.2.3"}
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info}
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    return json.dumps(message).encode()


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("claude-code", "claude-code"),
        ("Visual Studio Code", "Visual"),
        (KEY, "unknown"),
        (7, "unknown"),
        (None, "unknown"),
    ],
)
def test_records_name_the_client_as_it_does_itself(
    session: Session, kept: Kept, name: Any, recorded: str
) -> None:
    said = hello(name)
    assert session.from_client(said).forward == said
    session.from_server(answer("text"))
    session.from_client(call(1, "read").encode())
    assert {each.client for each in kept.records} == {recorded}
    assert len(kept.records) == 2


def test_what_cannot_be_checked_or_recorded_is_not_passed_on(session: Session, kept: Kept) -> None:
    session.failed(answer(KEY), to_server=False)
    assert [(each.decision, each.refused) for each in kept.records] == [("failed", True)]
    kept.failing = "no space left"
    passed = session.from_server(answer("text"))
    assert passed.forward is not None
    assert json.loads(passed.forward)["result"]["isError"] is True
    assert "audit log" in passed.forward.decode()
    assert any("no space left" in note for note in passed.notes)


@pytest.mark.skipif(os.name == "nt", reason="folders that cannot be written")
def test_a_log_that_cannot_be_written_stops_the_start_if_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    given = {
        "SECRETGATE_AUDIT_ON_ERROR": "block",
        "SECRETGATE_AUDIT_FOLDER": str(tmp_path / "file"),
    }
    assert spoken(tmp_path, call(1, "read"), **given) == ("", [])
