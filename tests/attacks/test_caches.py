"""Everything that lives as long as the process is bounded, whatever requests contain.

A flood of requests with nothing in common (clients, hosts, paths, headers, member names, models,
secrets, what the provider writes) lets no object in memory exceed its limit. Limits are reduced
first, so that unlimited objects stand out; they are found in memory, not by name.
"""

from __future__ import annotations

import asyncio
import collections
import functools
import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.addons import proxyserver, upstream_auth
from mitmproxy.test import taddons, tflow

from addon.kit import RULES, Bench, random_text, token
from policy.kit import enforced
from secretgate import counters, engine, gate, ledger, log
from secretgate.counters import Counters
from secretgate.outbound import egress, heads
from secretgate.outbound.requests import Decision, Verdict
from secretgate.policy import requests as policies
from secretgate.policy.secrets import DetectorSecrets
from secretgate.vault import MemoryVault
from secretgate_rules import Detector
from secretgate_rules.memo import forget

FLOOD = 120
SMALL = 16
FEW = 40
"""Growth beyond which an object has no limit, or not the reduced one."""
LARGEST = 8192
"""Maximum number of cached results of one function."""
LIMITS = (
    (heads, "_MOST_QUIET"),
    (egress, "_MOST_STRETCHES"),
    (ledger, "_CACHE"),
    (counters, "MOST_NAMES"),
    (counters, "RECENT"),
    (policies, "_MOST"),
)
_CONTAINERS = (dict, set, list, collections.deque)
RULE = '  - {name: %s, action: %s, match: {operation: %s, when: "%s"}}\n'
POLICY = enforced(
    RULE % ("one", "log", "llm.text", "hasSecrets(params.text)")
    + RULE % ("two", "deny", "llm.tool_use", "hasSecrets(params)")
)
HOSTS: tuple[tuple[str, str], ...] = (
    ("api.anthropic.com", "/v1/messages?x={0}"),
    ("api.openai.com", "/v1/chat/completions"),
    ("{0}.openai.azure.com", "/openai/deployments/{0}/chat/completions?api-version={0}"),
    ("bedrock-runtime.eu-{0}.amazonaws.com", "/model/{0}/converse"),
)


@pytest.fixture
def flooded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[gate.Gate]:
    monkeypatch.setenv("SECRETGATE_HOME", str(tmp_path / "home"))
    for module, name in LIMITS:
        monkeypatch.setattr(module, name, SMALL)
    vault = functools.partial(MemoryVault, most_values=SMALL, most_chains=SMALL, most_scopes=SMALL)
    monkeypatch.setattr(engine, "MemoryVault", vault)
    monkeypatch.setattr(engine, "load_default", lambda barrier, **_: Detector(RULES, barrier))
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with taddons.context(proxyserver.Proxyserver(), upstream_auth.UpstreamAuth()) as context:
        context.options.update(confdir=str(tmp_path / "own"))
        addon = gate.Gate()
        context.master.addons.add(addon)
        context.configure(addon, secretgate_policy=str(policy))
        yield addon


def _flow(number: int) -> http.HTTPFlow:
    odd = random_text(number, 12, "abcdefghijklmnopqrstuvwxyz")
    host, path = (each.format(odd) for each in HOSTS[number % len(HOSTS)])
    one = tflow.tflow()
    one.request.method, one.request.scheme = "POST", "https"
    one.request.host, one.request.path = host, path
    one.request.headers.clear()
    one.request.headers.update(
        {
            "host": host,
            "content-type": "application/json",
            "authorization": f"Bearer {odd}",
            "user-agent": odd,
            "x-session": odd,
            f"x-{odd}": f"two words {odd}",
        }
    )
    text = f"it is {token(number)} so"
    messages = [{"role": "user", "content": text, f"a{odd}": {f"b{odd}": [1, f"y {odd}"]}}]
    body = {"model": odd, "messages": messages, "stream": True, "user": odd}
    one.request.content = json.dumps(body).encode()
    one.client_conn.peername = (f"127.0.{number >> 8}.{number & 255}", 1234)
    return one


def _answer(sent: str, number: int) -> bytes:
    own = token(("written", number))
    delta = {"type": "text_delta", "text": f"{sent} {own}"}
    events: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"choices": [{"index": 0, "delta": {"content": sent, own: own}}], "id": own},
    ]
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


