"""Fixed strings: both searches agree, and the expensive one is built when it pays off."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secretgate_rules import database
from secretgate_rules.database import Literals

letters = st.sampled_from([b"a", b"b", b"B", b"\xff", b"\n", b"+", b"\0"])
words = st.lists(st.lists(letters, min_size=1, max_size=6).map(b"".join), min_size=1, max_size=12)


def _with(cost: float, strings: list[bytes], text: bytes) -> list[tuple[int, int]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_COMPILING", cost)
        return sorted(Literals(strings).scan(text))


@given(words, st.lists(st.integers(0, 11), max_size=8), st.lists(letters, max_size=9).map(b"".join))
def test_both_searches_find_the_same(strings: list[bytes], places: list[int], more: bytes) -> None:
    text = more.join(strings[at % len(strings)] for at in places)
    every = sorted(
        (index, at)
        for index, each in enumerate(strings)
        for at in range(len(text))
        if text.startswith(each, at)
    )
    assert _with(1e9, strings, text) == _with(0.0, strings, text) == every


def test_the_dearer_search_is_prepared_once_it_pays() -> None:
    search = Literals([b"first string", b"second string"])
    assert search.scan(b"a second string") == [(1, 2)]
    assert search._database is None
    text = b"x" * 80_000 + b"first string"
    assert search.scan(text) == [(0, 80_000)]
    assert search._database is not None
    assert search._automaton is None
    assert search.scan(text) == [(0, 80_000)]


@pytest.mark.parametrize("count", [100, 1000])
def test_nobody_waits_until_many_strings_are_prepared(count: int) -> None:
    strings = [b"%04d string" % number for number in range(count)]
    search = Literals(strings)
    text = b"x" + b" ".join(strings)
    places = [(number, 1 + number * 12) for number in range(count)]
    search.prepare()
    assert sorted(search.scan(text)) == places
    for thread in threading.enumerate():
        if thread.name == "literals":
            thread.join()
    assert search._database is not None
    assert search._automaton is None
    assert sorted(search.scan(text)) == places
