"""Two workers, one Redis, HAProxy before them: a conversation is one conversation wherever its turns land."""

from __future__ import annotations

import json
import signal
import struct
import time
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness import scenario, sse
from harness.clients import ResponsesConversation, Transport, Turn, history_bytes, http
from harness.dialects import Style
from harness.model import PLACEHOLDER, agent, echo
from harness.post import MESSAGES, RESPONSES, Poster, ask
from harness.programs import RedisServer
from harness.provider import UNCOVERED, Provider
from harness.proxy import Proxy
from harness.secrets import Planted, joined, leaks
from harness.team import USERS, Balancer, Team, Worker
from harness.wire import Gate, Received
from harness.wires import WIRES, Access, Wire
from secretgate.demo.planted import Maker

_BY_NAME = {wire.name: wire for wire in WIRES}
_URL = f"https://{RESPONSES[0]}{RESPONSES[1]}"
Reach = Callable[[], Access]


def _stateful(spell: Any) -> Wire:
    def open_(access: Access, stack: Any) -> Transport:
        return http(stack.enter_context(access.client()), _URL, spell)

    return Wire(
        "responses-stateful" + ("-sse" if spell else "-json"),
        lambda system: ResponsesConversation(system, stateful=True),
        open_,
        stateful=True,
    )


TURNS = (
    _BY_NAME["anthropic-sse"],
    _BY_NAME["chat-json-http2"],
    _BY_NAME["responses-sse"],
    _stateful(sse.openai_responses),
    _stateful(None),
)


def hold(
    wire: Wire,
    reach: Reach,
    provider: Provider,
    planted: Planted,
    between: Callable[[int], None] = lambda turn: None,
) -> list[Received]:
    """Five turns, each over a connection of its own to where `reach` leads; checks what the client got."""
    make = Maker(7)
    invented = f"{make.github()} {make.hex()} {make.stripe()}"
    script = agent(invented)

    def send(body: Any) -> Any:
        with wire.transport(reach()) as transport:
            return transport(body)

    style = Style(delta=3, interleave=True)
    with (
        provider.manner(script=script, style=style),
        provider.recording() as received,
    ):
        conversation = wire.conversation(scenario.system(planted))
        turns = scenario.hold(conversation, send, planted, between)
    check(wire, provider, received, turns, planted, script)
    if not wire.stateful:
        last = json.dumps(received[-1].json)
        assert all(value in last for value in invented.split()), "the provider's own was redacted"
    return received


def check(
    wire: Wire,
    provider: Provider,
    received: list[Received],
    turns: list[Turn],
    planted: Planted,
    script: Any,
) -> None:
    assert len(received) == 5
    assert leaks(joined(each.everything for each in received), planted.secrets) == []
    dialect = provider.dialect(received[0].path)
    for turn in turns:
        assert scenario.said(turn.items) == scenario.expected(dialect, turn.context, script)
    assert PLACEHOLDER.search(json.dumps(received[0].json))
    if not wire.stateful:
        conversation = wire.conversation("")
        for before, after in pairwise(each.json for each in received):
            earlier = history_bytes(before, conversation)
            assert history_bytes(after, conversation)[: len(earlier)] == earlier


@pytest.mark.parametrize("wire", TURNS, ids=str)
def test_turns_on_two_workers_are_one_conversation(
    wire: Wire, team: Team, provider: Provider, planted: Planted
) -> None:
    before = [worker.requests for worker in team.workers]
    turns = cycle(team.workers)
    hold(wire, lambda: next(turns).access(), provider, planted)
    took = [worker.requests - was for worker, was in zip(team.workers, before, strict=True)]
    assert took == [3, 2]


@pytest.mark.parametrize("wire", [TURNS[0], TURNS[3]], ids=str)
def test_behind_haproxy(
    wire: Wire, balancer: Balancer, team: Team, provider: Provider, planted: Planted
) -> None:
    before = [worker.requests for worker in team.workers]
    hold(wire, balancer.access, provider, planted)
    assert all(worker.requests > was for worker, was in zip(team.workers, before, strict=True))


