"""The audit log of a real proxy: one record per request and per answer, without values."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from harness import scenario
from harness.clients import ResponsesConversation
from harness.fixtures import Launch
from harness.model import Text, agent, echo
from harness.post import CHAT, GEMINI, MESSAGES, RESPONSES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, leaks
from harness.wires import WIRES, Access
from secretgate.audit import chain
from secretgate.audit.record import FIELDS, LINKS, Record
from secretgate.audit.verify import records, verify
from secretgate.demo.process import Failed
from secretgate.placeholders import Namer, Template


def key(proxy: Proxy) -> bytes:
    secret = (proxy.home / "secretgate" / "placeholder.key").read_bytes()
    return chain.derived(Namer(Template(), secret).digest)


def folder(proxy: Proxy) -> Path:
    return proxy.home / "secretgate" / "audit"


def log(proxy: Proxy) -> list[Record]:
    """Return all records of a proxy that has ended, and check that the log is intact."""
    verdict = verify(folder(proxy), key(proxy))
    assert (verdict.problems, verdict.notes) == ([], [])
    return list(records(folder(proxy)))


def test_a_request_and_its_answer_are_on_record(
    launch: Launch, provider: Provider, planted: Planted
) -> None:
    proxy = launch()
    poster = Poster(Access.through(proxy), provider)
    agents = {"user-agent": "claude-cli/1.0 (external)"}
    body = ask(MESSAGES, f"GITHUB_TOKEN={planted.values['GITHUB_TOKEN']}", stream=True)
    with provider.manner(script=echo):
        poster.post(MESSAGES, body, headers=agents)
    poster.post(CHAT, ask(CHAT, "hello")[:-3])
    proxy.stop()
    request, answer, unread = log(proxy)
    assert (request.event, answer.event) == ("request", "answer")
    assert request.exchange == answer.exchange != unread.exchange
    assert request.host == "api.anthropic.com"
    assert (request.provider, request.dialect, request.client) == (
        "anthropic",
        "anthropic",
        "claude-cli",
    )
    assert (request.model, request.mode, request.enforcement) == ("m", "redact", "enforce")
    assert (request.operation, answer.operation) == ("llm.request", "llm.response")
    assert (request.decision, request.refused) == ("redacted", False)
    assert request.rules == {"github-pat": 1}
    assert request.types == ("SECRET_GITHUB_PAT",)
    assert request.issued == len(request.placeholders) == answer.restored == 1
    assert answer.placeholders == request.placeholders
    assert re.fullmatch("[0-9a-f]{12}", request.placeholders[0])
    assert request.bytes_total == len(body)
    assert answer.status == 200
    assert (unread.decision, unread.refused) == ("unreadable", True)
    assert unread.bytes_total == unread.bytes_unreadable == len(ask(CHAT, "hello")) - 3
    lines = (folder(proxy) / "audit.jsonl").read_bytes()
    assert set(json.loads(lines.splitlines()[0])) <= {*FIELDS, *LINKS}


def test_every_mode_and_wire_is_on_record_without_a_value(
    launch: Launch, provider: Provider, planted: Planted
) -> None:
    for mode in ("redact", "block", "audit"):
        proxy = launch(options={"secretgate_mode": mode})
        access = Access.through(proxy)
        poster = Poster(access, provider)
        with provider.manner(script=echo):
            for target in (MESSAGES, CHAT, RESPONSES, GEMINI):
                poster.post(target, ask(target, f"{planted.env}\n{planted.pem}"))
        if mode == "redact":
            wire = next(wire for wire in WIRES if wire.name == "responses-websocket")
            with wire.transport(access) as transport, provider.manner(script=agent()):
                scenario.hold(wire.conversation(scenario.system(planted)), transport, planted)
        proxy.stop()
        found = log(proxy)
        decisions = {each.decision for each in found if each.event == "request"}
        assert decisions - {"clean"} == {
            {"redact": "redacted", "block": "blocked", "audit": "audited"}[mode]
        }
        assert {each.provider for each in found} == {"anthropic", "openai", "gemini"}
        written = b"".join(path.read_bytes() for path in folder(proxy).iterdir())
        assert leaks(written, planted.secrets) == []


def test_each_message_of_a_websocket_and_each_answer_is_on_record(
    launch: Launch, provider: Provider, planted: Planted
) -> None:
    proxy = launch()
    wire = next(wire for wire in WIRES if wire.name == "responses-websocket")
    conversation = ResponsesConversation("Be brief.", stateful=True)
    with wire.transport(Access.through(proxy)) as transport, provider.manner(script=echo):
        for _ in range(3):
            conversation.say(f"GITHUB_TOKEN={planted.values['GITHUB_TOKEN']}")
            transport(conversation.body())
    proxy.stop()
    requests = [each for each in log(proxy) if each.event == "request" and each.bytes_total]
    answers = [each for each in log(proxy) if each.event == "answer"]
    assert [each.decision for each in requests] == ["redacted"] * 3
    assert [each.restored for each in answers] == [1, 1, 1]
    assert {each.exchange for each in requests} == {each.exchange for each in answers}


RULES = {
    "bananas": "mode: enforce",
    "cherries": "mode: enforce\non_error: open",
    "dates": "mode: audit_only",
}


def rules(fruit: str, head: str) -> str:
    return f"""
