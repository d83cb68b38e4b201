"""JSON-escaped text: reading many strings at once, or long ones in pieces, makes no difference."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secretgate.bodies import forms
from secretgate.bodies.base import Form

inside = st.builds(
    lambda text, ascii_only: json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode(
        "utf-8", "surrogatepass"
    ),
    st.text(alphabet=st.characters() | st.sampled_from('\\"\n\ud83d'), max_size=30),
    st.booleans(),
)
odd = st.sampled_from([b"\\x41", b"\x01", b"\\ud83d", b"\xff", b"\\/", b"\\u12", b"", b"\\\\"])


@given(st.lists(inside | odd, max_size=8))
def test_many_strings_are_read_like_each(raws: list[bytes]) -> None:
    assert forms.unescaped(raws) == [forms.read(Form.JSON, raw) for raw in raws]


def test_strings_are_read_in_groups() -> None:
    raws = [b"a\\n%d " % at + b"x" * 30_000 for at in range(7)]
    assert forms.unescaped(raws) == [raw.replace(b"\\n", b"\n") for raw in raws]


@given(st.lists(inside, min_size=1, max_size=12), st.integers(0, 400), st.integers(1, 40))
def test_a_long_string_has_the_same_map_by_pieces(raws: list[bytes], at: int, size: int) -> None:
    raw = b"a plain stretch".join(raws)
    text = forms.read(Form.JSON, raw)
    start = at % (len(text) + 1)
    end = min(start + size, len(text))
    whole = forms.mapped(Form.JSON, raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms, "_PIECE", 16)
        pieces = forms.mapped(Form.JSON, raw)
        if start < end:
            assert pieces(start, end) == whole(start, end)


def test_spans_may_be_asked_for_in_any_order() -> None:
    raw = rb'a\nbc\\d "\"e' * 30
    size = len(forms.read(Form.JSON, raw))
    spans = [(start, start + 3) for start in range(0, size - 3, 7)]
    forwards, backwards = forms.mapped(Form.JSON, raw), forms.mapped(Form.JSON, raw)
    expected = [forwards(*span) for span in spans]
    assert [backwards(*span) for span in reversed(spans)] == expected[::-1]
    assert [forwards(*span) for span in spans] == expected