def test_a_websocket_consults_the_others_message_by_message(
    team: Team, provider: Provider, planted: Planted
) -> None:
    wire = _BY_NAME["responses-websocket"]
    script = agent()
    with (
        provider.manner(script=script, style=Style(delta=3)),
        provider.recording() as received,
        wire.transport(team.workers[1].access()) as transport,
    ):
        turns = scenario.hold(wire.conversation(scenario.system(planted)), transport, planted)
    assert leaks(joined(each.everything for each in received), planted.secrets) == []
    dialect = provider.dialect(received[0].path)
    for turn in turns:
        assert scenario.said(turn.items) == scenario.expected(dialect, turn.context, script)


def test_what_one_worker_found_the_other_redacts_wherever_it_stands(
    team: Team, provider: Provider
) -> None:
    """In the second request nothing says that the value is a secret."""
    value = Maker(31).password()
    first, second = (Poster(worker.access(), provider) for worker in team.workers)
    said = ask(MESSAGES, f"DB_PASSWORD={value}")
    assert value.encode() not in first.post(MESSAGES, said).forwarded.raw
    again = second.post(MESSAGES, ask(MESSAGES, f"the word is {value} and no other"))
    assert value.encode() not in again.forwarded.raw


def test_a_call_in_messages_knows_what_another_worker_found(team: Team, provider: Provider) -> None:
    """Its messages are looked at as they come, on the event loop, where nothing waits for Redis."""
    value = Maker(38).password()
    arrived = []
    for worker, said in zip(
        team.workers, (f"DB_PASSWORD={value}", f"the word is {value} and no other"), strict=True
    ):
        with provider.recording() as received, worker.access().client() as client:
            assert call(client, said).status_code == 200
        arrived += received
    assert len(arrived) == 2
    assert all(PLACEHOLDER.search(each.raw.decode("latin-1")) for each in arrived)
    assert all(value.encode() not in each.everything for each in arrived)


def call(client: httpx.Client, said: str) -> httpx.Response:
    """A call of one message, whose length is not told before."""
    raw = said.encode()
    message = b"\x0a" + bytes([len(raw)]) + raw
    content = struct.pack(">BI", 0, len(message)) + message
    headers = {"content-type": "application/connect+proto", "authorization": "Bearer of-the-test"}
    url = "https://api2.cursor.sh/aiserver.v1.ChatService/Stream"
    return client.post(url, content=iter([content]), headers=headers)


def test_nothing_is_restored_to_another_user_of_the_same_account(
    team: Team, provider: Provider
) -> None:
    """Both use one API key; bob knows alice's placeholder and the id of her conversation."""
    value = Maker(32).github()
    alice = Poster(team.workers[0].access("alice"), provider)
    with provider.manner(script=echo):
        hers = alice.post(RESPONSES, ask(RESPONSES, f"token {value}", store=True))
        assert value.encode() in hers.content
        placeholder = PLACEHOLDER.search(hers.forwarded.raw.decode())
        assert placeholder
        link = json.loads(hers.content)["id"]
        said = ask(RESPONSES, f"what is {placeholder[0]}?", previous_response_id=link)
        for worker in team.workers:
            got = Poster(worker.access("bob"), provider).post(RESPONSES, said)
            assert got.status == 200
            assert value.encode() not in got.content
            assert placeholder[0].encode() in got.content
        for worker in team.workers:
            got = Poster(worker.access("alice"), provider).post(RESPONSES, said)
            assert value.encode() in got.content


def test_what_the_proxy_is_told_stays_there(
    team: Team, balancer: Balancer, provider: Provider
) -> None:
    secret = "of-the-client"
    with provider.recording() as received, team.workers[0].access().client() as client:
        headers = {"proxy-authorization": f"Basic {secret}", "x-api-key": "of-the-test"}
        for url in (f"https://{MESSAGES[0]}{MESSAGES[1]}", f"https://{MESSAGES[0]}/v1/models"):
            client.post(url, content=ask(MESSAGES, "hello"), headers=headers)
    assert len(received) == 2
    for each in received:
        assert each.header("proxy-authorization") is None
        assert secret.encode() not in each.everything
        assert not any(password.encode() in each.everything for password in USERS.values())


@pytest.mark.parametrize("user", ["", "alice:wrong@", "nobody:of-alice@"])
def test_who_is_not_known_gets_nowhere(user: str, team: Team, provider: Provider) -> None:
    worker = team.workers[0]
    access = Access(worker.context, f"http://{user}127.0.0.1:{worker.port}")
    with (
        provider.recording() as received,
        access.client() as client,
        pytest.raises(httpx.ProxyError, match="407"),
    ):
        client.post(f"https://{MESSAGES[0]}{MESSAGES[1]}", content=ask(MESSAGES, "hello"))
    assert received == []


