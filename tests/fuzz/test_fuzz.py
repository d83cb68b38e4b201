"""A short run of every fuzz target from the kept corpus. `scripts/fuzz` runs them for longer."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import targets
from fuzz.engine import WORDS, corpus, fuzz
from fuzz.targets import TARGETS
from harness import effort
from secretgate.bodies.base import Body
from secretgate.bodies.text import read_text

pytestmark = pytest.mark.thorough

SECONDS = float(os.environ.get("SECRETGATE_FUZZ_SECONDS", "3"))
CHANGES = int(os.environ.get("SECRETGATE_FUZZ_CHANGES", effort.of(200)))


@pytest.mark.parametrize("name", TARGETS)
def test_the_kept_corpus_and_changes_to_it(name: str) -> None:
    assert corpus(name), "every target has a corpus"
    for _ in fuzz(name, TARGETS[name], SECONDS, 1, CHANGES):
        pass


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("x @1 y"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=effort.of(60), suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_json_of_any_shape(value: object, ascii_only: bool, indent: int | None) -> None:
    import json

    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    TARGETS["json"](raw.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=effort.of(25), suppress_health_check=[HealthCheck.too_slow])
@given(parts=st.lists(st.sampled_from(WORDS) | st.binary(max_size=6), max_size=20))
def test_words_in_any_order(name: str, parts: list[bytes]) -> None:
    TARGETS[name](b"".join(parts))


def test_the_differential_target_compares_what_was_redacted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It finds secrets in several strings of the corpus, and detects an incomplete splice."""
    compared = []
    real = targets.redacted

    def counted(body: Body) -> tuple[bytes, set[bytes], set[bytes]]:
        found = real(body)
        compared.append(len(found[1]))
        return found

    monkeypatch.setattr(targets, "redacted", counted)
    inputs = [*corpus("json"), b'{"a": "@1", "b": ["x @2 y"]}']
    for data in inputs:
        TARGETS["json"](data)
    assert sum(1 for number in compared if number) > 3

    def idle(body: Body) -> tuple[bytes, set[bytes], set[bytes]]:
        return body.raw, *real(body)[1:]

    monkeypatch.setattr(targets, "redacted", idle)
    with pytest.raises(AssertionError):
        TARGETS["json"](inputs[-1])


@pytest.mark.parametrize(
    "raw", [b'{"a": "@1"', b'{"a": "@1",}', b'["@1" "x"]', b"{'a': 1}", b"[01]"]
)
def test_the_differential_target_notices_a_reader_that_takes_anything(
    raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "read_strictly", lambda raw, root: read_text(raw))
    with pytest.raises(AssertionError):
        TARGETS["json"](raw)
