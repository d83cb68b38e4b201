"""Policy through a real mitmdump: requests, answers of every family, WebSockets, reload, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.fixtures import Launch
from harness.model import Text, call, echo, saying
from harness.post import MESSAGES, Poster, ask, question
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, leaks
from harness.wire_formats import Peer, Reply
from harness.wires import WIRES, Access, Wire
from policy.answer_cases import BAD, CASES, GOOD, SAYS
from policy.kit import enforced
from secretgate.demo.process import Failed

pytestmark = pytest.mark.e2e

TOOLS = enforced(
    "  - {name: no-rm, action: deny, message: not that, match: {operation: llm.tool_use,"
    " when: \"params.name == 'bash' && params.input.command.contains('rm -rf')\"}}\n"
    "  - {name: mask, action: redact, match: {operation: llm.text, direction: response},"
    " redact: {target: params.text, secrets: true}}\n"
    "  - {name: polite, action: deny, message: say please, match: {operation: llm.text,"
    " direction: request, when: \"params.text.contains('gimme')\"}}\n"
)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "rules.yaml"
    path.write_text(TOOLS)
    return path


@pytest.fixture(scope="module")
def ruled(launch: Launch, rules: Path) -> Proxy:
    return launch(options={"secretgate_policy": str(rules)})


@pytest.fixture(scope="module")
def ruling(ruled: Proxy, provider: Provider) -> Poster:
    return Poster(Access.through(ruled), provider)


@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_a_denied_tool_call_is_told_to_every_client(
    wire: Wire, ruled: Proxy, provider: Provider
) -> None:
    conversation = wire.conversation("Be brief.")
    conversation.say("clean up")
    script = saying(Text("Hm. "), call("bash", command="rm -rf /"))
    with (
        wire.transport(Access.through(ruled)) as transport,
        provider.manner(script=script),
    ):
        message = json.dumps(transport(conversation.body()))
    assert SAYS in message
    assert "Hm. " in message
    assert "rm -rf" not in message
    assert '"tool_use"' not in message
    assert '"tool_calls"' not in message


@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_an_allowed_tool_call_and_a_restored_secret_pass(
    wire: Wire, ruled: Proxy, provider: Provider, planted: Planted
) -> None:
    token = planted.values["GITHUB_TOKEN"]
    conversation = wire.conversation("Be brief.")
    conversation.say(f"GITHUB_TOKEN={token}")

    def script(prompt: Any) -> Any:
        return [Text(f"I use {prompt.value('GITHUB_TOKEN')}."), call("ls", path="/srv")]

    with provider.recording() as arrived, wire.transport(Access.through(ruled)) as transport:
        with provider.manner(script=script):
            message = json.dumps(transport(conversation.body()))
        assert leaks(b"\0".join(each.everything for each in arrived), planted.secrets) == []
    assert f"I use {token}." in message
    assert "/srv" in message


@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_a_secret_of_the_models_does_not_reach_the_client(
    wire: Wire, ruled: Proxy, provider: Provider, planted: Planted
) -> None:
    token = planted.values["GITHUB_TOKEN"]
    conversation = wire.conversation("Be brief.")
    conversation.say("make up a token")
    with (
        wire.transport(Access.through(ruled)) as transport,
        provider.manner(script=saying(Text(f"Take {token} for it."))),
    ):
        message = json.dumps(transport(conversation.body()))
    assert token not in message
    assert "Take [REDACTED:github-" in message


def test_a_denied_text_is_refused_and_nothing_is_sent(ruling: Poster) -> None:
    exchange = ruling.post(MESSAGES, ask(MESSAGES, "gimme that"))
    assert exchange.status == 403
    assert exchange.arrived == []
    assert "say please (rule polite)" in json.loads(exchange.content)["error"]["message"]


def test_the_log_tells_what_the_policy_said(ruled: Proxy, ruling: Poster) -> None:
    ruling.post(MESSAGES, ask(MESSAGES, "gimme more"))
    assert ruled.comes(lambda said: b"polite" in said and b"deny" in said)


# Families that the scripted provider does not speak


BEDROCK = "bedrock-runtime.us-east-1.amazonaws.com"
STREAMS = {
    "bedrock converse": (
        BEDROCK,
        "/model/m/converse-stream",
        "application/vnd.amazon.eventstream",
        {"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
    ),
    "cohere": (
        "api.cohere.com",
        "/v2/chat",
        "text/event-stream",
        question(MESSAGES, "hi", stream=True),
    ),
    "ollama": (
        "ollama.com",
        "/api/chat",
        "application/x-ndjson",
        question(MESSAGES, "hi", stream=True),
    ),
}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    made = Peer(tmp_path_factory.mktemp("peer"), [host for host, *_ in STREAMS.values()])
    yield made
    made.close()


@pytest.fixture(scope="module")
def beside(peer: Peer, rules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    options = {"secretgate_policy": str(rules)}
    proxy = Proxy(peer, tmp_path_factory.mktemp("proxy"), options=options).start()  # type: ignore[arg-type]
    yield proxy
    proxy.stop()


@pytest.mark.parametrize("name", STREAMS)
def test_a_denied_streamed_call_of_other_families(name: str, peer: Peer, beside: Proxy) -> None:
    host, path, kind, body = STREAMS[name]
    case = CASES[name]
    peer.respond = lambda asked: Reply(case.write([GOOD, BAD]), kind)
    with httpx.Client(
        proxy=beside.url, verify=beside.context(), timeout=30, trust_env=False
    ) as client:
        answer = client.post(f"https://{host}{path}", json=body)
    seen = case.read(answer.content)
    assert seen.calls == [("ls", {"path": "/"})]
    assert SAYS in seen.text


# Reload and start


def test_a_changed_policy_is_taken_up_and_a_broken_one_is_not(
    launch: Launch, provider: Provider, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(TOOLS)
    proxy = launch(options={"secretgate_policy": str(rules)})
    poster = Poster(Access.through(proxy), provider)

    def status(text: str) -> int:
        return poster.post(MESSAGES, ask(MESSAGES, text)).status

    with provider.manner(script=echo):
        assert (status("gimme"), status("thanks")) == (403, 200)
        rules.write_text(TOOLS.replace("gimme", "thanks"))
        assert proxy.comes(b"policy reloaded")
        assert (status("gimme"), status("thanks")) == (200, 403)
        rules.write_text(TOOLS.replace("action: deny", "action: stop"))
        assert proxy.comes(b"the policy was not reloaded")
        assert b"rules.yaml:5: rules[0].action" in proxy.output.replace(b"\n", b"")
        assert (status("gimme"), status("thanks")) == (200, 403)


def test_a_policy_that_does_not_load_stops_the_start(launch: Launch, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("scope: a\nrules:\n  - {name: r, action: deny, match: {when: 'oops('}}\n")
    with pytest.raises(Failed) as failure:
        launch(options={"secretgate_policy": str(rules)})
    assert "rules.yaml:3: rules[0].match.when: is not a CEL expression" in str(failure.value)


# Where values are put back


@pytest.mark.parametrize("wire", WIRES, ids=str)
def test_values_are_put_back_into_tool_calls_alone(
    wire: Wire, team: Proxy, provider: Provider, planted: Planted
) -> None:
    token = planted.values["GITHUB_TOKEN"]
    conversation = wire.conversation("Be brief.")
    conversation.say(f"GITHUB_TOKEN={token}")

    def script(prompt: Any) -> Any:
        value = prompt.value("GITHUB_TOKEN")
        return [Text(f"I say {value}."), call("bash", command=f"use {value} now")]

    with wire.transport(Access.through(team)) as transport, provider.manner(script=script):
        message = json.dumps(transport(conversation.body()))
    assert f"use {token} now" in message
    assert f"I say {token}." not in message
    assert "I say REDACTED<" in message


@pytest.fixture(scope="module")
def team(launch: Launch) -> Proxy:
    return launch(options={"secretgate_preset": "team"})


def test_observe_changes_nothing_and_tells(
    launch: Launch, provider: Provider, planted: Planted
) -> None:
    proxy = launch(options={"secretgate_preset": "observe"})
    poster = Poster(Access.through(proxy), provider)
    body = ask(MESSAGES, planted.env)
    with provider.manner(script=saying(Text(f"Take {planted.values['STRIPE_SECRET_KEY']}."))):
        exchange = poster.post(MESSAGES, body)
    assert exchange.forwarded.raw == body
    assert planted.values["STRIPE_SECRET_KEY"].encode() in exchange.content
    assert proxy.comes(b"llm.text")
    assert leaks(proxy.output, planted.secrets) == []
