"""Which requests are processed in a thread."""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from addon.kit import ANTHROPIC, SCOPE, Bench, detector, token
from policy.kit import enforced, policy
from secretgate.bodies.json_body import JsonBody
from secretgate.bodies.json_walk import Reading
from secretgate.hosts import Route, Treatment
from secretgate.outbound import redaction
from secretgate.outbound.deciding import Requests
from secretgate.outbound.inspection import Inspection, Redaction
from secretgate.outbound.requests import Decision, Request
from secretgate.placeholders import Issued
from secretgate.policy.requests import Policies
from secretgate.providers import DIALECTS
from secretgate.proxy import threads
from secretgate.proxy.threads import (
    ALWAYS_IN_A_THREAD,
    IN_A_THREAD,
    Pace,
    collected_in_parts,
    message_decided,
)
from secretgate.settings import Settings

REQUEST = Request(
    route=Route(provider="anthropic", dialect=ANTHROPIC, treatment=Treatment.CONTENT),
    method="POST",
    path="/v1/messages",
    headers={},
    content=b"",
    scope=SCOPE,
    exempt=(),
)
KNOWN = SCOPE._replace(client="one that is known")


def asked(*texts: str, size: int = 0, **other: Any) -> tuple[Request, Reading]:
    """Return a request with these texts and, in a number, so many bytes more; and its reading."""
    content = json.dumps({"texts": texts}).encode().replace(b"}", b', "n": 1' + b"1" * size + b"}")
    request = replace(REQUEST, content=content, **other)
    return request, Reading(content, ANTHROPIC.request_paths.root)


def note(
    pace: Pace, monkeypatch: pytest.MonkeyPatch, seconds: float, text: str, **other: Any
) -> None:
    times = iter((1.0, 1.0 + seconds))
    monkeypatch.setattr(threads.time, "thread_time", lambda: next(times))
    request, reading = asked(text, **other)
    pace.takes_long(request, reading)
    assert pace.timed(request, reading, lambda: reading.body) is reading.body


SMALL = "x" * (IN_A_THREAD - 100)
MIDDLE = "x" * (IN_A_THREAD + 1)
LARGE = "x" * (ALWAYS_IN_A_THREAD + 1)


@pytest.mark.parametrize(
    ("texts", "given", "long"),
    [
        ((SMALL,), {}, (False, False)),
        ((MIDDLE,), {}, (True, False)),
        ((LARGE,), {}, (True, True)),
        (("x" * 9,) * 5000, {}, (False, False)),
        (("x" * 9,) * 9000, {}, (True, True)),
        ((), {"size": len(LARGE)}, (True, True)),
        ((SMALL,), {"headers": {"content-encoding": "zstd"}}, (True, True)),
        ((SMALL,), {"headers": {"authorization": "AWS4-HMAC-SHA256 ..."}}, (True, True)),
    ],
)
def test_what_may_take_long_goes_to_a_thread(
    monkeypatch: pytest.MonkeyPatch,
    texts: tuple[str, ...],
    given: dict[str, Any],
    long: tuple[bool, bool],
) -> None:
    """In a scope of which nothing is known, and in one that was fast until now."""
    pace = Pace()
    note(pace, monkeypatch, 0.001, MIDDLE, scope=KNOWN)
    requests = (asked(*texts, **given), asked(*texts, **given, scope=KNOWN))
    assert tuple(pace.takes_long(*each) for each in requests) == long


def test_a_large_body_that_is_not_read_item_by_item_goes_to_a_thread() -> None:
    assert not Pace().takes_long(asked(SMALL)[0], None)
    assert Pace().takes_long(asked(MIDDLE)[0], None)