def test_a_worker_that_dies_takes_its_streams_along_and_nothing_else(
    balancer: Balancer, team: Team, provider: Provider, planted: Planted
) -> None:
    victim = team.workers[0]

    def between(turn: int) -> None:
        if turn == 2:
            victim.kill()

    try:
        hold(TURNS[0], balancer.access, provider, planted, between)
    finally:
        victim.start()
    balancer.wait_for("UP", "UP")


def test_a_stream_breaks_off_with_its_worker_and_the_next_turn_finds_all(
    balancer: Balancer, team: Team, provider: Provider
) -> None:
    value = Maker(33).github()
    gate = Gate(after=3)
    said = ask(MESSAGES, f"token {value}", stream=True)
    victim = team.workers[0]
    with provider.manner(script=echo, style=Style(delta=4), gate=gate):
        poster = Poster(victim.access(), provider)
        with poster.stream(MESSAGES, said) as response:
            chunks = response.iter_bytes()
            next(chunks)
            assert gate.reached.wait(10)
            victim.kill()
            with pytest.raises(httpx.TransportError):
                b"".join(chunks)
    with provider.manner(script=echo):
        got = Poster(balancer.access(), provider).post(MESSAGES, ask(MESSAGES, f"so: {value}"))
    assert value.encode() in got.content
    assert value.encode() not in got.forwarded.raw
    victim.start()
    balancer.wait_for("UP", "UP")


@pytest.fixture
def without_redis(vault: RedisServer, team: Team) -> Iterator[Callable[[], None]]:
    """Stops it; it is back for the next test."""
    stopped: list[bool] = []

    def stop() -> None:
        vault.stop()
        stopped.append(True)

    yield stop
    if stopped:
        vault.start()
        for worker in team.workers:
            wait_for_vault(worker)


def wait_for_vault(worker: Worker) -> None:
    """Until it answers requests again."""
    with worker.access().client() as client:
        for _ in range(200):
            url = f"https://{MESSAGES[0]}{MESSAGES[1]}"
            if client.post(url, content=ask(MESSAGES, "hello")).status_code == 200:
                return
            time.sleep(0.05)
    raise AssertionError(worker.output[-2000:].decode())


def test_without_redis_nothing_leaves_and_the_client_is_told_in_the_providers_shape(
    team: Team, provider: Provider, without_redis: Callable[[], None]
) -> None:
    value = Maker(34).github()
    poster = Poster(team.workers[0].access(), provider)
    without_redis()
    got = poster.post(MESSAGES, ask(MESSAGES, f"token {value}"))
    assert got.refused
    assert got.status == 503
    error = json.loads(got.content)
    assert error["type"] == "error"
    assert "vault" in error["error"]["message"]
    with provider.recording() as received, team.workers[0].access().client() as client:
        assert b"vault" in call(client, f"token {value}").content
    assert received == []
    assert value.encode() not in got.content
    status, state = team.workers[0].asked()
    assert (status, state["vault_lost"]) == (200, True)


def test_without_redis_what_needs_no_vault_goes_on(
    team: Team, provider: Provider, without_redis: Callable[[], None]
) -> None:
    """A stream that runs is restored to its end; models are listed; what is not covered is tunnelled."""
    value = Maker(35).github()
    gate = Gate(after=2)
    poster = Poster(team.workers[0].access(), provider)
    with provider.manner(script=echo, style=Style(delta=4), gate=gate):
        said = ask(MESSAGES, f"token {value}", stream=True)
        with poster.stream(MESSAGES, said) as response:
            chunks = response.iter_bytes()
            got = next(chunks)
            without_redis()
            gate.open()
            got += b"".join(chunks)
    message = sse.anthropic(sse.payloads(iter([got])))
    assert value in json.dumps(message)
    assert poster.post(("api.anthropic.com", "/v1/models"), b"", method="GET").status == 200
    with httpx.Client(
        proxy=poster.access.proxy, verify=team.workers[0].context(), trust_env=False
    ) as client:
        assert client.get(f"https://{UNCOVERED}/").status_code == 200


