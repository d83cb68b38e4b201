"""What clients accept as JSON beyond the standard is read, judged and restored too."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.wire_support import through
from secretgate import tolerant
from secretgate.inbound.answers import DocumentAnswer
from secretgate.placeholders import Issued, Namer, Template
from secretgate.providers import DIALECTS
from secretgate.streams.sse import SseFramer

TEMPLATE = Template()
NAME = Namer(TEMPLATE, b"k" * 32).name("rule", b"a-made-up-value")
ISSUED = Issued(TEMPLATE, {NAME: b"a-made-up-value"})

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, categories=["L", "N", "Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (rb'{"a":"\ud83d"}', {"a": "\ud83d"}),
        (b'{"a":"\xff"}', {"a": "\N{REPLACEMENT CHARACTER}"}),
        (b'{"a":"\x1f\n"}', {"a": "\x1f\n"}),
        (b'{"a":-Infinity}', {"a": -math.inf}),
        (b'{"a":1e999}', {"a": math.inf}),
        (b'{"a":1' + b"0" * 5000 + b"}", {"a": math.inf}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
    ],
    ids=[
        "half a pair",
        "no UTF-8",
        "control characters",
        "Infinity",
        "a large number",
        "a long number",
        "a mark of order",
    ],
)
def test_what_only_some_parsers_take(raw: bytes, value: Any) -> None:
    assert tolerant.decode(raw) == value


@pytest.mark.parametrize("raw", [b"", b"[DONE]", b"{'a': 1}", b'{"a":1,}', b'{"a"'])
def test_what_no_client_takes(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        tolerant.decode(raw)


@pytest.mark.thorough
@given(values)
def test_whatever_python_writes_is_read(value: Any) -> None:
    raw = json.dumps(value).encode()
    read = tolerant.decode(raw)
    assert json.dumps(read) == json.dumps(json.loads(raw))


@pytest.mark.thorough
@given(st.lists(values, max_size=4))
def test_elements_are_those_of_the_array(several: list[Any]) -> None:
    raw = json.dumps(several).encode()
    parts = [json.loads(each) for each in tolerant.elements(raw)]
    assert json.dumps(parts) == json.dumps(json.loads(raw))


def test_elements_of_what_is_no_array() -> None:
    with pytest.raises(ValueError, match="not an array"):
        tolerant.elements(rb'{"a":"\ud83d"}')


def test_half_a_pair_is_written_as_it_may_stand() -> None:
    assert json.loads(tolerant.encode({"a": "\ud83d", "b": "é"})) == {"a": "\ud83d", "b": "é"}


def test_a_placeholder_beside_half_a_pair_is_restored() -> None:
    text = json.dumps(f"it is {NAME.decode()} \ud83d")
    delta = (
        f'{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{text}}}}}'
    )
    raw = f"data: {delta}\n\n".encode()
    out = through(SseFramer(), DIALECTS["anthropic"], ISSUED, raw)
    assert out == raw.replace(NAME, b"a-made-up-value")
    whole = f'{{"type":"message","content":[{{"type":"text","text":{text}}}]}}'.encode()
    answer = DocumentAnswer(DIALECTS["anthropic"], ISSUED)
    assert answer.feed(whole) + answer.finish() == whole.replace(NAME, b"a-made-up-value")
