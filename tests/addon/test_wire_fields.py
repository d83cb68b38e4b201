"""Every field of `wire_fields` through the gate: text is redacted and restored, the rest is left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from wire_fields import OPAQUE, PIECES, RESTORED, TEXTS, UNTOUCHED
from wire_support import Gate, dump, secret, through, whole

from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

KEY = secret(7)


def rows(table: dict[str, str]) -> list[Any]:
    return [*_rows(table)]


def _rows(table: dict[str, str]) -> Iterator[Any]:
    for name, lines in table.items():
        dialect, _, event = name.partition(" ")
        for line in filter(None, map(str.strip, lines.splitlines())):
            path, _, kind = line.partition(" = ")
            yield pytest.param(dialect, event, path, kind, id=f"{name} {line}")


def body_with(path: str, value: str, kind: str = "") -> Any:
    """Return the smallest body in which a value is at a path."""
    made: Any = value
    for step in reversed(re.findall(r"\[\]|[^.\[\]]+", path)):
        if step == "[]":
            made = [made]
        else:
            made, kind = {**({"type": kind} if kind else {}), step: made}, ""
    return made


def event_of(dialect: str, kind: str, body: Any) -> bytes:
    said = {"event_type": kind} if dialect == "gemini" else {"type": kind}
    if dialect == "openai-assistants":
        said = {}
    return f"event: {kind}\ndata: ".encode() + dump({**said, **body}) + b"\n\n"


def answered(dialect: str, event: str, body: Any) -> bytes:
    """Return an answer after restoration: one document, or one event of a stream."""
    issued = Gate().issued(KEY)
    if not event:
        return whole(DIALECTS[dialect], issued, dump(body))
    return through(SseFramer(), DIALECTS[dialect], issued, event_of(dialect, event, body))


@pytest.mark.parametrize(("dialect", "event", "path", "kind"), rows(TEXTS))
def test_a_secret_does_not_leave(dialect: str, event: str, path: str, kind: str) -> None:
    raw = dump(body_with(path, f"it is {KEY}!", kind))
    gate = Gate()
    sent = gate.redact(raw, "application/json", DIALECTS[dialect]).raw
    assert sent == raw.replace(KEY.encode(), gate.name(KEY).encode())


@pytest.mark.parametrize(("dialect", "event", "path", "kind"), rows(OPAQUE))
def test_what_is_the_providers_is_sent_as_it_is(
    dialect: str, event: str, path: str, kind: str
) -> None:
    raw = dump(body_with(path, KEY, kind))
    assert Gate().redact(raw, "application/json", DIALECTS[dialect]).raw == raw


@pytest.mark.parametrize(("dialect", "event", "path", "kind"), rows(RESTORED))
def test_a_placeholder_becomes_the_value_again(
    dialect: str, event: str, path: str, kind: str
) -> None:
    named = body_with(path, f"it is {Gate().name(KEY)}!", kind)
    plain = dump(body_with(path, f"it is {KEY}!", kind))
    assert answered(dialect, event, named).find(plain[1:-1]) >= 0


@pytest.mark.parametrize(("dialect", "event", "path", "kind"), rows(UNTOUCHED))
def test_what_is_opaque_arrives_as_it_was_sent(
    dialect: str, event: str, path: str, kind: str
) -> None:
    named = body_with(path, Gate().name(KEY), kind)
    assert answered(dialect, event, named).find(dump(named)[1:-1]) >= 0


@pytest.mark.parametrize("name", PIECES)
def test_a_text_in_pieces_is_restored_before_it_ends(name: str) -> None:
    dialect, kind = name.split()
    path, end = PIECES[name].split()
    placeholder = Gate().name(KEY)
    pieces = [f"it is {placeholder[:5]}", placeholder[5:9], f"{placeholder[9:]} or RED"]
    events = [event_of(dialect, kind, body_with(path, piece)) for piece in pieces]
    out = through(
        SseFramer(),
        DIALECTS[dialect],
        Gate().issued(KEY),
        *events,
        event_of(dialect, end, {}),
        event_of(dialect, "later", {}),
    )
    said = "".join(re.findall(r'"[a-z_]+":"((?:it is |zz| or|RED)[^"]*)"', out.decode()))
    assert said == f"it is {KEY} or RED"
    assert out.index(b"RED") < out.index(end.encode())


def test_an_answer_that_ends_ends_no_other_on_its_connection() -> None:
    placeholder = Gate().name(KEY)

    def piece(lane: str, text: str) -> bytes:
        place = {"item_id": f"msg_{lane}", "output_index": 0, "content_index": 0}
        delta = {"delta": text, "stream_id": lane, **place}
        return event_of("openai-responses", "response.output_text.delta", delta)

    out = through(
        SseFramer(),
        DIALECTS["openai-responses"],
        Gate().issued(KEY),
        piece("a", f"it is {placeholder[:9]}"),
        piece("b", f"no: {placeholder[:9]}"),
        event_of("openai-responses", "response.completed", {"stream_id": "b"}),
        piece("a", placeholder[9:]),
    )
    assert KEY.encode() in out
    assert out.count(placeholder[:9].encode()) == 1


def test_the_headers_in_a_request_to_several_providers_stay() -> None:
    """Cloudflare's universal endpoint takes a list, whose items no path of a table above names."""
    gate = Gate()
    own, other = secret(1), secret(2)
    body = [
        {
            "provider": "openai",
            "headers": {"Authorization": f"Bearer {own}"},
            "query": {"input": other},
        }
    ]
    headers = {"content-type": "application/json"}
    sent = gate.requests.decide(
        gate.request("cloudflare", content=dump(body), headers=headers)
    ).content
    assert sent is not None
    assert own.encode() in sent
    assert other.encode() not in sent
