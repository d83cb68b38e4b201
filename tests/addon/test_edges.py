"""Edge cases of finding, naming and restoring secrets, which mutation testing showed untested."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from addon.kit import SCOPE, Bench, random_text, token
from secretgate.bodies.base import Form, Label, Slot
from secretgate.bodies.columns import Columns, Kind
from secretgate.inbound.extras import number_of
from secretgate.inbound.spoken import Spoken, Unread
from secretgate.outbound import spelled
from secretgate.outbound.egress import SHORTEST_ENCODED, Egress
from secretgate.placeholders import Template
from secretgate.placeholders.beginnings import Beginnings, Watch
from secretgate.providers import DIALECTS
from secretgate.streams.base import Run
from secretgate.streams.sse import SseFrame
from secretgate_rules.model import Finding, Layer, Part

LONG = b" " * 2000


@pytest.mark.thorough
@pytest.mark.parametrize(
    "spelling", [b"REDACTED<", b"redacted<", rb"\u0052EDACTED<", b"R\\nEDACTED<"]
)
@pytest.mark.parametrize("before", [b"", b"x", LONG])
@pytest.mark.parametrize("behind", [b"", LONG])
def test_a_beginning_is_found_wherever_it_stands(
    spelling: bytes, before: bytes, behind: bytes
) -> None:
    found = Beginnings("REDACTED<", r"(?:R|r|\\u0052|\\u0072)")
    assert len(before) in found.in_text(before + spelling + behind)
    literal = b'{"text": "%b"}' % (before + spelling + behind)
    assert found.in_events(literal)
    assert found.in_events(b'{"text": "%b"}' % (before + b"nothing" + behind)) == []


def test_a_watch_tells_beginnings_and_marks_apart() -> None:
    watch = Watch([b"RED"], [b'"stop"', b"a+"])
    assert watch.see(b"nothing") == ([], False)
    assert watch.see(b"xRED") == ([3], False)
    assert watch.see(b'x"stop"') == ([], True)
    assert watch.see(b"aa") == ([], False)
    assert watch.see(b"RED a+") == ([2], True)


def test_a_string_of_a_column_is_a_slot_with_its_path() -> None:
    columns = Columns()
    columns.add(5, b"text", Kind(Label.TEXT, b"name", "a.name"))
    assert columns.slot(0) == Slot(5, 9, Form.JSON, Label.TEXT, b"name", "a.name")


@pytest.mark.parametrize(
    ("event", "number"),
    [(None, None), ({}, None), ({"sequence_number": 3}, 3), ({"sequence_number": "3"}, None)],
)
def test_the_number_of_an_event(event: dict[str, Any] | None, number: int | None) -> None:
    assert number_of(event) == number


@pytest.mark.parametrize("length", [SHORTEST_ENCODED - 1, SHORTEST_ENCODED, SHORTEST_ENCODED + 1])
def test_how_long_a_value_must_be_to_be_looked_for_encoded(length: int) -> None:
    value = random_text(length, length).encode()
    sent = b'{"text": "%b"}' % base64.b64encode(value)
    found = Egress().leaks(sent, {b"name": value})
    assert found == ([b"name"] if length >= SHORTEST_ENCODED else [])


@pytest.mark.parametrize(("lifetime", "kept"), [(30.0, 0), (1000.0, 1)])
def test_a_search_is_kept_no_longer_than_values_are(lifetime: float, kept: int) -> None:
    now = [0.0]
    egress = Egress(clock=lambda: now[0])
    egress.leaks(b"nothing", {b"name": token(1).encode()})
    now[0] = 40.0
    egress.sweep(lifetime)
    assert len(egress._searches) == kept
    now[0] = 1e6
    egress.sweep(1e9)
    assert len(egress._searches) == 0


def test_a_secret_right_behind_a_known_one_is_found() -> None:
    bench = Bench()
    known = random_text("known", 20) + "!"
    bench.vault.learn(SCOPE, {known.encode(): "test-token"})
    out = bench.redact(
        json.dumps({"messages": [f"{known}{token(2)}", f"{token(3)} {known}"]}).encode()
    ).raw
    assert not [each for each in (known, token(2), token(3)) if each.encode() in out]


def test_where_a_known_value_and_a_finding_overlap_the_known_one_is_named() -> None:
    bench = Bench()
    known = token(4)[:20]
    bench.vault.learn(SCOPE, {known.encode(): "test-token"})
    out = bench.redact(json.dumps({"messages": [token(4)]}).encode())
    assert bench.name(known) in out.raw.decode()
    assert bench.name(token(4)) not in out.raw.decode()


def test_a_recorder_shows_the_first_event_of_a_run_at_once() -> None:
    bench = Bench()
    recorder = bench.recorder()
    seen: list[Any] = []
    recorder.watch(seen.append)
    events = [{"type": "message_start", "message": {"id": "first"}}, {"type": "message_stop"}]
    raw = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    recorder.hear([Run(raw, b"\n\n", SseFrame)])
    assert seen[:1] == events[:1]


def test_what_is_said_in_events_with_odd_names_of_members_is_heard() -> None:
    """A member name may contain half a surrogate pair, which is not valid text."""
    said = Spoken(DIALECTS["anthropic"])
    for text in ("one ", "two ", "three"):
        delta = json.dumps({"type": "text_delta", "text": text})
        event = f'{{"type": "content_block_delta", "index": 0, "\\ud800": 1, "delta": {delta}}}'
        said.add(Unread(event.encode()))
    assert [*said.texts()] == [(b"", b"one two three")]


def _spelled(text: bytes, said: bytes, layers: int = 1) -> Finding:
    part = Part(0, len(text), said, tuple(Layer("json", 0, len(text)) for _ in range(layers)))
    return Finding("rule", "a rule", 0, len(text), said, parts=(part,))


@pytest.mark.parametrize(
    ("text", "said", "as_it_stands"),
    [
        (rb"pa\$word-12345", b"pa$word-12345", True),
        (rb"line\none-12345", b"line\none-12345", False),
        (rb"a\/b-123456789", b"a/b-123456789", False),
        (rb"stra\u00dfe-12345", "straße-12345".encode(), False),
        ("straße-12345\\n".encode(), "straße-12345\n".encode(), False),
        (rb"\xff-123456789", b"\xff-123456789", True),
    ],
)
def test_what_json_would_not_write_so_is_taken_as_it_is_spelled(
    text: bytes, said: bytes, as_it_stands: bool
) -> None:
    taken, others = spelled.as_spelled([text], {0: [_spelled(text, said)]})
    [part] = taken[0][0].parts
    assert part.value == (text if as_it_stands else said)
    assert others == ({said: "rule"} if as_it_stands else {})
    exempt, none = spelled.as_spelled([text], {0: [_spelled(text, said)]}, {said})
    assert (exempt[0][0].parts[0].value, none) == (said, {})


def test_a_template_is_refused_with_what_it_has_to_be() -> None:
    with pytest.raises(ValueError, match="ASCII without spaces"):
        Template("REDACTED {id}")
