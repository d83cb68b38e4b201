"""Events inserted into streams with numbered events, and the numbers of the events after them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_wire_streams import GATE, ISSUED, KEY
from wire_support import SCOPE, through

from secretgate.inbound.events import Events
from secretgate.inbound.extras import NUMBER
from secretgate.inbound.written import Recorder
from secretgate.providers import DIALECTS
from secretgate.streams.base import Run
from secretgate.streams.sse import SseFramer

NAME = GATE.name(KEY)


def _numbered(number: Any, kind: str, **more: Any) -> bytes:
    event = {"type": kind, NUMBER: number, "item_id": "m", "output_index": 0, **more}
    return f"event: {kind}\ndata: {json.dumps(event)}\n\n".encode()


def _piece(number: Any, part: int, text: str) -> bytes:
    return _numbered(number, "response.output_text.delta", content_index=part, delta=text)


def _events(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in raw.splitlines() if line.startswith(b"data: ")]


@pytest.mark.parametrize("size", [1, 7, 190, 1 << 20])
def test_events_behind_one_of_ours_are_counted_up_whatever_is_in_them(size: int) -> None:
    """This includes repetitive events that take the fast path, with and without a placeholder."""
    texts = ["see REDA", "plain", f"a {NAME} b", "plain", "again", f"{NAME}{NAME}", "end"]
    raw = _piece(0, 0, "hello ") + _piece(1, 0, texts[0])
    raw += _numbered(2, "response.output_text.done", content_index=0, text="hello see REDA")
    raw += b"".join(_piece(at + 2, 1, text) for at, text in enumerate(texts[1:], 1))
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    out = _events(through(SseFramer(), DIALECTS["openai-responses"], ISSUED, *pieces))
    assert [event[NUMBER] for event in out] == list(range(len(out)))
    said = {0: "", 1: ""}
    for event in out:
        said[event["content_index"]] += event.get("delta", "")
    assert said == {0: "hello see REDA", 1: "".join(texts[1:]).replace(NAME, KEY)}


@pytest.mark.parametrize("number", [5, "5", None, [5]])
def test_what_is_held_of_a_numbered_stream_goes_out_where_it_is_cut_off(number: Any) -> None:
    out = _events(
        through(SseFramer(), DIALECTS["openai-responses"], ISSUED, _piece(number, 0, "see REDA"))
    )
    assert "".join(event["delta"] for event in out) == "see REDA"
    if number == 5:
        assert [event[NUMBER] for event in out] == [5, 6]


@pytest.mark.parametrize("name", ["write", None])
def test_a_call_that_is_cut_off_ends_with_a_piece_like_the_others(name: str | None) -> None:
    """Mistral's SDK rejects a piece of a call that has no name, even an empty one."""
    function = {"name": name, "arguments": '{"text": "REDA'} if name else {"arguments": "REDA"}
    delta = {"tool_calls": [{"index": 0, "id": "c", "function": function}]}
    raw = f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n".encode()
    out = _events(through(SseFramer(), DIALECTS["openai-chat"], ISSUED, raw))
    functions = [event["choices"][0]["delta"]["tool_calls"][0]["function"] for event in out]
    assert len(functions) == 2
    assert "".join(each["arguments"] for each in functions) == function["arguments"]
    assert [each.get("name") for each in functions] == ([name, ""] if name else [None, None])


def test_an_event_ends_the_texts_of_its_own_place_alone() -> None:
    """Of two parts of an item with held-back text, only the finished one is released."""
    raw = _piece(0, 0, "see REDA") + _piece(1, 1, f"and {NAME[:9]}")
    done = _numbered(2, "response.output_text.done", content_index=0, text="see REDA")
    rest = _piece(3, 1, NAME[9:])
    out = _events(through(SseFramer(), DIALECTS["openai-responses"], ISSUED, raw, done, rest))
    said = {0: "", 1: ""}
    for event in out:
        said[event["content_index"]] += event.get("delta", "")
    assert said == {0: "see REDA", 1: f"and {KEY}"}


@pytest.mark.parametrize("size", [1 << 20, 60])
def test_what_is_said_in_a_run_that_was_changed_is_heard(size: int) -> None:
    """The recorder reads the outgoing events, including the last one."""
    heard: list[bytes] = []
    dialect = DIALECTS["openai-responses"]
    recorder = Recorder(dialect, GATE.redactor, GATE.ledger, SCOPE)
    recorder.tell(heard.append)
    events = Events(dialect, ISSUED, recorder)
    framer = SseFramer()
    raw = _piece(0, 0, "one ") + _piece(1, 0, f"{NAME} ") + _piece(2, 0, "two ")
    for at in range(0, len(raw), size):
        run = framer.run(raw[at : at + size])
        if isinstance(run, Run):
            events.run(run)
    events.finish()
    assert b"".join(heard) == f"one {KEY} two ".encode()


@pytest.mark.parametrize("size", [1 << 20, 150])
def test_a_string_that_changes_from_event_to_event_is_read_each_time(size: int) -> None:
    """Numbers may change between repetitive events, but a string may hold a placeholder."""
    raw = b"".join(
        _numbered(
            at, "response.output_text.delta", content_index=0, note=note, odds=-at, delta=text
        )
        for at, (note, text) in enumerate(
            [
                ("one", "a "),
                ("two", f"{NAME} "),
                ("three", "b "),
                ("x", f"{NAME} "),
                (NAME, f"c {NAME}"),
            ]
        )
    )
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    out = _events(through(SseFramer(), DIALECTS["openai-responses"], ISSUED, *pieces))
    assert "".join(event["delta"] for event in out) == f"a {KEY} b {KEY} c {KEY}"
    assert [event["note"] for event in out] == ["one", "two", "three", "x", KEY]
