"""Log and audit records of requests: their order, and if before or after the request leaves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from addon.kit import KEY, SCOPE
from secretgate import log
from secretgate.audit.trail import Trail
from secretgate.hosts import Hosts, builtin
from secretgate.outbound.requests import Decision, Request, Verdict
from secretgate.outbound.spots import Spot
from secretgate.placeholders import Issued, Namer, Template
from secretgate.policy.model import Action, Mutation
from secretgate.policy.model import Decision as Ruled
from secretgate.proxy.exchange import Exchange
from secretgate.proxy.reporting import Reporter

COUNT = re.compile(r" count=([0-9]+)")
MORE = re.compile(r" more_fields=([0-9]+)")
NOTHING = Issued(Namer(Template(), KEY).template, {})
CLEAN = Decision(Verdict.CLEAN, NOTHING)
REFUSED = Decision(Verdict.BLOCKED, NOTHING, status=403, message="no")
UNREADABLE = Decision(Verdict.UNREADABLE, NOTHING)


class Told(Trail):
    """A trail that records its calls."""

    def __init__(self, strict: bool = False, fails: str = "") -> None:
        super().__init__(strict=strict)
        self.heard: list[str] = []
        self._fails = fails
        self._came = asyncio.Event()

    def request(self, exchange: str, *_: Any) -> None:
        if exchange == self._fails:
            raise ValueError("a value that nobody should see")
        self.heard.append(f"request {exchange}")
        self._came.set()

    def answer(self, exchange: str, *_: Any) -> None:
        self.heard.append(f"answer {exchange}")
        self._came.set()

    async def come(self) -> None:
        """Wait until something is recorded."""
        await self._came.wait()
        self._came.clear()

    def failure(self, exchange: str, *_: Any) -> None:
        self.heard.append(f"failure {exchange}")


def exchange(name: str, decision: Decision = CLEAN) -> Exchange:
    route = Hosts(builtin()).route(["api.anthropic.com"], "/v1/messages")
    assert route is not None
    request = Request(route, "POST", "/v1/messages", {}, b"{}", SCOPE, ())
    engine: Any = SimpleNamespace(settings=SimpleNamespace(mode="redact"))
    return Exchange(engine, request, decision, name)


def reporter(trail: Told) -> Reporter:
    made = Reporter()
    made.trail = trail
    return made


def decide(made: Reporter, name: str, decision: Decision = CLEAN) -> None:
    made.decided(exchange(name, decision), decision)


async def test_what_goes_on_is_told_of_once_it_has_left() -> None:
    trail = Told()
    made = reporter(trail)
    decide(made, "one")
    made.ended(exchange("one"), 200)
    assert trail.heard == []
    await trail.come()
    assert trail.heard == ["request one", "answer one"]


def test_the_line_about_a_request_names_its_model_and_counts_its_messages(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = Reporter()
    decide(made, "one", replace(CLEAN, model="gpt-4o", messages=12))
    decide(made, "two")
    named, unnamed = capsys.readouterr().err.splitlines()
    assert "verdict=clean" in named
    assert "model=gpt-4o" in named
    assert "messages=12" in named
    assert "model" not in unnamed
    assert "messages=" not in unnamed


def test_many_findings_take_few_lines_that_count_all_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spots = [Spot(f"rule-{at % 3}", f"messages[{at}].content", "high") for at in range(10_000)]
    decide(Reporter(), "one", replace(CLEAN, verdict=Verdict.REDACTED, spots=(*spots, spots[0])))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) < 70
    assert sum(int(count) for line in lines for count in COUNT.findall(line)) == 10_001
    fields = sum(int(count) for line in lines for count in MORE.findall(line))
    assert fields + sum(" field=" in line for line in lines) == 10_000


def test_many_rulings_that_are_alike_take_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    rulings = tuple(
        Ruled(Action.REDACT, rule, mutations=(Mutation(f"params[{at}]", "", rule, ("token",)),))
        for at in range(5_000)
        for rule in ("first", "second")
    )
    decide(Reporter(), "one", replace(CLEAN, rulings=rulings))
    lines = [line for line in capsys.readouterr().err.splitlines() if " policy " in line]
    assert [" rule=first" in line for line in lines] == [True, False]
    assert all(" count=5000 " in line for line in lines)


async def test_not_more_than_some_wait() -> None:
    trail = Told()
    made = reporter(trail)
    names = [str(number) for number in range(70)]
    for name in names:
        decide(made, name)
    assert 0 < len(trail.heard) < len(names)
    made.settle()
    assert trail.heard == [f"request {name}" for name in names]


async def test_what_comes_after_some_was_told_is_told_of_too() -> None:
    trail = Told()
    made = reporter(trail)
    for name in ("one", "two"):
        decide(made, name)
        await trail.come()
    assert trail.heard == ["request one", "request two"]


@pytest.mark.parametrize("decision", [REFUSED, UNREADABLE])
async def test_what_does_not_go_on_is_told_of_at_once_and_in_order(decision: Decision) -> None:
    trail = Told()
    made = reporter(trail)
    decide(made, "one")
    decide(made, "two", decision)
    assert trail.heard == ["request one", "request two"]


async def test_a_failure_is_told_of_behind_what_was_before_it() -> None:
    trail = Told()
    made = reporter(trail)
    one = exchange("one")
    made.decided(one, CLEAN)
    made.failed("two", one.request.route, None, "redact")
    assert trail.heard == ["request one", "failure two"]


async def test_nothing_leaves_unrecorded_where_it_must_not() -> None:
    trail = Told(strict=True, fails="two")
    made = reporter(trail)
    decide(made, "one")
    assert trail.heard == ["request one"]
    with pytest.raises(ValueError, match="nobody should see"):
        decide(made, "two")
    decide(made, "three")
    assert trail.heard == ["request one", "request three"]


async def test_whoever_asks_for_numbers_gets_all_of_them() -> None:
    made = reporter(Told())
    decide(made, "one")
    assert made.counters.requests == 1
    await asyncio.sleep(0)
    assert made.counters.requests == 1


def test_without_an_event_loop_nothing_waits() -> None:
    trail = Told()
    made = reporter(trail)
    decide(made, "one")
    assert trail.heard == ["request one"]


def test_what_a_loop_leaves_behind_is_told_with_the_next() -> None:
    trail = Told()
    made = reporter(trail)

    async def say(name: str) -> None:
        decide(made, name)
        if asyncio.get_running_loop() is not loop:
            await trail.come()

    loop = asyncio.new_event_loop()
    task = say("one")
    with pytest.raises(StopIteration):
        _within(loop, lambda: task.send(None))
    loop.close()
    assert trail.heard == []
    asyncio.run(say("two"))
    assert trail.heard == ["request one", "request two"]


def _within(loop: asyncio.AbstractEventLoop, work: Callable[[], object]) -> None:
    asyncio.events._set_running_loop(loop)
    try:
        work()
    finally:
        asyncio.events._set_running_loop(None)


async def test_what_cannot_be_told_keeps_nothing_else_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors: list[dict[str, Any]] = []
    trail = Told(fails="two")
    made = reporter(trail)
    logger = SimpleNamespace(
        error=lambda event, **told: errors.append({"event": event, **told}),
        info=lambda *_, **__: None,
        bind=lambda **_: logger,
    )
    monkeypatch.setattr(log, "logger", lambda: logger)
    for name in ("one", "two", "three"):
        decide(made, name)
    made.settle()
    assert trail.heard == ["request one", "request three"]
    assert [error["event"] for error in errors] == ["a request could not be reported"]
    assert errors[0]["error"].startswith("ValueError at request")
    assert "nobody should see" not in str(errors)