def test_what_was_seen_before_is_little_work() -> None:
    bench = Bench()
    item = {"role": "user", "content": [{"type": "text", "text": "nothing to see " * 40}]}
    raw = json.dumps({"messages": [item] * 2000}).encode()
    seen = bench.redactor.seen(SCOPE, "", ANTHROPIC.name)
    request = replace(REQUEST, content=raw)
    for long in (True, False):
        reading = Reading(raw, ANTHROPIC.request_paths.root, seen)
        assert Pace().takes_long(request, reading) is long
        bench.redactor.inspect(reading.body, SCOPE)


def test_what_follows_a_slow_request_goes_to_a_thread_until_it_has_been_fast_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pace = Pace()
    note(pace, monkeypatch, 0.03, MIDDLE)
    assert pace.takes_long(*asked(MIDDLE))
    assert pace.takes_long(*asked(SMALL))
    assert not pace.takes_long(*asked(SMALL[: len(SMALL) // 4]))
    note(pace, monkeypatch, 0.001, MIDDLE)
    assert pace.takes_long(*asked(MIDDLE))
    note(pace, monkeypatch, 0.001, MIDDLE)
    assert not pace.takes_long(*asked(MIDDLE))


def test_small_requests_full_of_secrets_go_to_a_thread_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pace = Pace()
    dense, tiny = SMALL[: 8 << 10], SMALL[: 1 << 10]
    note(pace, monkeypatch, 0.05, dense)
    assert pace.takes_long(*asked(dense))
    note(pace, monkeypatch, 0.0004, tiny)
    assert pace.takes_long(*asked(dense))
    for _ in range(3):
        note(pace, monkeypatch, 0.0004, dense)
    assert not pace.takes_long(*asked(dense))


def test_paces_of_few_scopes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_MOST_SCOPES", 2)
    pace = Pace()
    scopes = [SCOPE._replace(client=name) for name in ("first", "second", "third")]
    for scope in scopes:
        note(pace, monkeypatch, 0.001, MIDDLE, scope=scope)
    assert [pace.takes_long(*asked(MIDDLE, scope=each)) for each in scopes] == [True, False, False]


def secrets(count: int) -> str:
    return " ".join(token(number) for number in range(count))


def decided(request: Request, requests: Requests) -> tuple[Decision, bool]:
    """Return the decision, and whether a thread reached it."""
    reading = requests.reading(request)

    def decide() -> tuple[Decision, int]:
        return requests.decide(request, reading), threading.get_ident()

    decision, thread = asyncio.run(Pace().decided(detector(), request, reading, decide))
    return decision, thread != threading.get_ident()


def gate() -> Requests:
    bench = Bench()
    return Requests(Settings(), bench.redactor, bench.vault, Issued(bench.template, {}))


@pytest.mark.parametrize(("count", "moved"), [(10, False), (400, True)])
def test_what_turns_out_to_be_full_of_secrets_is_decided_in_a_thread(
    count: int, moved: bool
) -> None:
    request, _ = asked(secrets(count))
    assert len(request.content) < IN_A_THREAD
    decision, in_a_thread = decided(request, gate())
    assert in_a_thread is moved
    assert len(decision.spots) == count
    assert decision.content == gate().decide(request).content


@pytest.mark.parametrize(
    ("text", "moved"), [(secrets(10), False), (secrets(400), True), (LARGE, True)]
)
def test_messages_that_must_be_decided_on_once_go_to_a_thread_at_once(
    text: str, moved: bool
) -> None:
    """Of a WebSocket, and of an MCP server."""
    route = Route(provider="mcp", dialect=DIALECTS["mcp"], treatment=Treatment.CONTENT)
    request, _ = asked(text, route=route)
    decided_in = [
        message_decided(detector(), request.content, threading.get_ident),
        Pace().decided(detector(), request, None, threading.get_ident),
    ]
    for decided_ in decided_in:
        assert (asyncio.run(decided_) != threading.get_ident()) is moved


def test_rules_that_count_requests_count_one_that_moves_to_a_thread_once() -> None:
    limit = """- {name: limit, action: deny, match: {operation: llm.request, when: "rateCount('k', '1h') > 2"}}"""
    bench = Bench()
    requests = Requests(
        Settings(),
        bench.redactor,
        bench.vault,
        Issued(bench.template, {}),
        Policies(policy(enforced(limit))),
    )
    request, _ = asked(secrets(400))
    outcomes = [decided(request, requests) for _ in range(3)]
    assert [in_a_thread for _, in_a_thread in outcomes] == [True, True, True]
    assert [decision.refused for decision, _ in outcomes] == [False, False, True]


def test_the_garbage_collector_visits_what_a_thread_makes_in_parts() -> None:
    request, reading = asked(LARGE)
    usual = gc.get_threshold()
    visited: list[int] = []

    def note(phase: str, told: dict[str, int]) -> None:
        # Before and after, everything that other tests have made may be visited at any time.
        if phase == "start" and gc.get_threshold() != usual:
            visited.append(sum(map(len, map(gc.get_objects, range(told["generation"] + 1)))))

    def decide() -> list[list[int]]:
        with collected_in_parts():
            pass
        assert gc.get_threshold() != usual
        return [[number] for number in range(100_000)]

    gc.callbacks.append(note)
    try:
        made = asyncio.run(Pace().decided(detector(), request, reading, decide))
    finally:
        gc.callbacks.remove(note)
    assert len(made) == 100_000
    assert len(visited) > 20
    assert max(visited) < 20_000
    assert len(gc.get_objects(0)) < 20_000
    assert gc.get_threshold() == usual
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Pace().decided(detector(), request, reading, lambda: 1 // 0))
    assert gc.get_threshold() == usual


def test_what_was_found_is_freed_piece_by_piece() -> None:
    """Freed all at once, it would hold up every thread."""
    bench = Bench()
    found: list[Sequence[Sequence[object]]] = []

    class Watched(Inspection):
        def result(self, *asked: Any) -> Redaction:
            result = super().result(*asked)
            found.append([*self._found.values(), *self._changed.values()])
            assert len(found[0]) == 2
            return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "Inspection", Watched)
        bench.redact(json.dumps([token(1)]).encode())
    assert all(not each for each in found[0])


@pytest.mark.parametrize("text", ["a few words", LARGE, secrets(400)], ids=["", "large", "dense"])
def test_a_request_is_remembered_once_it_was_sent(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """The hook has returned by then; and the next request finds all of it."""
    bench = Bench()
    requests = Requests(Settings(), bench.redactor, bench.vault, Issued(bench.template, {}))
    history = bench.redactor.history
    content = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    request = replace(REQUEST, content=content, headers={"content-type": "application/json"})

    async def turn() -> Decision:
        reading = requests.reading(request)
        decide = functools.partial(requests.decide, request, reading)
        return await Pace().decided(detector(), request, reading, decide)

    async def turns() -> tuple[Decision, Decision]:
        remembered = asyncio.Event()
        loop, keep = asyncio.get_running_loop(), history.keep

        def kept(*args: Any) -> None:
            keep(*args)
            loop.call_soon_threadsafe(remembered.set)

        monkeypatch.setattr(history, "keep", kept)
        first = await turn()
        assert history.size == 0
        await remembered.wait()
        again = requests.reading(request)
        assert isinstance(again, Reading)
        assert isinstance(again.body, JsonBody)
        assert again.body.passed
        return first, await turn()

    first, second = asyncio.run(asyncio.wait_for(turns(), 20))
    assert first.content == second.content


def test_thousands_of_values_are_not_visited_by_the_garbage_collector() -> None:
    """A full collection takes as long as what it visits, and all flows wait for it."""

    def long() -> set[int]:
        gc.collect()
        return {
            id(each) for each in gc.get_objects() if isinstance(each, list) and len(each) > 1000
        }

    before = long()
    bench = Bench()
    bench.redact(json.dumps([token(number) for number in range(1500)]).encode())
    assert len(bench.vault.known(SCOPE)) == 1500
    assert not long() - before
