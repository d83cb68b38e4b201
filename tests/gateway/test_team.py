"""Two workers, Redis and HAProxy: a conversation works wherever its turns are handled."""

from __future__ import annotations

import json
from itertools import cycle
from pathlib import Path

import httpx
import pytest

from gateway.talking import BY_NAME, TURNS, call, hold
from harness import scenario
from harness.dialects import Style
from harness.model import PLACEHOLDER, agent, echo
from harness.post import MESSAGES, RESPONSES, Poster, ask
from harness.programs import RedisServer
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, joined, leaks
from harness.team import USERS, Balancer, Team
from harness.wires import Access, Wire
from secretgate.demo.planted import Maker

pytestmark = pytest.mark.e2e


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
    wire = BY_NAME["responses-websocket"]
    script = agent()
    with (
        provider.manner(script=script, style=Style(delta=3)),
        provider.recording() as received,
        wire.transport(team.workers[1].access()) as transport,
    ):
        turns = scenario.hold(wire.conversation(scenario.system(planted)), transport, planted)
    assert leaks(joined(each.everything for each in received), planted.secrets) == []
    dialect = provider.dialect(received[0])
    for turn in turns:
        assert scenario.said(turn.items) == scenario.expected(dialect, turn.context, script)


def test_what_one_worker_found_the_other_redacts_wherever_it_stands(
    team: Team, provider: Provider
) -> None:
    """In the second request, nothing indicates that the value is a secret."""
    value = Maker(31).password()
    first, second = (Poster(worker.access(), provider) for worker in team.workers)
    said = ask(MESSAGES, f"DB_PASSWORD={value}")
    assert value.encode() not in first.post(MESSAGES, said).forwarded.raw
    again = second.post(MESSAGES, ask(MESSAGES, f"the word is {value} and no other"))
    assert value.encode() not in again.forwarded.raw


def test_a_call_in_messages_knows_what_another_worker_found(team: Team, provider: Provider) -> None:
    """Its messages are examined as they arrive, on the event loop, which never waits for Redis."""
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
