"""Promises 6 and 7 for one text: cuts do not matter, and nothing is held back for long."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secretgate.bodies.forms import escaped
from secretgate.inbound.restoration import Channel, Depth, restore
from secretgate.placeholders import Issued, Namer, Template

TEMPLATE = Template()
NAMER = Namer(TEMPLATE, b"k" * 32)
VALUES = [b"first-made-up-value", b'with "quotes" and \\ and \xc3\xa9', b"p%ss word"]
NAMES = [NAMER.name(f"rule-{at}", value) for at, value in enumerate(VALUES)]
ALIAS = b"QmFzZTY0IHdpdGggYSBwbGFjZWhvbGRlcg"
ISSUED = Issued(TEMPLATE, dict(zip(NAMES, VALUES, strict=True)), {ALIAS: b"T3JpZ2luYWwgYmFzZTY0"})
FOREIGN = TEMPLATE.fill("rule-0", "0123456789ab")

pieces = st.lists(
    st.sampled_from(
        [
            *NAMES,
            ALIAS,
            FOREIGN,
            *(name[:cut] for name in NAMES for cut in (1, 7, 9, 20, -1)),
            NAMES[0].replace(b"<", b"\\u003c"),
            NAMES[1].lower(),
            NAMES[2].replace(b"<", b"&lt;"),
            b" ",
            b"R",
            b"r",
            b"\\n",
            b"text ",
            b"QmFz",
            "é".encode(),
            b"REDACTED<",
        ]
    )
    | st.binary(max_size=5).map(lambda raw: raw.replace(b"\\", b"/")),
    max_size=12,
).map(b"".join)


def cut(text: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:end] for start, end in pairwise(ends)]


@given(pieces, st.lists(st.integers(0, 10_000), max_size=20), st.sampled_from(Depth))
@example(NAMES[0] + NAMES[1], list(range(100)), Depth.LITERAL)
def test_the_cuts_do_not_matter(text: bytes, places: list[int], depth: Depth) -> None:
    channel = Channel(ISSUED, depth)
    out = b"".join([*(channel.feed(piece) for piece in cut(text, places)), channel.finish()])
    assert out == restore(text, ISSUED, depth)


HEADS = [
    "REDACTED<{rule}:{id}>",
    "note[{rule}/{id}]",
    "u00b:{rule}:{id}.",
    "b_r_{rule}:{id};",
    "1bn-{rule}:{id};",
]
letters = st.text('\r\n\t\b\f"\\/é\x01\x1b\ud83dRrEenNuUbBtT01', max_size=6)


@given(st.sampled_from(HEADS), st.lists(letters, max_size=8), st.booleans())
@example(HEADS[0], ["hello\r", "\nworld"], False)
@example(HEADS[4], ["\x01", "bn"], False)
def test_what_is_held_back_cuts_no_escape(head: str, texts: list[str], ascii: bool) -> None:
    """A piece that ends in an escaped carriage return ends in an `r` that is not a letter."""
    template = Template(head)
    issued = Issued(template, {template.fill("a", "0" * 12): b"value"}, {b"1bReduNe": b"value"})
    channel = Channel(issued, Depth.LITERAL)
    spelled = [json.dumps(text, ensure_ascii=ascii)[1:-1] for text in texts]
    given_on = [channel.feed(piece.encode("utf-8", "surrogatepass")) for piece in spelled]
    said = [
        json.loads(b'"%b"' % each.replace(b"\xed\xa0\xbd", b"\\ud83d"))
        for each in [*given_on, channel.finish()]
    ]
    assert "".join(said) == "".join(texts)


@pytest.mark.parametrize("depth", [Depth.LITERAL, Depth.NESTED])
def test_an_escape_and_what_follows_it_are_no_placeholder(depth: Depth) -> None:
    text = b"\\" + NAMES[0].replace(b"R", b"r", 1)
    assert restore(text, ISSUED, depth) == text
    assert restore(text, ISSUED, Depth.PLAIN) == b"\\" + VALUES[0]
    alias = Issued(TEMPLATE, {}, {b"nQmFzZTY0": b"of-another"})
    assert restore(b"a\\nQmFzZTY0", alias, depth) == b"a\\nQmFzZTY0"
    assert restore(b"a\\\\nQmFzZTY0", alias, depth) == b"a\\\\of-another"


@pytest.mark.parametrize("name", NAMES)
def test_every_two_part_cut_restores(name: bytes) -> None:
    text = b"use " + name + b" now"
    whole = restore(text, ISSUED, Depth.PLAIN)
    assert name not in whole
    for at in range(len(text) + 1):
        channel = Channel(ISSUED, Depth.PLAIN)
        assert channel.feed(text[:at]) + channel.feed(text[at:]) + channel.finish() == whole


@given(pieces, st.lists(st.integers(0, 10_000), max_size=10))
def test_only_what_may_become_an_issued_placeholder_is_held(text: bytes, places: list[int]) -> None:
    channel = Channel(ISSUED, Depth.PLAIN)
    for piece in cut(text, places):
        channel.feed(piece)
        held = channel.held
        if held:
            assert (TEMPLATE.beginning.match(held) and ISSUED.may_begin(held)) or ALIAS.startswith(
                held[:8]
            )
            assert TEMPLATE.spelled.search(held) is None or FOREIGN in held


@given(st.text(alphabet="abcdefghijklmnopqstuvwxyz .,é\n", max_size=200))
def test_prose_is_never_held(text: str) -> None:
    channel = Channel(ISSUED, Depth.PLAIN)
    raw = text.encode()
    assert channel.feed(raw) == raw
    assert channel.held == b""


def test_a_foreign_placeholder_stays() -> None:
    assert restore(FOREIGN, ISSUED, Depth.PLAIN) == FOREIGN


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_value_survives_the_literals_it_stands_in(value: bytes, depth: int) -> None:
    text = escaped(value, depth).decode()
    for _ in range(depth):
        text = json.loads(f'"{text}"')
    assert text.encode() == value


@pytest.mark.parametrize("at", range(len(VALUES)))
def test_arguments_stay_valid_json(at: int) -> None:
    """A placeholder in JSON text, and in JSON text inside one of its strings."""
    arguments = json.dumps({"a": NAMES[at].decode(), "file": json.dumps({"b": NAMES[at].decode()})})
    event = json.dumps({"partial_json": arguments}).encode()
    restored = json.loads(json.loads(restore(event, ISSUED, Depth.NESTED))["partial_json"])
    assert restored["a"].encode() == VALUES[at]
    assert json.loads(restored["file"])["b"].encode() == VALUES[at]


def test_a_percent_encoded_placeholder_becomes_a_percent_encoded_value() -> None:
    spelled = NAMES[2].replace(b"<", b"%3C").replace(b":", b"%3A").replace(b">", b"%3E")
    assert restore(b"?q=" + spelled, ISSUED, Depth.PLAIN) == b"?q=p%25ss%20word"


@pytest.mark.parametrize(
    "text", [b"see REDACTED<unheard-of:", b"REDACTED<rule-0:ffffffff", b"a REDACTED[", FOREIGN[:-1]]
)
def test_the_beginning_of_what_was_not_issued_is_not_held(text: bytes) -> None:
    channel = Channel(ISSUED, Depth.PLAIN)
    assert channel.feed(text) == text


@pytest.mark.parametrize("length", range(1, len(NAMES[0])))
def test_as_much_is_held_as_may_go_on_and_no_more(length: int) -> None:
    channel = Channel(ISSUED, Depth.PLAIN)
    assert channel.feed(b"it is " + NAMES[0][:length]) == b"it is "
    assert channel.held == NAMES[0][:length]
    assert channel.feed(b"~") == NAMES[0][:length] + b"~"


@pytest.mark.parametrize("before", range(12))
def test_a_rewritten_run_whose_beginning_overlaps_itself_is_held(before: int) -> None:
    """Base64 of zeros: the beginning of the run is known only from what follows them."""
    alias = b"A" * 8 + b"Bcdefghijklm"
    issued = Issued(TEMPLATE, {}, {alias: b"the original run"})
    text = b"A" * before + alias + b"."
    for at in range(len(text)):
        channel = Channel(issued, Depth.PLAIN)
        out = channel.feed(text[:at]) + channel.feed(text[at:]) + channel.finish()
        assert out == b"A" * before + b"the original run."


@pytest.mark.parametrize("value", ['quote " and \\', "line\nbreak", "\u00e9\u20ac", "\ud800x"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_value_is_escaped_so_that_reading_gives_it_back(value: str, depth: int) -> None:
    spelled = escaped(value.encode("utf-8", "surrogatepass"), depth)
    for _ in range(depth):
        text = json.loads(b'"' + spelled + b'"')
        spelled = text.encode("utf-8", "surrogatepass")
    assert spelled == value.encode("utf-8", "surrogatepass")
