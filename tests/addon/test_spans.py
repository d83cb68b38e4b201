"""Finding the overlaps of a span: the fast search agrees with a linear one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from secretgate.outbound.spans import Spans
from secretgate_rules import Finding

stretches = st.tuples(st.integers(0, 30), st.integers(1, 12)).map(
    lambda each: (each[0], each[0] + each[1])
)


def _finding(start: int, end: int) -> Finding:
    return Finding("rule", "a finding", start, end, b"value", (), "high", ())


@given(st.lists(stretches, max_size=12), stretches)
def test_what_overlaps_a_span_is_found_by_position(
    places: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    found = Spans([_finding(*each) for each in places]).touching(*asked)
    told = sorted((each.start, each.end) for each in found)
    assert told == sorted(each for each in places if each[0] < asked[1] and asked[0] < each[1])
