"""The fast reader of JSON bodies against the strict one: the same strings, the same refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness import effort
from secretgate.bodies import json_walk
from secretgate.bodies.base import SHORTEST, THINKING, Label, PlainBody, Slot, Unreadable, spell
from secretgate.bodies.json_body import JsonBody
from secretgate.bodies.json_spans import json_slots
from secretgate.bodies.json_walk import Reading, read_json
from secretgate.bodies.paths import Paths
from secretgate.outbound.texts import Counts, Texts, texts
from secretgate.providers import DIALECTS

TABLE = Paths[Label](
    [
        ("messages[].id", Label.OPAQUE),
        ("messages[].parts[].kind", Label.KIND),
        ("messages[].secret.**", Label.CREDENTIAL),
        ("messages[].data", Label.BYTES),
        ("messages[].role", Label.OPAQUE),
        ("messages[].parts[].type", Label.KIND),
        ("type", Label.BYTES),
        ("kind", Label.KIND),
        ("thought", Label.KIND),
        ("messages[].thought", Label.KIND),
    ],
    Label.TEXT,
)
NAMES = [
    "messages",
    "parts",
    "kind",
    "id",
    "data",
    "secret",
    "thought",
    "type",
    "role",
    "a long member name",
    "a\\n",
]
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["thinking", "reasoning_text", "user", '\\"', 'x\\\\"y', "\\", '"' * 9, "a text here"]
    )
)
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=25,
)
bodies = documents | st.lists(documents, max_size=6).map(lambda items: {"messages": items})


def strict(raw: bytes, root: Any = TABLE.root) -> tuple[list[Any], int, int] | None:
    """Return the slots that are kept, and the number of bytes in text and opaque slots."""
    try:
        slots = json_slots(raw, root)
    except Unreadable:
        return None
    text = sum(each.end - each.start for each in slots if each.label is Label.TEXT)
    opaque = sum(each.end - each.start for each in slots if each.label is Label.OPAQUE)
    kept = [(*each[:5], spell(each.path)) for each in slots if _kept(each)]
    return kept, text, opaque


def _kept(slot: Slot) -> bool:
    return slot.label is not Label.OPAQUE and (
        slot.label is not Label.TEXT or slot.end - slot.start >= SHORTEST
    )


def fast(
    raw: bytes, root: Any = TABLE.root, stops: Sequence[tuple[int, int]] = ()
) -> tuple[list[Any], int, int] | None:
    reading = Reading(raw, root)
    for size, seconds in stops:
        reading.within(size, seconds)
    try:
        body = reading.body
    except Unreadable:
        return None
    if isinstance(body, PlainBody):
        return strict(raw, root)
    slots = [(*each[:5], body.where(each)) for each in body.slots]
    return slots, body.scanned, body.opaque


@given(
    bodies,
    st.sampled_from([None, 1, "\t"]),
    st.sampled_from([None, (",", ":")]),
    st.booleans(),
)
@settings(max_examples=effort.of(300))
def test_both_readers_find_the_same(
    document: Any, indent: Any, separators: Any, ascii_only: bool
) -> None:
    raw = json.dumps(
        document, indent=indent, separators=separators, ensure_ascii=ascii_only
    ).encode("utf-8", "surrogatepass")
    assert fast(raw) == strict(raw)


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("separator", [":", ": ", " : "])
@pytest.mark.parametrize("name", ["type", "kind"])
@pytest.mark.parametrize("value", [*sorted(map(bytes.decode, THINKING)), "text"])
def test_what_stands_beside_the_word_thinking_is_opaque(
    value: str, name: str, separator: str, after: bool
) -> None:
    """Whether the word is read with the punctuation around it or as a string of its own."""
    said = {"words": "what the model thought"}
    part = {**said, name: value} if after else {name: value, **said}
    raw = json.dumps({"messages": [{"parts": [part]}]}, separators=(",", separator)).encode()
    read = fast(raw)
    assert read == strict(raw)
    assert read
    texts = [raw[slot[0] : slot[1]] for slot in read[0]]
    assert (b"what the model thought" in texts) == (value == "text")


@pytest.mark.thorough
@given(
    bodies,
    st.booleans(),
    st.lists(st.sampled_from([b"\\ud800", b"\\/", b"\\u0041", b"\x01", b"\xff", b"\\q", b"\0"])),
)
@settings(max_examples=200)
def test_texts_are_those_of_the_strict_reader(
    document: Any, ascii_only: bool, odd: list[bytes]
) -> None:
    """With any escapes, including those that no JSON encoder writes."""
    raw = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    for at, piece in enumerate(odd):
        raw = raw.replace(b"text", b"te%bxt%b" % (piece, b"\\\\" * (at % 2)), 1)
    body = read_json(raw, TABLE.root)
    read = Texts(body)
    read.read(short=False)
    told = [(*each.slot[:5], each.text, each.wrapped) for each in read]
    slots = [each for each in json_slots(raw, TABLE.root) if _kept(each)]
    exact = [(*each.slot[:5], each.text, each.wrapped) for each in texts(raw, slots, Counts())]
    assert sorted(told) == sorted(exact)
    assert read.plain == [each.text for each in read]
    assert read.keys == [each.slot.key for each in read]


@given(
    st.binary(max_size=60)
    | st.text(alphabet='{}[]",:\\ \n0-1.eEtrufalsn', max_size=40).map(str.encode)
    | st.lists(
        st.sampled_from(
            [
                b'"a"',
                b'"',
                b"\\",
                b"{",
                b"}",
                b"[",
                b"]",
                b",",
                b":",
                b"1",
                b"true",
                b' "messages":',
                b'"type":"user"',
            ]
        ),
        max_size=16,
    ).map(b"".join)
)
@example(b'{"a":"\\')
@example(b'["\\\\","\\\\\\"",""]')
@example(b'["a"1]')
@settings(max_examples=effort.of(500))
def test_both_readers_refuse_the_same(raw: bytes) -> None:
    assert fast(raw) == strict(raw)


@pytest.mark.thorough
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@given(document=bodies)
def test_where_blocks_end_does_not_matter(size: int, document: Any) -> None:
    raw = json.dumps(document).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_walk, "_FIRST_BLOCK", size)
        patch.setattr(json_walk, "_BLOCK", size)
        assert fast(raw) == strict(raw)


@pytest.mark.parametrize("size", [1, 16])
@given(
    bodies,
    st.lists(st.tuples(st.integers(0, 90), st.sampled_from([0, 1])), max_size=4),
    st.binary(),
)
def test_a_reading_can_be_interrupted(
    size: int, document: Any, stops: list[tuple[int, int]], behind: bytes
) -> None:
    raw = json.dumps(document).encode() + behind
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_walk, "_FIRST_BLOCK", size)
        patch.setattr(json_walk, "_BLOCK", size)
        assert fast(raw, stops=stops) == strict(raw)


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(["some text"] * 50_000).encode(),
        json.dumps({"messages": [{"data": "some text"}] * 50_000}).encode(),
        b'["' + b'\\"' * 400_000 + b'"]',
        b'["' + b"\\\\" * 400_000 + b'"]',
        b'["a",' + b"12," * 300_000 + b"1]",
        b'{"messages":[' + b"{}," * 300_000 + b"{}]}",
        b'{"messages":[' + b'{"number":1},' * 300_000 + b"{}]}",
        b"{" + b",".join(b'"name %d":null' % at for at in range(50_000)) + b"}",
        b'{"text": "' + b" " * 800_000,
    ],
)
def test_a_reading_stops_before_it_has_read_more_than_it_may(raw: bytes) -> None:
    assert not Reading(raw, TABLE.root).within(math.inf, -1)
    reading = Reading(raw, TABLE.root)
    assert not reading.within(100_000, math.inf)
    assert reading.size <= 100_000
    assert fast(raw, stops=[(0, 0), (50_000, 1)]) == strict(raw)


@pytest.mark.thorough
def test_what_is_remembered_of_shapes_is_bounded() -> None:
    table = Paths[Label]([], Label.TEXT)
    nested = {
        f"{a}": {f"{b}": {f"{c}": "" for c in range(40)} for b in range(40)} for a in range(40)
    }
    raw = json.dumps(nested).encode()
    assert fast(raw, table.root) == strict(raw, table.root)
    assert json_walk.grammar(table.root).size <= 20_002
    for number in range(3):
        names = {f"member {number} {at}": {f"inner {at}": "some text"} for at in range(5000)}
        raw = json.dumps(names).encode()
        assert fast(raw, table.root) == strict(raw, table.root)
    deep = b'{"a":[' * 3000 + b'"deep text"' + b"]}" * 3000
    assert fast(deep, table.root) == strict(deep, table.root)
    assert json_walk.grammar(table.root).size <= 20_002


def test_the_outline_is_the_body_without_its_items() -> None:
    raw = b'{"a":"b","messages":[{"x":"stream"}, {"y":1}],"stream":true,"tools":[],"t":[{}, "s"]}'
    body = read_json(raw, DIALECTS["anthropic"].request_paths.root)
    assert isinstance(body, JsonBody)
    assert json.loads(body.outline) == {
        "a": "b",
        "messages": [0],
        "stream": True,
        "tools": [],
        "t": [0, "s"],
    }


@pytest.mark.parametrize(
    ("document", "many"),
    [
        ({"system": [{"text": "a"}], "messages": [{"role": "user", "content": "hello"}] * 3}, 3),
        ({"input": [{"role": "user"}, {"type": "reasoning"}], "tools": [{"name": "n"}] * 9}, 2),
        ({"request": {"contents": [{"parts": [{"text": "a"}, {"text": "b"}]}] * 4}}, 4),
        ({"input": "a question"}, 0),
    ],
)
def test_messages_are_counted(document: dict[str, Any], many: int) -> None:
    body = read_json(json.dumps(document).encode(), DIALECTS["generic"].request_paths.root)
    assert isinstance(body, JsonBody)
    assert body.messages == many
