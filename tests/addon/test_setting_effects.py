"""Settings that are only passed on: each reaches the part that it configures."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from addon.kit import ANTHROPIC, KEY, Bench, random_text
from harness.secrets import Planted
from secretgate.audit.trail import Trail
from secretgate.engine import Engine, build
from secretgate.hosts import Route, Treatment
from secretgate.placeholders import Namer, Template
from secretgate.settings import SettingsError
from secretgate.settings.sources import load
from secretgate.state import Places
from secretgate.stores import Mark, Unreachable
from secretgate.stores.opening import open_store

VALUE = random_text("a value that no rule finds", 14)
ROUTE = Route("anthropic", ANTHROPIC, Treatment.CONTENT)


def engine(folder: Path, **values: Any) -> Engine:
    """Return an engine built from settings as mitmproxy passes them: as text."""
    given = {"known_environment": "false", **values}
    places = Places(folder / "home", folder / "home")
    return build(load(given, None, environment={}), places, lambda *_: None)


def found(engine: Engine, text: str) -> set[str]:
    return {finding.rule for finding in engine.redactor.detector.find(text.encode())}


def named(engine: Engine, value: str) -> bool:
    """Return whether the value is replaced in a sentence in which no rule finds it."""
    bench = Bench()
    bench.redactor = engine.redactor
    body = json.dumps({"messages": [{"role": "user", "content": f"they sang {value} at noon"}]})
    return value.encode() not in bench.redact(body.encode()).raw


@pytest.mark.thorough
def test_rules_are_switched_on_and_off(tmp_path: Path, planted: Planted) -> None:
    token = planted.values["GITHUB_TOKEN"]
    certificate = f"-----BEGIN CERTIFICATE-----\nMII{random_text(0, 61)}\n{random_text(1, 64)}\n-----END CERTIFICATE-----"
    usual = engine(tmp_path)
    assert found(usual, token) == {"github-pat"}
    assert found(usual, certificate) == set()
    changed = engine(tmp_path, disabled_rules="github-pat", enabled_rules="x509-certificate")
    assert "github-pat" not in found(changed, token)
    assert found(changed, certificate) == {"x509-certificate"}


def test_credentials_of_files_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    file = tmp_path / "project" / ".env"
    file.write_text(f"SERVICE_PASSWORD={VALUE}\n")
    monkeypatch.chdir(file.parent)
    assert not named(engine(tmp_path), VALUE)
    assert named(engine(tmp_path, known_files=str(file)), VALUE)
    assert named(engine(tmp_path, known_search="true"), VALUE)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"known_files: .*none\.env"):
        engine(tmp_path, known_files=str(tmp_path / "none.env"))


def test_names_of_variables_are_added_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_PASSPORT", VALUE)
    monkeypatch.setenv("OUR_PASSWORD", VALUE[::-1])
    usual = engine(tmp_path, known_environment="true")
    assert (named(usual, VALUE), named(usual, VALUE[::-1])) == (False, True)
    changed = engine(
        tmp_path, known_environment="true", known_names="*PASSPORT", known_except="OUR_PASSWORD"
    )
    assert (named(changed, VALUE), named(changed, VALUE[::-1])) == (True, False)


def test_a_vault_is_waited_for_as_long_as_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        settings = load({"vault": url, "vault_timeout": "0.2"}, None, environment={})
        store = open_store(settings, tmp_path / "ledger", Namer(Template(), KEY), lambda _: None)
        begun = time.monotonic()
        with pytest.raises(Unreachable):
            store.pull(b"place", Mark(), ())
        assert time.monotonic() - begun < 20
        store.close()


def opened(folder: Path, **values: Any) -> Trail:
    settings = load({"audit_folder": str(folder / "audit"), **values}, None, environment={})
    digest = Namer(Template(), KEY).digest
    return Trail().reopened(settings, Places(folder, folder), digest, lambda *_, **__: None)


def test_the_audit_log_begins_new_files_and_keeps_some(tmp_path: Path) -> None:
    for number in range(8):
        trail = opened(tmp_path, audit_rotate="100", audit_keep="2")
        trail.failure(str(number), ROUTE, None, "redact")
        trail.close()
    assert len(list((tmp_path / "audit").glob("*.jsonl"))) == 3


def test_records_go_to_the_collector_that_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as collector:
        collector.settimeout(20)
        at = f"http://127.0.0.1:{collector.getsockname()[1]}"
        trail = opened(tmp_path, audit_otlp=at)
        trail.failure("1", ROUTE, None, "redact")
        connection, _ = collector.accept()
        with connection:
            assert connection.recv(4096).startswith(b"POST /v1/logs ")
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        trail.close()


def test_what_is_probably_wrong_in_a_policy_is_told_at_the_start(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    match = "{operation: llm.text, when: \"params.text == 'Bash'\"}"
    rules.write_text(f"scope: s\nrules:\n  - {{name: a, action: deny, match: {match}}}\n")
    settings = load({"policy": str(rules), "known_environment": "false"}, None, environment={})
    told: list[str] = []
    built = build(settings, Places(tmp_path / "home", tmp_path / "home"), told.append)
    assert len(told) == 1
    assert "policy: " in told[0]
    assert "rules.yaml:3: rules[0].match.when: 'Bash' has capitals" in told[0]
    rules.write_text(rules.read_text().replace("llm.text", "llm.told"))
    built.reload_policy(told.append)
    assert len(told) == 3