scope: {fruit}
{head}
rules:
  - name: no-{fruit}
    match: {{operation: llm.text, when: "params.text.contains('{fruit}')"}}
    action: deny
"""


def test_rules_of_the_policy_are_on_record(
    launch: Launch, provider: Provider, tmp_path: Path
) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    for fruit, head in RULES.items():
        (folder / f"{fruit}.yaml").write_text(rules(fruit, head))
    proxy = launch(options={"secretgate_policy": folder})
    poster = Poster(Access.through(proxy), provider)
    assert poster.post(MESSAGES, ask(MESSAGES, "some bananas")).refused
    with provider.manner(script=lambda prompt: [Text("some cherries")]):
        exchange = poster.post(MESSAGES, ask(MESSAGES, "a fruit"))
    assert b"some cherries" not in exchange.content
    with provider.manner(script=lambda prompt: [Text("yes")]):
        assert not poster.post(MESSAGES, ask(MESSAGES, "some dates")).refused
    proxy.stop()
    banana, request, cherry, date, _ = log(proxy)
    assert (banana.decision, banana.refused, banana.policy) == ("blocked", True, ("no-bananas",))
    assert banana.enforcement == "enforce"
    assert banana.bytes_scanned == request.bytes_scanned + len("some bananas") - len("a fruit")
    assert (request.decision, request.policy) == ("clean", ())
    assert (cherry.event, cherry.decision, cherry.policy) == ("answer", "blocked", ("no-cherries",))
    assert cherry.enforcement == "enforce_but_ignore_on_error"
    assert (date.decision, date.policy, date.enforcement) == ("clean", ("no-dates",), "audit")


def test_a_log_that_cannot_be_written_stops_nothing_and_is_told_of(
    launch: Launch, provider: Provider, planted: Planted, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    proxy = launch(options={"secretgate_audit_folder": tmp_path / "file" / "audit"})
    poster = Poster(Access.through(proxy), provider)
    for _ in range(3):
        assert poster.post(MESSAGES, ask(MESSAGES, planted.env)).status == 200
    proxy.stop()
    assert proxy.output.count(b"cannot be written; requests go on") == 1


def test_a_log_that_must_be_written_and_cannot_be_stops_the_start(
    launch: Launch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Failed, match="cannot be created"):
        launch(
            options={
                "secretgate_audit_folder": tmp_path / "file" / "audit",
                "secretgate_audit_on_error": "block",
            }
        )


def test_a_log_that_must_be_written_blocks_while_it_cannot_be(
    launch: Launch, provider: Provider, tmp_path: Path
) -> None:
    place = tmp_path / "audit"
    proxy = launch(options={"secretgate_audit_folder": place, "secretgate_audit_on_error": "block"})
    poster = Poster(Access.through(proxy), provider)
    body = ask(MESSAGES, "hello")
    assert poster.post(MESSAGES, body).status == 200
    place.rename(tmp_path / "away")
    place.write_bytes(b"")
    refused = until(lambda: poster.post(MESSAGES, body), lambda each: each.status != 200)
    assert refused.status == 503
    assert refused.arrived == []
    assert "audit_on_error" in json.loads(refused.content)["error"]["message"]
    place.unlink()
    (tmp_path / "away").rename(place)
    served = until(lambda: poster.post(MESSAGES, body), lambda each: each.status == 200)
    assert served.forwarded.raw == body
    proxy.stop()
    assert verify(place, key(proxy)).problems == []
    assert b"is being written again" in proxy.output


def until(act: Any, well: Any, seconds: float = 20) -> Any:
    """Repeat `act` until `well` accepts its result, and return that."""
    end = time.monotonic() + seconds
    while not well(given := act()):
        assert time.monotonic() < end, given
    return given
