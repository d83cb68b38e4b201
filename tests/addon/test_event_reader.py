"""One event at a time: whose texts its strings belong to, and what is no JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_wire_streams import GATE, ISSUED, KEY
from wire_support import through

from secretgate.inbound.event_reader import DELTAS, Identity, read_event
from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

NAME = GATE.name(KEY)


def identities(dialect: str, event: dict[str, Any]) -> list[Identity]:
    read = read_event(json.dumps(event).encode(), "", DIALECTS[dialect])
    assert read is not None
    return [leaf.identity for leaf in read.leaves if leaf.piece in DELTAS]


def test_texts_are_told_apart_by_index_by_place_and_by_whether_they_are_thoughts() -> None:
    """Text held back for one must not come out in another, nor stay behind when its own goes on."""

    def choices(*each: dict[str, Any]) -> list[Identity]:
        given = [{**choice, "delta": {"content": "x"}} for choice in each]
        return identities("openai-chat", {"choices": given})

    zero, one = choices({"index": 0}, {"index": 1})
    assert zero != one
    assert choices({"index": 1}) == [one]
    assert choices({"index": 1}, {"index": 0}) == [one, zero]
    assert choices({}, {}) == [zero, one]
    assert len({*choices({"index": {"a": 1}}, {"index": {"a": 2}})}) == 2

    def parts(*each: dict[str, Any]) -> list[Identity]:
        content = {"parts": [{"text": "x", **part} for part in each]}
        return identities("gemini", {"candidates": [{"content": content}]})

    assert parts({"thought": False}) == parts({})
    assert parts({"thought": True}) == []
    assert len({*parts({}, {})}) == 2
    assert len({*identities("generic", {"texts": ["x", "y"]})}) == 2


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_an_event_that_is_no_json_is_text(end: bytes) -> None:
    raw = f"data: hello {NAME}".encode() + end + f"data: {{broken {NAME}".encode() + end
    for dialect in (DIALECTS["generic"], DIALECTS["openai-chat"]):
        restored = through(SseFramer(), dialect, ISSUED, raw)
        assert restored == raw.replace(NAME.encode(), KEY.encode())
        assert through(SseFramer(), dialect, ISSUED, b"data: [DONE]" + end) == b"data: [DONE]" + end