def test_a_conversation_goes_on_when_redis_is_back(
    team: Team, vault: RedisServer, provider: Provider, planted: Planted
) -> None:
    def between(turn: int) -> None:
        if turn == 2:
            vault.stop()
            refused = Poster(team.workers[1].access(), provider).post(
                MESSAGES, ask(MESSAGES, "in between")
            )
            assert refused.refused
            vault.start()
            for worker in team.workers:
                wait_for_vault(worker)

    turns = cycle(team.workers)
    make = Maker(7)
    script = agent(make.github())
    wire = TURNS[3]

    def send(body: Any) -> Any:
        with wire.transport(next(turns).access()) as transport:
            return transport(body)

    with provider.manner(script=script), provider.recording() as received:
        conversation = wire.conversation(scenario.system(planted))
        held = scenario.hold(conversation, send, planted, between)
    assert leaks(joined(each.everything for each in received), planted.secrets) == []
    dialect = provider.dialect(RESPONSES[1])
    for turn in held:
        assert scenario.said(turn.items) == scenario.expected(dialect, turn.context, script)


def test_where_policy_lets_unreadable_pass_a_worker_goes_on_alone(
    provider: Provider, redis_program: str, tmp_path: Path
) -> None:
    """Redacted by what it finds and knows itself: an outage never lets a found secret leave."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(redis_program, folder)
    server.start()
    team = Team(provider, tmp_path, server.url, count=1, on_unreadable="pass")
    try:
        value = Maker(36).github()
        poster = Poster(team.workers[0].access(), provider)
        server.stop()
        with provider.manner(script=echo):
            got = poster.post(MESSAGES, ask(MESSAGES, f"token {value}"))
        assert value.encode() not in got.forwarded.raw
        assert value.encode() in got.content
    finally:
        server.stop()
        team.stop()


def test_a_rolling_restart_breaks_no_stream(
    balancer: Balancer, team: Team, provider: Provider
) -> None:
    value = Maker(37).github()
    leaving, staying = team.workers
    gate = Gate(after=2)
    with provider.manner(script=echo, style=Style(delta=4), gate=gate):
        said = ask(MESSAGES, f"token {value}", stream=True)
        with Poster(leaving.access(), provider).stream(MESSAGES, said) as response:
            chunks = response.iter_bytes()
            got = next(chunks)
            assert gate.reached.wait(10)
            assert leaving._process is not None
            leaving._process.send_signal(signal.SIGTERM)
            balancer.wait_for("DOWN", "UP")
            status, state = leaving.asked()
            assert (status, state["ready"], state["draining"]) == (503, False, True)
            assert leaving.asked("/livez")[0] == 200
            before = staying.requests
            with provider.manner(gate=None):
                other = Poster(balancer.access(), provider).post(MESSAGES, ask(MESSAGES, "hello"))
            assert other.status == 200
            assert staying.requests == before + 1
            with pytest.raises(httpx.ConnectError):
                Poster(leaving.access(), provider).post(MESSAGES, ask(MESSAGES, "hello"))
            gate.open()
            got += b"".join(chunks)
    assert value in json.dumps(sse.anthropic(sse.payloads(iter([got]))))
    assert leaving._process.wait(15) == 0
    leaving.kill()
    leaving.start()
    balancer.wait_for("UP", "UP")


def test_each_worker_is_asked_for_its_counters(team: Team, provider: Provider) -> None:
    pytest.importorskip("prometheus_client", reason="needs the extra metrics")
    worker = team.workers[0]
    assert Poster(worker.access(), provider).post(MESSAGES, ask(MESSAGES, "hi")).status == 200
    status, counted = worker.read("/metrics")
    assert status == 200
    assert b'secretgate_requests_total{provider="anthropic"' in counted


def test_a_shared_vault_without_users_is_warned_of(
    vault: RedisServer, provider: Provider, tmp_path: Path
) -> None:
    alone = Proxy(provider, tmp_path, environment={"SECRETGATE_VAULT": vault.url}).start()
    alone.stop()
    assert b"proxyauth=@FILE" in alone.output


def test_nothing_written_anywhere_holds_a_value(
    team: Team, vault: RedisServer, provider: Provider, planted: Planted
) -> None:
    turns = cycle(team.workers)
    hold(TURNS[0], lambda: next(turns).access(), provider, planted)
    stored = {each.name: each.read_bytes() for each in vault.folder.rglob("*") if each.is_file()}
    assert any(b"secretgate:" in content for content in stored.values())
    for name, content in {**team.written(), **stored}.items():
        assert leaks(content, planted.secrets) == [], name
        assert not any(password.encode() in content for password in USERS.values()), name
