"""Edits of edited texts, converted to edits of the original."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from secretgate.bodies.base import Edit
from secretgate.policy.texts import Edited


@st.composite
def steps(draw: st.DrawFn) -> tuple[bytes, list[list[tuple[int, int, bytes]]]]:
    text = draw(st.binary(max_size=20))
    rounds = draw(
        st.lists(
            st.lists(
                st.tuples(st.integers(0, 25), st.integers(0, 6), st.binary(max_size=5)), max_size=3
            ),
            max_size=4,
        )
    )
    return text, rounds


@given(steps())
def test_the_edits_lead_from_the_original_to_the_text(given_steps):
    text, rounds = given_steps
    edited = Edited(text)
    expected = text
    for spans in rounds:
        edits: list[Edit] = []
        at = 0
        for start, length, new in sorted(spans):
            start = max(start, at)
            end = start + length
            if end > len(expected):
                continue
            edits.append(Edit(start, end, new))
            at = end + 1
        for edit in reversed(edits):
            expected = expected[: edit.start] + edit.replacement + expected[edit.end :]
        edited.replace(edits)
        assert edited.text == expected
    at = 0
    for edit in edited.edits:
        assert at <= edit.start <= edit.end <= len(text)
        at = edit.end


def test_what_has_not_changed_is_in_no_edit():
    edited = Edited(b"aaa bbb ccc ddd")
    edited.replace([Edit(4, 7, b"XX"), Edit(12, 15, b"Y")])
    edited.replace([Edit(0, 1, b"Z"), Edit(5, 8, b"-")])
    assert edited.text == b"Zaa X-cc Y"
    assert edited.edits == (Edit(0, 1, b"Z"), Edit(4, 9, b"X-"), Edit(12, 15, b"Y"))