async def _converse(addon: gate.Gate, number: int) -> None:
    async def call(hook: Callable[[http.HTTPFlow], Any]) -> None:
        result = hook(one)
        if result is not None:
            await result

    one = _flow(number)
    await call(addon.requestheaders)
    await call(addon.request)
    assert one.response is None
    assert token(number).encode() not in (one.request.raw_content or b"")
    sent = json.loads(one.request.raw_content or b"")["messages"][0]["content"]
    one.response = http.Response.make(200, b"", {"content-type": "text/event-stream"})
    await call(addon.responseheaders)
    assert callable(one.response.stream)
    data = _answer(sent, number)
    gone = [one.response.stream(piece) for piece in (data[:99], data[99:], b"")]
    out = b"".join(each if isinstance(each, bytes) else b"".join(each) for each in gone)
    assert token(number).encode() in out
    await call(addon.response)


def _sizes() -> dict[int, tuple[Any, int]]:
    gc.unfreeze()
    gc.collect()
    found: dict[int, tuple[Any, int]] = {}
    tracked = gc.get_objects()
    # The garbage collector does not track a dict of bytes or numbers.
    for each in [*tracked, *(one for one in gc.get_referents(*tracked) if isinstance(one, dict))]:
        if isinstance(each, _CONTAINERS) and each is not found:
            found[id(each)] = each, len(each)
        elif isinstance(each, functools._lru_cache_wrapper):
            found[id(each)] = each, each.cache_info().currsize
    return found


def _grown(before: dict[int, int]) -> Iterator[Any]:
    """Yield objects that existed before and have grown; new modules are large from the start."""
    for key, (each, size) in _sizes().items():
        if key in before and size - before[key] > FEW:
            yield each


def _owner(held: Any) -> str:
    """Return what of our code refers to it: the type of an object, or a module and a name in it."""
    names = set()
    for each in gc.get_referrers(held):
        if not isinstance(each, dict):
            names.add(f"{type(each).__module__}.{type(each).__qualname__}")
            continue
        told = [str(key) for key, value in each.items() if value is held]
        module = each.get("__name__") or "".join(
            f"{type(holder).__module__}.{type(holder).__qualname__}"
            for holder in gc.get_referrers(each)
            if getattr(holder, "__dict__", None) is each
        )
        names |= {f"{module}.{name}" for name in told}
    return " ".join(sorted(name for name in names if name.startswith("secretgate")))


@pytest.mark.thorough
@pytest.mark.timeout(120)
async def test_a_flood_of_what_is_new_lets_nothing_grow(flooded: gate.Gate) -> None:
    for number in range(SMALL):
        await _converse(flooded, number)
    before = {key: size for key, (_, size) in _sizes().items()}
    for number in range(SMALL, SMALL + FLOOD):
        await _converse(flooded, number)
    asyncio.get_running_loop().call_soon(log.flush)
    await asyncio.sleep(0)
    unbounded = []
    for each in _grown(before):
        if isinstance(each, functools._lru_cache_wrapper):
            most = each.cache_info().maxsize
            ours = (each.__module__ or "").startswith("secretgate")
            if ours and (most is None or most > LARGEST):
                unbounded.append(f"{each.__module__}.{each.__qualname__}")
        elif owner := _owner(each):
            unbounded.append(f"{len(each)} {type(each).__name__} of {owner}")
    assert unbounded == []
    history = flooded.engine().redactor.history
    assert history.size <= history._limit


def test_what_a_policy_found_in_answers_is_forgotten() -> None:
    scanner = DetectorSecrets(Detector(RULES))
    text = f"it is {token(1)}".encode()
    assert scanner.find(text)
    assert scanner.find(text) is scanner.find(text)
    forget()
    assert [each for each in gc.get_referrers(text) if isinstance(each, tuple)] == []


def test_long_texts_are_not_remembered_for_a_policy() -> None:
    scanner = DetectorSecrets(Detector(RULES))
    text = b"x " * 50_000 + token(1).encode()
    assert scanner.find(text) == scanner.find(text)
    assert scanner._looking.cache_info().currsize == 0


def test_what_was_counted_is_bounded_and_the_newest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "MOST_NAMES", 3)
    bench, counted = Bench(), Counters()
    for number in (*range(5), 4, 3):
        found = bench.redact(json.dumps(token(number)).encode())
        counted.request("one", Decision(Verdict.REDACTED, found.issued, spots=tuple(found.spots)))
    assert sum(counted.redacted.values()) == 5
    assert len(counted._names) == 3
