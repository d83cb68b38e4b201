"""Embeddings: megabytes of numbers, which hold no text, are not read one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_wire_streams import GATE, ISSUED, KEY
from wire_support import SCOPE

from addon.kit import token
from secretgate.inbound import answers, documents
from secretgate.inbound.answers import DocumentAnswer
from secretgate.inbound.spoken import Unread
from secretgate.inbound.written import Recorder
from secretgate.providers import DIALECTS

CHAT = DIALECTS["openai-chat"]
NUMBERS = [number / 7 for number in range(1000)]
NAME = GATE.name(KEY)


class Told(Recorder):
    """A recorder that also keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(CHAT, GATE.redactor, GATE.ledger, SCOPE)
        self.heard: list[bytes] = []

    def add(self, said: Any) -> None:
        if isinstance(said, Unread):
            self.heard.append(said.payload)
        super().add(said)


@pytest.mark.parametrize("indent", [None, 1])
def test_numbers_are_left_out_of_what_is_recorded(indent: int | None) -> None:
    own = token(("beside embeddings", indent))
    data = [{"embedding": NUMBERS, "index": at, "words": ["a", 1]} for at in range(3)]
    answer = {
        "data": data,
        "note": f'token = "{own}"',
        "short": [1, 2, 3],
    }
    raw = json.dumps(answer, indent=indent).encode()
    told = Told()
    made = DocumentAnswer(CHAT, ISSUED, told)
    assert made.feed(raw) + made.finish() == raw
    (heard,) = told.heard
    without = [{**each, "embedding": []} for each in data]
    assert json.loads(heard) == {**answer, "data": without}
    assert GATE.ledger.written(SCOPE, [own.encode()])


def test_numbers_beside_a_placeholder_stay_as_they_are() -> None:
    raw = json.dumps({"note": NAME, "values": NUMBERS}).encode()
    made = DocumentAnswer(CHAT, ISSUED, None)
    assert made.feed(raw) == b""
    assert made.finish() == raw.replace(NAME.encode(), KEY.encode())


def test_a_document_without_placeholders_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "read_pieces", lambda *_, **__: pytest.fail("it was read"))
    raw = json.dumps({"values": NUMBERS, "text": "some words"}).encode()
    made = DocumentAnswer(CHAT, ISSUED, None)
    assert made.feed(raw) + made.finish() == raw


LEAVES = st.one_of(st.floats(allow_nan=False), st.text('[]"\\1, ', max_size=9), st.none())
VALUES = st.recursive(
    LEAVES | st.just(NUMBERS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('a[]"1', max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


def _emptied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _emptied(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [] if value == NUMBERS else [_emptied(inner) for inner in value]
    return value


@given(VALUES)
def test_nothing_but_long_arrays_of_numbers_is_left_out(value: Any) -> None:
    assert json.loads(answers._without_numbers(json.dumps(value).encode())) == _emptied(value)
