"""Where a placeholder may begin: none is missed, in texts of any length and in any spelling."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness import effort
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


@pytest.mark.thorough
@pytest.mark.parametrize("template", [DEFAULT_TEMPLATE, *OTHERS])
@given(before=_pieces, text=_pieces, more=_pieces)
@example(before=b"R", text=b"REDA", more=b"")
@example(before=b"", text=b"REDA", more=b"R&lt")
@example(before=b"r\\n", text=b"eda", more=b"x")
def test_in_a_long_text_none_is_overlooked(
    template: str, before: bytes, text: bytes, more: bytes
) -> None:
    """In a long text, only ends that are not spelled exactly are examined more closely."""
    spelled = Template(template)
    for between in (b"", b" - " * 500):
        long = b"".join((before, b"x." * 300, text, between, text, more))
        starts = set(spelled.beginnings.in_text(long))
        found = {match.start() for match in spelled.spelled.finditer(long)}
        found |= {at for at in range(len(long)) if spelled.beginning.match(long, at)}
        assert found <= starts
        assert starts <= spelled.beginnings._starts(long, 0)


TEMPLATES = [
    Template(),
    Template("<<S:{rule}/{id}>>"),
    Template("ReRe[{id}]"),
    Template("1a-b{rule}.{id}"),
]
spellings = st.lists(
    st.sampled_from(
        [
            *"rReEdDaA<>[]1-b",
            "RED",
            "REDACTED<",
            "<<S:",
            "ReRe[",
            "1a-b",
            "%3c",
            "&lt;",
            "&#60;",
            "\\u003c",
            "\\n",
            "\\\\n",
            "\\r\\n",
            "\r\n",
            "\n",
            " ",
            "\t",
            "\\",
            '\\"',
            "%",
            "&",
            "&l",
            "x",
            "}",
        ]
    ),
    max_size=10,
).map("".join)


@pytest.mark.thorough
@given(spellings, st.sampled_from(TEMPLATES))
@example("r&r", TEMPLATES[0])
@example("r\\r\\n", TEMPLATES[0])
@settings(max_examples=effort.of(1000))
def test_no_beginning_is_overlooked(text: str, template: Template) -> None:
    raw = text.encode()
    starts = set(template.beginnings.in_text(raw))
    found = {match.start() for match in template.spelled.finditer(raw)}
    found |= {at for at in range(len(raw)) if template.beginning.match(raw, at)}
    assert found <= starts
    literal = json.dumps({"for": 1, "text": "_"}).encode().replace(b"_", raw)
    if found:
        assert template.beginnings.in_events(literal)


@pytest.mark.parametrize("value", ["a reader", "our", "fore", "pure red", "Read", "or\n", "r, e"])
def test_a_member_name_is_no_beginning(value: str) -> None:
    event = json.dumps({"error": None, "user": 1, "order": [], "text": value + "."}).encode()
    assert Template().beginnings.in_events(event) == []
