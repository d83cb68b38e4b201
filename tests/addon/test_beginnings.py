"""Where a placeholder may begin: none is overlooked, however long the text and however it is spelled."""

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
@given(before=_pieces, text=_pieces, more=_pieces)
@example(before=b"R", text=b"REDA", more=b"")
@example(before=b"", text=b"REDA", more=b"R&lt")
@example(before=b"r\\n", text=b"eda", more=b"x")
def test_in_a_long_text_none_is_overlooked(
    template: str, before: bytes, text: bytes, more: bytes
) -> None:
    """There it is only looked closer where one ends that is not spelled to the letter."""
    spelled = Template(template)
    for between in (b"", b" - " * 500):
        long = b"".join((before, b"x." * 300, text, between, text, more))
        starts = set(spelled.beginnings.in_text(long))
        found = {match.start() for match in spelled.spelled.finditer(long)}
        found |= {at for at in range(len(long)) if spelled.beginning.match(long, at)}
        assert found <= starts
        assert starts <= spelled.beginnings._starts(long, 0)
