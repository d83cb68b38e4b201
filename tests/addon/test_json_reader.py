"""The span reader against a reference parser, and against input that is not JSON."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secretgate.bodies import forms, json_reader
from secretgate.bodies.base import Form, Unreadable, spell
from secretgate.bodies.forms import mapped, read
from secretgate.bodies.json_reader import closing_quote, plain_name, read_strings
from secretgate.bodies.json_spans import json_slots
from secretgate.bodies.paths import Paths

ALL = Paths[str]([], "text").root

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
layouts = st.sampled_from([None, 1, "\t"])


def leaves(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, dict):
        return [leaf for name, item in value.items() for leaf in leaves(item, f"{path}.{name}")]
    if isinstance(value, list):
        return [leaf for at, item in enumerate(value) for leaf in leaves(item, f"{path}[{at}]")]
    return []


@given(documents, layouts, st.booleans())
def test_finds_the_strings_a_parser_finds(document: Any, indent: Any, ascii_only: bool) -> None:
    raw = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )
    found = read_strings(raw, ALL).strings
    texts = [
        read(Form.JSON, raw[start:end]).decode("utf-8", "surrogatepass") for start, end, *_ in found
    ]
    assert texts == [text for _, text in leaves(document)]


@given(
    st.lists(st.sampled_from([b"a", b"\\", b'"', b'\\"', b"\\\\", b'\\"' * 20, b"\\" * 17])),
    st.binary(max_size=3),
)
@example([b'\\"' * 20], b"")
@example([b"\\" * 17], b"")
@example([b"\\" * 18, b'"'], b"a")
def test_a_string_ends_at_the_first_quote_that_is_not_escaped(
    pieces: list[bytes], before: bytes
) -> None:
    raw, start = before + b"".join(pieces), len(before)
    escaped, end = False, -1
    for at in range(start, len(raw)):
        if raw[at] == ord('"') and not escaped:
            end = at
            break
        escaped = raw[at] == ord("\\") and not escaped
    assert closing_quote(raw, start) == end
    first = raw.find(b'"', start)
    assert closing_quote(raw, start, first if first >= 0 else None) == end
    for few in (2, 3, 7):
        with patch.object(json_reader, "_PIECE", few):
            assert closing_quote(raw, start) == end


@given(documents)
def test_finds_every_member_name_when_asked(document: Any) -> None:
    raw = json.dumps(document).encode()
    names = [
        raw[start:end]
        for start, end, _, _, _, is_key in read_strings(raw, ALL, keys=0).strings
        if is_key
    ]

    def members(value: Any) -> list[bytes]:
        if isinstance(value, dict):
            return [
                each
                for name, item in value.items()
                for each in [json.dumps(name)[1:-1].encode(), *members(item)]
            ]
        return [each for item in value for each in members(item)] if isinstance(value, list) else []

    assert names == members(document)


@given(
    st.binary(max_size=60)
    | st.text(alphabet='{}[]",:\\ \n0-1.eEtrufalsn', max_size=40).map(str.encode)
)
def test_accepts_nothing_that_a_parser_refuses(raw: bytes) -> None:
    """A parser accepts the same input, apart from control characters and bytes inside strings."""
    try:
        read_strings(raw, ALL)
    except Unreadable:
        return
    blanked = bytes(byte if 32 <= byte < 127 or byte in b"\t\n\r" else 63 for byte in raw)
    try:
        json.loads(blanked, strict=False)
    except json.JSONDecodeError as error:
        assert "escape" in error.msg  # noqa: PT017 - an invalid escape stays inside its literal


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b'{"a"',
        b'{"a":',
        b'{"a":1',
        b'{"a":1,}',
        b"[1,]",
        b"[1 2]",
        b'{"a" 1}',
        b"{1:2}",
        b"nul",
        b"1 2",
        b"{]",
        b"[}",
        b'"open',
        b'["\\"]',
        b"[,1]",
        b"-",
        b"01",
        b"1.",
        b"+1",
        b"'a'",
        b"{,}",
        b"]",
    ],
)
def test_refuses_what_is_no_document(raw: bytes) -> None:
    """The error says where."""
    with pytest.raises(Unreadable, match=r"JSON.*, at byte \d+|JSON at byte \d+"):
        read_strings(raw, ALL)


@pytest.mark.parametrize(
    "raw", [b"NaN", b'{"a":-Infinity,"a":NaN}', b'["\xff\xfe"]', b'["\\ud800", "a\x01b"]']
)
def test_lets_pass_what_costs_nothing_to_keep(raw: bytes) -> None:
    read_strings(raw, ALL)


@given(st.text(max_size=300), st.integers(1, 40), st.booleans())
def test_a_long_string_is_read_in_pieces(text: str, size: int, ascii_only: bool) -> None:
    raw = json.dumps(text, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")[1:-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "_PIECE", size)
        assert read(Form.JSON, raw) == text.encode("utf-8", "surrogatepass")


@pytest.mark.thorough
def test_depth_has_no_limit() -> None:
    raw = b'{"a":[' * 20_000 + b'"deep"' + b"]}" * 20_000
    (found,) = read_strings(raw, ALL).strings
    assert raw[found[0] : found[1]] == b"deep"


def test_the_path_is_told_as_people_write_it() -> None:
    raw = b'{"messages": [{"content": "a"}, {"content": [{"t\\u0065xt": "b"}]}]}'
    from secretgate.providers import DIALECTS

    slots = json_slots(raw, DIALECTS["anthropic"].request_paths.root)
    assert [spell(slot.path) for slot in slots][-1].startswith("messages[1].content[0].t")


@given(st.text(), st.data())
def test_a_stretch_of_text_maps_to_its_bytes(text: str, data: st.DataObject) -> None:
    raw = json.dumps(text, ensure_ascii=data.draw(st.booleans()))[1:-1].encode(
        "utf-8", "surrogatepass"
    )
    plain = read(Form.JSON, raw)
    characters = [each.encode("utf-8", "surrogatepass") for each in text]
    first = data.draw(st.integers(0, len(characters)))
    last = data.draw(st.integers(first, len(characters)))
    if any(0xD800 <= ord(each) < 0xE000 for each in text):
        return
    start, end = len(b"".join(characters[:first])), len(b"".join(characters[:last]))
    low, high = mapped(Form.JSON, raw)(start, end)
    assert read(Form.JSON, raw[low:high]) == plain[start:end]
    assert read(Form.JSON, raw[:low]) + plain[start:end] + read(Form.JSON, raw[high:]) == plain


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (rb"\u0074ext", b"text"),
        (rb"a\"\\\/b", b'a"\\/b'),
        (rb"\b\f\n\r\t", b"\b\f\n\r\t"),
        (rb"\ud800", b"\xed\xa0\x80"),
        (rb"\q\u12", rb"\q\u12"),
        (b"\\", b"\\"),
    ],
)
def test_a_member_name_without_its_escapes(raw: bytes, plain: bytes) -> None:
    assert plain_name(raw) == plain


def test_half_a_character_may_name_a_member() -> None:
    raw = rb'{"\ud800": "x"}'
    (found,) = read_strings(raw, ALL).strings
    assert raw[found[0] : found[1]] == b"x"
