"""Which events count as alike, so that only the first of them is parsed in full."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secretgate.bodies.json_reader import closing_quote
from secretgate.inbound.event_reader import read_event
from secretgate.inbound.extras import NUMBER
from secretgate.inbound.matching import _WORTH_COMPILING, NUMERAL, Shape
from secretgate.inbound.shapes import Shapes
from secretgate.providers import DIALECTS
from secretgate.streams.base import around
from secretgate.streams.sse import SseFramer

either = pytest.mark.usefixtures("_either")


def delta(index: int = 0, text: str = "x", **more: Any) -> bytes:
    said = {"type": "text_delta", "text": text}
    return json.dumps(
        {"type": "content_block_delta", "index": index, "delta": said, **more}
    ).encode()


@pytest.mark.parametrize(
    "other",
    [
        delta(1),
        delta(text="x", more=[]),
        delta().replace(b"content_block_delta", b"content_block_start"),
        delta().replace(b"text_delta", b"thinking"),
        delta() + b" ",
        delta()[:-1],
        delta().replace(b'"x"', b'"x", "y": "z"'),
        delta().replace(b'"x"', b'"x\\"'),
    ],
)
def test_what_differs_elsewhere_is_not_alike(other: bytes) -> None:
    dialect = DIALECTS["anthropic"]
    shapes = Shapes(dialect)
    for text in ("one", "two", "three"):
        event = read_event(delta(text=text), "", dialect)
        assert event is not None
        shapes.learn(event)
    assert shapes.find(delta(text='any "thing" \\'))
    found = shapes.find(other)
    assert found is None or found[2] < len(other)


def responses(number: int, text: str, padding: str) -> bytes:
    value = {
        "type": "response.output_text.delta",
        NUMBER: number,
        "item_id": "m",
        "output_index": 0,
    }
    return json.dumps({**value, "content_index": 0, "delta": text, "obfuscation": padding}).encode()


@either
def test_running_numbers_and_padding_do_not_matter() -> None:
    dialect = DIALECTS["openai-responses"]
    shapes = Shapes(dialect)
    for number in (8, 9):
        event = read_event(responses(number, "text", "x" * number), "", dialect)
        assert event is not None
        shapes.learn(event)
    raw = responses(12345, "say \\", "")
    found = shapes.find(raw)
    assert found is not None
    shape, spans, stop = found
    assert stop == len(raw)
    assert raw[slice(*spans[shape.text])] == b"say \\\\"
    assert raw[slice(*spans[shape.number])] == b"12345"


@either
@pytest.mark.parametrize("member", ["obfuscation", "p"])
def test_padding_of_chat_chunks_does_not_matter(member: str) -> None:
    def chunk(text: str, padding: str) -> bytes:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        return json.dumps({"id": "c", "choices": [choice], member: padding}).encode()

    dialect = DIALECTS["openai-chat"]
    shapes = Shapes(dialect)
    for padding in ("abc", "abcdef"):
        event = read_event(chunk("text", padding), "", dialect)
        assert event is not None
        shapes.learn(event)
    raw = chunk("say", "REDACTED<")
    found = shapes.find(raw)
    assert found is not None
    assert found[2] == len(raw)


@either
@pytest.mark.parametrize(
    "event",
    [
        b"id: %b\nevent: content_block_delta\ndata: %b\n\n",
        b"event: content_block_delta\ndata: %b\nid: %b\n\n",
        b"event: content_block_delta\r\nid:%b\r\ndata:%b\r\n\r\n",
    ],
)
def test_the_id_of_an_event_does_not_matter(event: bytes) -> None:
    dialect = DIALECTS["anthropic"]
    shapes, swapped = Shapes(dialect), event.index(b"data") < event.index(b"id:")

    def spelled(number: bytes, text: str) -> bytes:
        parts = (delta(text=text), number) if swapped else (number, delta(text=text))
        return event % parts

    (frame,) = SseFramer().feed(spelled(b"1", "one"))
    outside = around(frame, frame.payload or b"")
    read = read_event(frame.payload or b"", frame.event, dialect)
    assert read is not None
    assert outside is not None
    shapes.learn(read, *outside)
    raw = spelled(b"0f-a: b", "two") + spelled(b"", "three")
    streak = shapes.streak(raw)
    assert streak is not None
    assert (streak.pieces, streak.stop) == ([b"two", b"three"], len(raw))


def test_what_varied_in_one_stream_may_vary_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secretgate.inbound.shapes._varied", {})
    dialect = DIALECTS["openai-responses"]
    first, other = Shapes(dialect), Shapes(dialect)
    for shapes, paddings in ((first, ["x", "xx"]), (other, ["abc"])):
        for padding in paddings:
            event = read_event(responses(8, "text", padding), "", dialect)
            assert event is not None
            assert not shapes.find(responses(9, "say", "another"))
            shapes.learn(event)
    assert other.find(responses(9, "say", "another"))


@either
def test_what_is_no_number_is_no_event_of_that_shape() -> None:
    shape = Shape(b'{"n":', [(NUMERAL, b',"t":"'), (None, b'"}')])
    raw = b'{"n":-12,"t":"a \\"quoted\\" word"}'
    found = shape.match(raw, 0)
    assert found is not None
    assert [raw[start:end] for start, end in found[1]] == [b"-12", b'a \\"quoted\\" word']
    assert found[2] == len(raw)
    for other in (
        b'{"n":null,"t":"a"}',
        b'{"n":12,"t":"a',
        b'{"n":12,"t":"a"]',
        b'{"m":12,"t":"a"}',
    ):
        assert shape.match(other, 0) is None


PARTS = ['"', "}}\n\n", '"}}', "\\", '\\"', "\n", "é", "said", " and so on, until it is long" * 30]
MORE = ["", '","more":"of it', '\\","', '"', "\\"]


@pytest.mark.parametrize("behind", [b'"}}\n\n', b'"}}', b'"},"n":1}\n\n', b'"}\r\n\r\n'])
@given(
    st.lists(st.lists(st.sampled_from(PARTS), max_size=9), min_size=1, max_size=5),
    st.sampled_from(MORE),
)
@example([["\\", "\\"]], "\\")
@example([["\\", "\\", '"}}', "said"]], "")
def test_a_long_string_ends_at_its_closing_quote(
    behind: bytes, texts: list[list[str]], more: str
) -> None:
    """`more` follows the last text as it is: something else may come before what is behind it."""
    head = b'data: {"d":{"t":"'
    shape = Shape(head, [(None, behind)])
    shape.text = 0
    said = [json.dumps("".join(parts))[1:-1].encode() for parts in texts]
    raw = b"".join(head + text + behind for text in said[:-1])
    raw += head + said[-1] + more.encode() + behind
    expected: list[bytes] = []
    at = 0
    while raw.startswith(head, at):
        end = closing_quote(raw, at + len(head))
        if end < 0 or not raw.startswith(behind, end):
            break
        expected.append(raw[at + len(head) : end])
        at = end + len(behind)
    streak = shape.streak(raw, 0)
    pieces = streak.pieces if streak else []
    assert pieces == expected[: len(pieces)]
    assert len(pieces) == len(expected) or more or b"\n" not in behind
    for shape._asked in (0, _WORTH_COMPILING):
        found = shape.match(raw, 0)
        assert (found is not None) == bool(expected)
        assert found is None or raw[slice(*found[1][0])] == expected[0]
