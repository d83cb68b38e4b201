"""Fixed strings: both searches agree, and the expensive one is built when it pays off."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conftest import made_up
from secretgate_rules import Detector, cache, database, load, regex
from secretgate_rules.database import Database, Expression, FixedStrings
from secretgate_rules.model import Rule
from secretgate_rules.rulefile import load_file, pack_files
from secretgate_rules.table import prepare, tabulate, wanted

letters = st.sampled_from([b"a", b"b", b"B", b"\xff", b"\n", b"+", b"\0"])
words = st.lists(st.lists(letters, min_size=1, max_size=6).map(b"".join), min_size=1, max_size=12)


def _compiled(strings: list[bytes]) -> FixedStrings:
    search = FixedStrings(strings)
    if not search._stays:
        search._take_over()
    return search


@given(words, st.lists(st.integers(0, 11), max_size=8), st.lists(letters, max_size=9).map(b"".join))
def test_both_searches_find_the_same(strings: list[bytes], places: list[int], more: bytes) -> None:
    text = more.join(strings[at % len(strings)] for at in places)
    every = sorted(
        (index, at)
        for index, each in enumerate(strings)
        for at in range(len(text))
        if text.startswith(each, at)
    )
    assert (
        sorted(FixedStrings(strings).scan(text)) == sorted(_compiled(strings).scan(text)) == every
    )


def test_the_dearer_search_is_built_once_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_COMPILING", 1e-6)
    few = FixedStrings([b"first string", b"second string"])
    many = FixedStrings([b"string %03d" % number for number in range(200)])
    text = b"x" * 1_000_000 + b"second string 123"
    for _ in range(3):
        assert few.scan(text) == [(1, 1_000_000)]
        assert many.scan(text) == [(123, 1_000_007)]
    _wait()
    assert few._database is None
    assert many._database is not None
    assert many._keys is None
    assert many.scan(text) == [(123, 1_000_007)]


@pytest.mark.parametrize("count", [100, 1000])
def test_nobody_waits_until_many_strings_are_prepared(count: int) -> None:
    strings = [b"string %04d" % number for number in range(count)]
    search = FixedStrings(strings)
    text = b"x" + b" ".join(strings)
    places = [(number, 1 + number * 12) for number in range(count)]
    search.prepare()
    assert sorted(search.scan(text)) == places
    _wait()
    assert search._database is not None
    assert search._keys is None
    assert sorted(search.scan(text)) == places


def _wait() -> None:
    for thread in threading.enumerate():
        if thread.name == "literals":
            thread.join()


def test_addresses_of_all_schemes_are_searched_for_by_one_expression() -> None:
    """Each expression more would begin to match at every link."""
    (pack,) = [path for path in pack_files() if path.stem == "database"]
    strings = [one for one in load_file(pack) if one.id.endswith("-connection-string")]
    urls = [one for one in strings if "://[" in one.pattern]
    assert len(urls) > 9
    (shared,) = {expression for one in urls for expression in wanted(prepare(one))}
    assert shared.pattern.startswith(r"\x3a\x2f\x2f")


def _taken(items: Any) -> set[int]:
    """Return the bytes that a sequence of one character matches."""
    if len(items) != 1:
        return set()
    code, value = items[0]
    if code in (regex.op.BRANCH, regex.op.SUBPATTERN):
        return set().union(*map(_taken, regex.children(code, value)))
    return regex.chars(code, value) or set()


def _never_ends(items: Any) -> bool:
    """Return whether a search, once begun, goes on to the end of any text."""
    for code, value in items:
        if code in regex.REPEATS:
            _, high, body = value
            if high == regex.op.MAXREPEAT and len(_taken(body)) == 256:
                return True
            if _never_ends(body):
                return True
        elif any(map(_never_ends, regex.children(code, value))):
            return True
    return False


def test_no_search_goes_on_to_the_end_of_a_text() -> None:
    assert _never_ends(regex.parse(r"curl(?:[^\n]|\n)*-u"))
    rules = [rule for path in pack_files() for rule in load_file(path, trusted=True)]
    for rule in rules:
        for expression in wanted(prepare(rule)):
            assert not _never_ends(regex.parse(expression.pattern)), rule.id


@pytest.mark.thorough
def test_no_rule_matches_again_and_again_in_what_follows_a_secret(detector: Detector) -> None:
    """Each match is handed to Python: a private key of 30 lines had one at every byte."""
    digits = made_up(4000, 7).decode()
    lines = "".join(f"{digits[at : at + 64]}\n" for at in range(0, len(digits), 64))
    rules = [rule for path in pack_files() for rule in load_file(path, trusted=True)]
    crowded = {
        rule.id
        for rule in rules
        for example in rule.examples
        for text in (f"{example}\n{lines}", f"{example}{'x' * 3000}")
        if detector.crowded(text.encode(), 60)
    }
    assert crowded == set()


def test_a_match_that_is_seen_early_is_read_to_its_end() -> None:
    """The search is told the end of the shortest match, in a window the pattern finds the longest."""
    shape = "(?:qoz_[a-z]{10,500}|wuk_[0-9]{10,500})"
    letters = made_up(500, 3, "bcdfghjklmnpqrstvwxz").decode()
    rule = Rule("long", "long", shape, examples=("n", "n"), counterexamples=("n",))
    (found,) = Detector([rule], keep=False, heuristics=False).find(f"key qoz_{letters}".encode())
    assert found.value == f"qoz_{letters}".encode()


@pytest.mark.parametrize("flags", ["", "i", "ims"])
def test_what_a_pattern_is_compiled_to_makes_the_same_pattern(flags: str) -> None:
    source = r"(?:a|é)(?P<value>[0-9]{3,}+)(?=b)|(?P<other>^x.y$)(?s:.)"
    made = regex.assembled(source, regex.translated(source, flags))
    assert made == regex.compile_bytes(source, flags)
    assert made.groupindex == {"value": 1, "other": 2}
    found = made.search(b"a1234b")
    assert found
    assert (found.lastgroup, found["value"]) == ("value", b"1234")


def test_where_re_works_otherwise_patterns_are_compiled_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def changed(*_: object) -> None:
        raise TypeError

    monkeypatch.setattr(regex._compiler, "_code", changed)
    assert regex.translated("a+") == b""


@pytest.mark.thorough
def test_another_edition_of_re_gets_rules_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRETGATE_CACHE_DIR", str(tmp_path))
    for edition in ("one", "two", "two"):
        monkeypatch.setattr(regex, "EDITION", edition)
        load.packs()
    assert len(list(tmp_path.glob("rules-*"))) == 2


def test_rules_from_the_cache_have_the_patterns_of_the_packs() -> None:
    rules = [rule for path in pack_files() for rule in load_file(path, trusted=True)]
    kept = load._decode(load._encode(tabulate(rules[::5])))
    assert kept
    for item in kept.compiled:
        assert item.translation
        assert item.regex == regex.compile_bytes(item.rule.pattern, item.rule.flags)


def test_compiling_many_patterns_is_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SECRETGATE_CACHE_DIR", str(tmp_path))
    caplog.set_level(logging.INFO, "secretgate.rules")
    monkeypatch.setattr(cache._LOG, "handlers", [caplog.handler])
    monkeypatch.setattr(cache._LOG, "propagate", False)
    cache.announce.cache_clear()
    few = [Expression(f"few {number:03}") for number in range(9)]
    many = [Expression(f"many {number:03}") for number in range(200)]
    Database(few)
    Database(many, keep=False)
    assert not caplog.records
    Database(many)
    Database([*many, *few])
    assert [record.getMessage() for record in caplog.records] == ["compiling rules"]
    cache.announce.cache_clear()
    Database(many)
    assert len(caplog.records) == 1


_RESIDENT = """
import platform
from pathlib import Path

from secretgate_rules import load_default

load_default()
status = Path("/proc/self/status").read_text()
print(platform.libc_ver()[0], status.partition("VmRSS:")[2].split()[0])
"""


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_compiling_leaves_no_memory_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "SECRETGATE_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", _RESIDENT],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    if said[0][0] != "glibc":
        pytest.skip("only glibc gives memory back when asked")
    first, second = (int(kilobytes) for _, kilobytes in said)
    assert first - second < 25_000
