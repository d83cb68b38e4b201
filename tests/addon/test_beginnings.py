"""Where a placeholder may begin: what is ruled out by the text behind it is none, however it is spelled."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secretgate.placeholders import DEFAULT_TEMPLATE, Template

TEMPLATE = Template()
OTHERS = ("<<<<{id}:{rule}>>>>", "ABBA-{id}", "Secret[{rule}:{id}]", "ARSEx{id}")
_pieces = st.lists(
    st.sampled_from(
        [
            r"r",
            r"R",
            r"e",
            r"ed",
            r"RED",
            r"REDA",
            r"a",
            r"s",
            r"x",
            r"<",
            r"-",
            r"1",
            r"\n",
            r"\r",
            r"\r\n",
            r"\\n",
            r"\\",
            r"\t",
            r"\u0052",
            r"&",
            r"&lt",
            r"%",
            r"%5",
            r"A",
            r"B",
            " ",
            "  ",
            "\t",
        ]
    ),
    max_size=6,
).map(lambda found: "".join(found).encode())


@pytest.mark.parametrize("template", [DEFAULT_TEMPLATE, *OTHERS])
@given(text=_pieces, more=_pieces)
@example(text=b"for\\n  ", more=b"  EDACTED")
@example(text=b"R", more=b"edACTED<")
@example(text=b"R\\r", more=b"\\nEDACTED")
def test_what_is_refuted_begins_no_placeholder(template: str, text: bytes, more: bytes) -> None:
    spelled = Template(template)
    if spelled.beginnings.refuted(text, more) < 0:
        return
    for start in range(len(text)):
        assert not spelled.beginning.match(text + more, start)
        assert not spelled.spelled.match(text + more, start)


@pytest.mark.parametrize(
    ("text", "more"),
    [(b"for", b" x"), (b"for", b"est"), (b"for\\n  ", b"    it"), (b"re", b"sult")],
)
def test_words_that_end_like_a_placeholder_begins_are_refuted(text: bytes, more: bytes) -> None:
    at = TEMPLATE.beginnings.refuted(text, more)
    assert text[at:].lower().startswith(b"r")


@pytest.mark.parametrize(
    ("text", "more"), [(b"R", b"ED"), (b"R", b""), (b"R", b"\\nE"), (b"r ", b"\\n"), (b"red", b"a")]
)
def test_what_may_go_on_is_not(text: bytes, more: bytes) -> None:
    assert TEMPLATE.beginnings.refuted(text, more) < 0
