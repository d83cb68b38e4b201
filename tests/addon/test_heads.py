"""A head without findings is not searched again until there are new known values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from addon.kit import SCOPE, Bench, token
from secretgate.demo.planted import Maker
from secretgate.engine import build
from secretgate.hosts import Hosts, builtin
from secretgate.outbound import heads
from secretgate.outbound.attempts import attempt, most_places
from secretgate.outbound.heads import Head
from secretgate.outbound.requests import Request
from secretgate.settings import Settings
from secretgate.state import Places
from secretgate_rules import EVERY, Detector, Literals

NOTE = "a value of two words"


def request() -> Request:
    route = Hosts(builtin()).route(["api.anthropic.com"], "/v1/messages")
    assert route is not None
    return Request(route, "POST", "/v1/messages", {}, b"", SCOPE, ())


def head(*notes: str) -> Head:
    fields = tuple((b"x-note", note.encode()) for note in notes)
    return Head(b"/v1/messages?x=some%20more%20words", ((b"host", b"api.anthropic.com"), *fields))


@pytest.fixture(autouse=True)
def nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_quiet", heads._Quiet())


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the classes that searched a head, one per search."""
    names: list[str] = []
    for kind in (Detector, Literals):

        def counted(
            self: Any, *given: Any, _kind: type = kind, _own: Any = kind.find_many, **named: Any
        ) -> Any:
            names.append(_kind.__name__)
            return _own(self, *given, **named)

        monkeypatch.setattr(kind, "find_many", counted)
    return names


def test_a_quiet_head_is_searched_once(searched: list[str]) -> None:
    bench = Bench()
    bench.vault.learn(SCOPE, {token("elsewhere").encode(): "test-token"})
    for _ in range(3):
        assert heads.look(bench.redactor, request(), head(NOTE)) is None
    assert searched == ["Detector", "Literals"]


def test_what_becomes_known_is_looked_for_in_a_head_that_was_quiet(searched: list[str]) -> None:
    bench = Bench()
    assert heads.look(bench.redactor, request(), head(NOTE)) is None
    bench.vault.learn(SCOPE, {b"value of two": "test-token"})
    for _ in range(2):
        found = heads.look(bench.redactor, request(), head(NOTE))
        assert found is not None
        assert (
            dict(found.head.headers)[b"x-note"] == f"a {bench.name('value of two')} words".encode()
        )
    other = SCOPE._replace(client="another")
    assert heads.look(bench.redactor, _of(other), head(NOTE)) is None
    assert heads.look(bench.redactor, request(), head(NOTE)) is not None


def _of(scope: Any) -> Request:
    own = request()
    return Request(own.route, own.method, own.path, {}, b"", scope, ())


def test_what_another_request_learns_meanwhile_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = build(Settings(), Places(tmp_path, tmp_path), pytest.fail)
    value = "some-value-of-theirs-77"
    look = heads.look

    def learnt_after(*given: Any, **more: Any) -> Any:
        seen = look(*given, **more)
        engine.redactor.vault.learn(SCOPE, {value.encode(): "test-token"})
        return seen

    monkeypatch.setattr(heads, "look", learnt_after)
    own = request()
    content = json.dumps({"messages": [{"role": "user", "content": f"it is {value}"}]}).encode()
    asked = Request(own.route, own.method, own.path, {}, content, SCOPE, ())
    decision, seen = heads.decide(engine, asked, head(f"it is {value}"))
    assert decision.content is not None
    assert value.encode() not in decision.content
    assert seen is not None
    assert value.encode() not in dict(seen.headers)[b"x-note"]


def test_a_request_is_not_given_up_once_its_body_was_decided_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules may have counted it."""
    engine = build(Settings(), Places(tmp_path, tmp_path), pytest.fail)
    limits: list[int] = []
    look = heads.look

    def noting(*given: Any, **more: Any) -> Any:
        limits.append(most_places())
        return look(*given, **more)

    monkeypatch.setattr(heads, "look", noting)
    own = request()
    content = json.dumps({"messages": [{"role": "user", "content": Maker(1).github()}]}).encode()
    asked = Request(own.route, own.method, own.path, {}, content, SCOPE, ())
    with attempt():
        heads.decide(engine, asked, head("plain"))
        assert most_places() == EVERY
    first, second = limits
    assert first < EVERY
    assert second == EVERY


def test_what_is_no_longer_known_leaves_a_head_quiet() -> None:
    bench = Bench()
    learnt = bench.vault.learn(SCOPE, {b"value of two": "test-token"})
    assert b"value of two" in learnt
    assert heads.look(bench.redactor, request(), head(NOTE)) is not None
    bench.vault.lifetime = -1
    bench.vault.sweep()
    assert heads.look(bench.redactor, request(), head(NOTE)) is None


def test_a_head_with_a_secret_is_never_quiet() -> None:
    bench = Bench()
    noted = head(NOTE, f"it is {token(1)} so")
    for _ in range(3):
        found = heads.look(bench.redactor, request(), noted)
        assert found is not None
        assert token(1).encode() not in b"".join(value for _, value in found.head.headers)
