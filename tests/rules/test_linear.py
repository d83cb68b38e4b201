"""No text makes the detector slow: time is linear in the length of the text."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import pytest

from secretgate_rules import Detector, patterns
from secretgate_rules.linear import check_linear
from secretgate_rules.model import Rule
from secretgate_rules.rulefile import load_file, pack_files
from secretgate_rules.table import Compiled, prepare

pytestmark = pytest.mark.thorough

RULES = [rule for path in pack_files() for rule in load_file(path, trusted=True)]
SIZE = 6000
SUSPECT = 0.004
"""Seconds of processor time for SIZE bytes; quadratic backtracking takes five times as long."""
QUICK = 0.02
"""Seconds of processor time that are too few to be compared."""
SMALL, LARGE = 32_000, 128_000
"""Text sizes in bytes, larger than the window of any pattern."""
MOST = 9.0
"""Maximum ratio of times for texts of these sizes; quadratic growth would give sixteen."""
SLOWEST = 4.0
"""Maximum seconds of processor time for the larger text."""


def _attack(item: Compiled, size: int) -> list[bytes]:
    """Return texts of repeated pieces of a rule's examples, cut so that they almost match."""
    attacks = [b"a" * size, b"a1-" * (size // 3), b"=:\"' " * (size // 5), b" \t" * (size // 2)]
    for example in item.rule.examples[:1]:
        text = example.encode()
        for cut in (len(text) // 3, len(text) // 2, len(text) - 1):
            piece = text[: max(1, cut)]
            attacks.append(piece * (size // len(piece)))
            attacks.append(piece + piece[-1:] * size)
    return attacks


def _seconds(work: Callable[[], object], enough: float = QUICK) -> float:
    """Return the lowest processor time of three attempts, to exclude other load on the machine."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
        if best < enough:
            break
    return best


def _suspect(item: Compiled) -> bool:
    return any(
        _seconds(lambda text=text: deque(item.regex.finditer(text), 0), SUSPECT) > SUSPECT
        for text in _attack(item, SIZE)
    )


def _linear(find: Callable[[bytes], object], item: Compiled) -> bool:
    for small, large in zip(_attack(item, SMALL), _attack(item, LARGE), strict=True):
        after = _seconds(lambda text=large: find(text))
        if after < QUICK:
            continue
        before = _seconds(lambda text=small: find(text), enough=after / MOST)
        if after > SLOWEST or after > MOST * max(before, QUICK / 4):
            return False
    return True


def _alone(item: Compiled) -> Callable[[bytes], object]:
    return Detector([item.rule], keep=False, heuristics=False).find


@pytest.mark.parametrize("pack", sorted({rule.origin.rsplit(":", 1)[0] for rule in RULES}))
def test_every_rule_is_linear_on_hostile_text(pack: str) -> None:
    items = [prepare(rule) for rule in RULES if rule.origin.startswith(pack + ":")]
    assert [
        item.rule.id for item in items if _suspect(item) and not _linear(_alone(item), item)
    ] == []


def test_what_is_not_linear_is_seen() -> None:
    rule = Rule("slow", "slow", r"a[a-z]*[0-9]*!", examples=("ab" * 8,), secret=0)
    item = prepare(rule)
    assert _suspect(item)
    assert not _linear(lambda text: item.regex.findall(text[: len(text) // 12]), item)


@pytest.mark.parametrize(
    "piece",
    [
        b"a",
        b"-----BEGIN RSA PRIVATE KEY-----\n",
        b"password=",
        b"token ",
        b"sk-",
        b"eyJ",
        b"\\",
        b"%41",
        b"://a:",
        b"A" * 76 + b"\n",
        b"\\u0041",
        b"a\0",
        b'{"key": "',
        b"github aws token key secret = ",
    ],
)
def test_the_detector_is_linear(detector: Detector, piece: bytes) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        begun = time.process_time()
        detector.find(text)
        return time.process_time() - begun

    seconds(1000)
    small, large = seconds(50_000), seconds(400_000)
    assert large < 8 * 3 * max(small, 0.004)


@pytest.mark.parametrize(
    ("usual", "unusual"),
    [
        (b"| name | password |\n" + b"| x" + b"-" * 1900 + b" | x |\n", b" "),
        ("key \u200bof x ".encode() + b"-" * 2000, "文".encode()),
    ],
    ids=["cells padded with spaces", "letters without words"],
)
def test_what_a_text_consists_of_hardly_matters(
    detector: Detector, usual: bytes, unusual: bytes
) -> None:
    other = usual.replace(b"-" * 1000, unusual * (1000 // len(unusual)))
    plain, odd = (
        _seconds(lambda text=piece * 100: detector.find(text), 0) for piece in (usual, other)
    )
    assert odd < 5 * max(plain, 0.004)


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(?:a|a+)*c", "(?:[a-z]+[0-9]*)+x", "((a{1,20}){1,20})z"]
)
def test_what_could_take_exponential_time_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="repeat inside a repeat"):
        check_linear(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["(?:[a-z]+-)+x", "(?:[a-z0-9]{4})+", "(?:[a-z]++[0-9]?+)+x", "(?:a|b)+c", r"(?:\.\w+){2,9}"],
)
def test_what_cannot_is_taken(pattern: str) -> None:
    check_linear(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["wide_(?:ab|cd[0-9]{900}){400}", "w_(?:[a-z]{0,40}-){400}", "w_(?:[a-z]{300,}-){400}"],
)
def test_what_would_take_minutes_to_compile_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="more than 10,000 together"):
        check_linear(pattern)


@pytest.mark.parametrize("pattern", [r"(a)\1bcdef", r"(?P<q>[\"'])abc(?P=q)", r"(?:(x)\1){1,3}"])
def test_a_backreference_is_refused_by_name_in_packs_of_our_own_too(pattern: str) -> None:
    with pytest.raises(ValueError, match="backreferences are not supported"):
        patterns.measure(pattern)
