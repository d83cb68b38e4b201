from __future__ import annotations

import pytest

from secretgate.bodies.paths import Paths, parse

TABLE = Paths(
    [
        ("messages[].input.**", "text"),
        ("messages[].*.data", "bytes"),
        ("**.id", "opaque"),
        ("**", "rest"),
    ],
    "none",
)


def label(*steps: bytes | int) -> str:
    node = TABLE.root
    for step in steps:
        node = node.item() if isinstance(step, int) else node.member(step)
    return node.label


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([b"messages", 0, b"input", b"a", b"id"], "text"),
        ([b"messages", 0, b"input", 3, b"id"], "text"),
        ([b"messages", 1, b"source", b"data"], "bytes"),
        ([b"messages", 1, 0, b"data"], "rest"),
        ([b"id"], "opaque"),
        ([b"x", 7, b"y", b"id"], "opaque"),
        ([b"x", b"id", b"z"], "rest"),
    ],
)
def test_the_first_row_that_matches_counts(steps: list[bytes | int], expected: str) -> None:
    assert label(*steps) == expected


def test_without_a_match_the_default_counts() -> None:
    assert Paths([("a.b", 1)], 0).root.member(b"a").label == 0


def test_made_up_member_names_make_no_states() -> None:
    node = TABLE.root.member(b"messages").item()
    assert node.member(b"one") is node.member(b"two")


@pytest.mark.parametrize("path", ["a..b]", "a[0]", "[", "a[b]"])
def test_a_wrong_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a JSON path"):
        parse(path)
