"""Requirements on all framers: no bytes lost or added, the same payloads however input is cut."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secretgate.inbound.answers import EventAnswer, SniffedAnswer, TextAnswer
from secretgate.inbound.events import Events
from secretgate.placeholders import Issued, Template
from secretgate.providers.generic import GENERIC
from secretgate.streams.base import Frame, Framer
from secretgate.streams.envelopes import EnvelopeFramer
from secretgate.streams.eventstream import EventStreamFrame, EventStreamFramer
from secretgate.streams.framers import Text, framer_for, sniffed, sniffed_file
from secretgate.streams.json_array import JsonArrayFramer
from secretgate.streams.ndjson import NdjsonFramer
from secretgate.streams.sse import SseFramer

FRAMERS: dict[str, Callable[[], Framer]] = {
    "sse": SseFramer,
    "ndjson": NdjsonFramer,
    "array": JsonArrayFramer,
    "eventstream": EventStreamFramer,
    "envelopes": EnvelopeFramer,
}
MESSAGE = EventStreamFrame(b"\0" * 16, 12).with_payload(b"{}")
ALPHABETS = {
    "sse": st.sampled_from(
        (
            *(b"data:", b"data: ", b"data", b"event: e", b": c", b"id: 7", b"[DONE]", b"{}"),
            *(b"\n", b"\r", b"\r\n", b"x", b" ", b"\xef\xbb\xbf", b"\xff", b"\0"),
        )
    ),
    "array": st.sampled_from(
        [
            b"[",
            b"]",
            b"{",
            b"}",
            b'"',
            b"\\",
            b",",
            b":",
            b" ",
            b"\n",
            b"12",
            b"null",
            b'"a]"',
            b"\xff",
        ]
    ),
}
ALPHABETS["eventstream"] = st.sampled_from([MESSAGE, MESSAGE[:-1], MESSAGE[:9], b"\0\0\0\x10"])
ALPHABETS["envelopes"] = st.sampled_from([b"\0\0\0\0\2{}", b"\2\0\0\0\1x", b"\0\0\0", b"\4"])
ALPHABETS["ndjson"] = st.one_of(ALPHABETS["sse"], ALPHABETS["array"])
VALUES = st.recursive(
    st.none() | st.integers() | st.text() | st.sampled_from(['"', "\\", "]", "}", '\\"', "[,{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def run(framer: Framer, chunks: Sequence[bytes]) -> list[Frame]:
    frames: list[Frame] = []
    for chunk in chunks:
        frames += framer.feed(chunk)
    return frames + framer.finish()


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def payloads(frames: Sequence[Frame]) -> list[bytes]:
    return [frame.payload for frame in frames if frame.payload is not None]


@pytest.mark.parametrize("kind", FRAMERS)
@given(data=st.data())
def test_any_bytes_cut_anywhere_come_out_as_they_went_in(kind: str, data: st.DataObject) -> None:
    parts = data.draw(st.lists(ALPHABETS[kind] | st.binary(max_size=5), max_size=25))
    raw = b"".join(parts)
    chunks = cut(raw, data.draw(st.lists(st.integers(0, 200), max_size=6)))
    frames = run(FRAMERS[kind](), chunks)
    assert b"".join(frame.raw for frame in frames) == raw
    for frame in frames:
        payload = frame.payload
        assert isinstance(frame.event, str)
        if payload is not None:
            assert frame.with_payload(payload) == frame.raw
    assert payloads(frames) == payloads(run(FRAMERS[kind](), [raw]))


@given(st.lists(VALUES, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_an_array_gives_its_elements_at_every_cut(
    values: list[object], ascii_only: bool, indent: int | None
) -> None:
    raw = json.dumps(values, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "replace")
    expected = json.loads(raw)
    for at in range(len(raw) + 1):
        frames = run(JsonArrayFramer(), [raw[:at], raw[at:]])
        assert [json.loads(p) for p in payloads(frames)] == expected
    assert [json.loads(p) for p in payloads(run(JsonArrayFramer(), cut(raw, range(len(raw)))))] == (
        expected
    )


def test_an_element_is_given_out_as_soon_as_it_ends() -> None:
    framer = JsonArrayFramer()
    assert [f.raw for f in framer.feed(b"[")] == [b"["]
    assert payloads(framer.feed(b'{"a": "]"}')) == [b'{"a": "]"}']
    assert framer.feed(b'\n,\n{"b": [1') == []
    (frame,) = framer.feed(b", 2]}")
    assert frame.raw == b'\n,\n{"b": [1, 2]}'
    assert frame.with_payload(b"{}") == b"\n,\n{}"
    assert [f.payload for f in framer.feed(b"]")] == [None]


def test_an_error_object_instead_of_an_array_is_one_payload() -> None:
    body = b'{"error": {"code": 400, "message": "no"}}\n'
    assert payloads(run(JsonArrayFramer(), [body])) == [body.strip()]


def test_a_cut_off_element_has_no_payload() -> None:
    frames = run(JsonArrayFramer(), [b'[{"a": 1}, {"b": "x'])
    assert [frame.payload for frame in frames] == [None, b'{"a": 1}', None]


@given(st.lists(VALUES, max_size=5), st.sampled_from([b"\n", b"\r\n", b"\n\n"]), st.booleans())
def test_json_lines_give_their_values_with_and_without_a_last_line_end(
    values: list[object], end: bytes, last: bool
) -> None:
    lines = [json.dumps(value).encode() for value in values]
    raw = end.join(lines) + (end if last else b"")
    for at in range(len(raw) + 1):
        assert payloads(run(NdjsonFramer(), [raw[:at], raw[at:]])) == lines


def test_a_json_line_keeps_its_white_space() -> None:
    (frame,) = NdjsonFramer().feed(b'  {"a": 1}\r\n')
    assert frame.with_payload(b"[]") == b"  []\r\n"


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("text/event-stream", SseFramer),
        ("application/x-ndjson", NdjsonFramer),
        ("application/json", type(None)),
        ("image/png", type(None)),
        ("", type(None)),
    ],
)
def test_the_table_of_content_types(media_type: str, kind: type) -> None:
    assert type(framer_for(media_type)) is kind


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'\xef\xbb\xbfdata: {"a":1}\n\n', [b'{"a":1}']),
        (b'event: x\r\ndata: {"a":1}\r\n\r\n', [b'{"a":1}']),
        (b': hello\n\ndata: {"a":1}\n\n', [b'{"a":1}']),
        (b'\r\n [{"a":1}\n,\n{"b":2}]', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b"<html>data: {}\n\n", None),
        (b"even", None),
    ],
)
def test_first_bytes_decide_where_the_type_says_nothing(
    body: bytes, expected: list[bytes] | None
) -> None:
    nothing = Issued(Template(), {})
    for at in range(len(body) + 1):
        framers: list[Framer] = []

        def stream(framer: Framer, seen: list[Framer] = framers) -> EventAnswer:
            seen.append(framer)
            return EventAnswer(framer, Events(GENERIC, nothing))

        others = lambda: TextAnswer(nothing)  # noqa: E731
        answer = SniffedAnswer(stream, others, others, sniffed)
        assert answer.feed(body[:at]) + answer.feed(body[at:]) + answer.finish() == body
        if expected is None:
            assert framers == []
        else:
            assert payloads(run(type(framers[0])(), [body])) == expected


@given(st.binary(max_size=30))
@example(b"ret")
def test_text_is_not_held_back(raw: bytes) -> None:
    assert sniffed(b"<" + raw) is Text.TEXT


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"database: x\n", Text.TEXT),
        (b"data: x\n", Text.TEXT),
        (b": x\n", Text.TEXT),
        (b"\n", None),
        (b"[default]\n", Text.DOCUMENT),
        (b'{"a": ', None),
        (b'{"a": 1}', None),
        (b'{\n"a": 1}', Text.DOCUMENT),
        (b"{% if a %}\n", Text.DOCUMENT),
        (b'\xef\xbb\xbf{"a": 1}\r\n{', NdjsonFramer),
    ],
)
def test_the_first_line_of_a_file_decides(head: bytes, expected: object) -> None:
    found = sniffed_file(head)
    assert found is expected or type(found) is expected
