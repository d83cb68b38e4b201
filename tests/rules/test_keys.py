"""Short fixed strings: all occurrences are found, however they overlap, in linear time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ahocorasick_rs import BytesAhoCorasick
from hypothesis import given
from hypothesis import strategies as st

from secretgate_rules import keys
from secretgate_rules.keys import Keys

letters = st.sampled_from([b"a", b"b", b"\0", b"\xff"])
words = st.lists(
    st.lists(letters, min_size=1, max_size=9).map(b"".join), min_size=1, max_size=9, unique=True
)


@given(
    words,
    st.lists(st.integers(0, 8) | letters, max_size=12),
    st.integers(1, 3),
    st.integers(0, 3),
    st.integers(1, 9),
)
def test_every_occurrence_is_found_once(
    strings: list[bytes], made_of: list[int | bytes], group: int, groups: int, most: int
) -> None:
    text = b"".join(
        strings[each % len(strings)] if isinstance(each, int) else each for each in made_of
    )
    every = [
        (number, at, at + len(each))
        for number, each in enumerate(strings)
        for at in range(len(text))
        if text.startswith(each, at)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_GROUP", group)
        patch.setattr(keys, "_MOST_GROUPS", groups)
        patch.setattr(keys, "_MOST_STRINGS", most)
        assert sorted(Keys(strings).find(text)) == every


def test_no_automaton_is_large_because_building_it_holds_up_other_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[int] = []

    def build(strings: list[bytes], *args: Any, **options: Any) -> Any:
        built.append(len(strings))
        return BytesAhoCorasick(strings, *args, **options)

    monkeypatch.setattr(keys, "BytesAhoCorasick", build)
    strings = [b"%08d" % number for number in range(25_000)]
    assert [*Keys(strings).find(b" 00024999 ")] == [(24_999, 1, 9)]
    assert max(built) <= 10_000


@pytest.mark.parametrize("others", [[b"-" * 20_000 + b"+"], [b"-" * 20_000]])
def test_long_strings_among_many_occurrences_take_linear_time(others: list[bytes]) -> None:
    search = Keys([b"the", *others])
    text = (b"the " * 5 + b"-" * 100) * 20_000
    start = time.process_time()
    assert sum(1 for _ in search.find(text)) == 100_000
    assert time.process_time() - start < 2


def test_no_strings_are_found_nowhere() -> None:
    assert list(Keys([]).find(b"text")) == []


@given(words, st.lists(letters, max_size=12).map(b"".join))
def test_whether_any_occurs(strings: list[bytes], text: bytes) -> None:
    assert Keys(strings).occur(text) == any(each in text for each in strings)


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_it_occurs_wherever_it_is(place: int, length: int) -> None:
    text = b"a" * place + b"b" * length + b"a" * (10_000 - place)
    assert Keys([b"b" * length]).occur(text)
    assert not Keys([b"b" * (length + 1)]).occur(text)


def test_that_something_occurs_often_is_known_at_once() -> None:
    search, text = Keys([b'\\\\"']), b'\\\\"' * 3_000_000
    start = time.process_time()
    assert search.occur(text)
    assert time.process_time() - start < 0.1
