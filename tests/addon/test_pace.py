"""Which requests are processed in a thread."""

from __future__ import annotations

from dataclasses import replace

import pytest

from addon.kit import ANTHROPIC, SCOPE
from secretgate.hosts import Route, Treatment
from secretgate.outbound.requests import Request
from secretgate.proxy import threads
from secretgate.proxy.threads import ALWAYS_IN_A_THREAD, IN_A_THREAD, Pace

REQUEST = Request(
    route=Route(provider="anthropic", dialect=ANTHROPIC, treatment=Treatment.CONTENT),
    method="POST",
    path="/v1/messages",
    headers={},
    content=b"",
    scope=SCOPE,
    exempt=(),
)
MIDDLE = replace(REQUEST, content=b"x" * (IN_A_THREAD + 1))


def note(pace: Pace, monkeypatch: pytest.MonkeyPatch, request: Request, seconds: float) -> None:
    times = iter((1.0, 1.0 + seconds))
    monkeypatch.setattr(threads.time, "thread_time", lambda: next(times))
    assert pace.timed(request, lambda: "decided") == "decided"


def test_only_what_may_take_long_goes_to_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace()
    assert not pace.takes_long(REQUEST)
    assert pace.takes_long(MIDDLE)
    note(pace, monkeypatch, MIDDLE, 0.001)
    assert not pace.takes_long(MIDDLE)
    assert pace.takes_long(replace(MIDDLE, content=b'["",""]' * 10_000))
    assert pace.takes_long(replace(REQUEST, content=b"x" * (ALWAYS_IN_A_THREAD + 1)))
    assert pace.takes_long(replace(REQUEST, headers={"content-encoding": "zstd"}))
    assert pace.takes_long(replace(REQUEST, headers={"authorization": "AWS4-HMAC-SHA256 ..."}))


def test_what_follows_a_slow_request_goes_to_a_thread_until_it_has_been_fast_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pace = Pace()
    note(pace, monkeypatch, MIDDLE, 0.03)
    assert pace.takes_long(MIDDLE)
    assert not pace.takes_long(replace(MIDDLE, content=b"x" * IN_A_THREAD))
    other = SCOPE._replace(client="another client")
    assert pace.takes_long(replace(MIDDLE, scope=other))
    note(pace, monkeypatch, MIDDLE, 0.001)
    assert pace.takes_long(MIDDLE)
    note(pace, monkeypatch, MIDDLE, 0.001)
    assert not pace.takes_long(MIDDLE)


def test_paces_of_few_scopes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_MOST_SCOPES", 2)
    pace = Pace()
    scopes = [SCOPE._replace(client=name) for name in ("first", "second", "third")]
    for scope in scopes:
        note(pace, monkeypatch, replace(MIDDLE, scope=scope), 0.001)
    assert [pace.takes_long(replace(MIDDLE, scope=each)) for each in scopes] == [True, False, False]
