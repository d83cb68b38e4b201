"""Streams of every family: restoration does not depend on how deltas or bytes are cut.

`chunk-invariance` states the promise independently; Hypothesis covers cases that nobody listed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import pytest
from chunk_invariance import assert_chunk_invariant
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_support import Gate, secret, through

from harness import effort
from harness.wire_families import FAMILIES, Family
from secretgate.inbound.matching import Shape
from secretgate.inbound.spoken import Spoken
from secretgate.streams.base import Run

GATE = Gate()
KEY, OTHER = secret(1), secret(2)
QUOTED = 'a "key" \\ with\nlines of ' + secret(3)
ISSUED = GATE.issued(KEY, OTHER, QUOTED)
TEXT = (
    f"It is {GATE.name(KEY)}, then {GATE.name(OTHER)}{GATE.name(KEY)}; REDACTED<no:0123456789ab> é"
)
WANTED = TEXT.replace(GATE.name(KEY), KEY).replace(GATE.name(OTHER), OTHER)
BRIEF = f"It is {GATE.name(KEY)} é"
"""A short text for tests that cut at every byte, each of which needs a whole stream."""
CALL = {"command": f"echo '{GATE.name(QUOTED)}'", "why": 'to "see"\n\\o/', "to": GATE.name(KEY)}
ARGUMENTS = json.dumps(CALL, ensure_ascii=False)
CALLED = {"command": f"echo '{QUOTED}'", "why": 'to "see"\n\\o/', "to": KEY}


def cut(text: str, places: Sequence[int]) -> list[str]:
    bounds = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[start:end] for start, end in pairwise(bounds)]


def sent(raw: bytes, places: Sequence[int]) -> list[bytes]:
    bounds = [0, *sorted({place % (len(raw) + 1) for place in places}), len(raw)]
    return [raw[start:end] for start, end in pairwise(bounds)]


def check(family: Family, raw: bytes) -> None:
    text, arguments = family.read(raw)
    assert text == WANTED
    if family.dialect.name == "gemini" and family.arguments:
        assert arguments == ARGUMENTS.replace(GATE.name(KEY), KEY).replace(
            GATE.name(QUOTED), QUOTED
        )
    elif family.arguments:
        assert json.loads(arguments) == CALLED


@pytest.mark.parametrize("name", FAMILIES)
@given(
    texts=st.lists(st.integers(0, 1000), max_size=12),
    arguments=st.lists(st.integers(0, 1000), max_size=12),
    places=st.lists(st.integers(0, 1 << 20), max_size=6),
)
@settings(max_examples=effort.of(40))
def test_the_tool_reads_the_same_however_it_is_cut(
    name: str, texts: list[int], arguments: list[int], places: list[int]
) -> None:
    family = FAMILIES[name]
    raw = family.write(cut(TEXT, texts), cut(ARGUMENTS, arguments))
    check(family, through(family.framer(), family.dialect, ISSUED, *sent(raw, places)))


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAMILIES)
def test_letter_by_letter_and_byte_by_byte(name: str) -> None:
    family = FAMILIES[name]
    raw = family.write(list(TEXT), list(ARGUMENTS))
    check(family, through(family.framer(), family.dialect, ISSUED, raw))
    pieces = [raw[at : at + 1] for at in range(len(raw))]
    check(family, through(family.framer(), family.dialect, ISSUED, *pieces))


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAMILIES)
def test_every_two_part_split_of_the_text(name: str) -> None:
    family = FAMILIES[name]

    def stream(chunks: Iterable[str]) -> Iterator[str]:
        raw = family.write(list(chunks), [])
        yield family.read(through(family.framer(), family.dialect, ISSUED, raw))[0]

    checked = assert_chunk_invariant(stream, lambda _: WANTED, TEXT)
    assert checked == len(TEXT)


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in FAMILIES if FAMILIES[name].arguments])
def test_every_two_part_split_of_the_arguments(name: str) -> None:
    family = FAMILIES[name]

    def stream(chunks: Iterable[str]) -> Iterator[str]:
        raw = family.write([], list(chunks))
        yield family.read(through(family.framer(), family.dialect, ISSUED, raw))[1]

    def whole(_: str) -> str:
        (said,) = stream([ARGUMENTS])
        return said

    assert assert_chunk_invariant(stream, whole, ARGUMENTS) == len(ARGUMENTS)


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAMILIES)
def test_every_two_part_split_of_the_bytes(name: str) -> None:
    family = FAMILIES[name]
    raw = family.write(cut(BRIEF, [9, 14]), cut(json.dumps({"to": GATE.name(KEY)}), [15]))

    def restored(*chunks: bytes) -> bytes:
        return through(family.framer(), family.dialect, ISSUED, *chunks)

    whole = restored(raw)
    for at in effort.some(range(1, len(raw))):
        assert restored(raw[:at], raw[at:]) == whole, at


@pytest.mark.parametrize("name", FAMILIES)
def test_what_holds_no_placeholder_goes_out_as_it_came(name: str) -> None:
    family = FAMILIES[name]
    raw = family.write(["Nothing ", "to ", "see. <X", "EDIT>"], ['{"a": ', '"X"}'])
    assert through(family.framer(), family.dialect, ISSUED, raw) == raw
    assert through(family.framer(), family.dialect, GATE.nothing_issued, raw) == raw


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("texts", [["one\r", "\ntwo"], ["a", "b", "c\r", "d"], ["\r", "\n"]])
def test_a_piece_may_end_in_any_escape(name: str, texts: list[str]) -> None:
    """The `r` of an escaped carriage return does not begin a placeholder."""
    family = FAMILIES[name]
    raw = family.write(texts, ['{"a": "b\\r', '\\n"}'])
    gone_on = through(family.framer(), family.dialect, ISSUED, raw)
    assert family.read(gone_on) == family.read(raw)
    assert family.read(gone_on)[0] == "".join(texts)


def test_an_answer_of_an_ordinary_length_has_no_expression_made_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ids differ between answers, so an expression compiled for one would not fit another."""
    monkeypatch.setattr(Shape, "_compiled", pytest.fail)
    family = FAMILIES["responses"]
    raw = family.write([f"word {number}" for number in range(100)], [])
    assert through(family.framer(), family.dialect, ISSUED, raw) == raw
    run, spoken = family.framer().run(raw), Spoken(family.dialect)
    assert isinstance(run, Run)
    spoken.add(run)
    assert (
        b"".join(f"word {number}".encode() for number in range(100))
        in dict(spoken.texts()).values()
    )
