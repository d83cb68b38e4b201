"""No text makes the detector slow: time grows with length and with nothing else."""

from __future__ import annotations

import time

import pytest

from secretgate_rules import Detector
from secretgate_rules.linear import check_linear
from secretgate_rules.rulefile import load_file, pack_files
from secretgate_rules.table import Compiled, prepare

RULES = [rule for path in pack_files() for rule in load_file(path, trusted=True)]
SIZE = 6000
SLOWEST = 2.0


def _attack(item: Compiled) -> list[bytes]:
    """Texts made of pieces of a rule's own examples, cut so that they almost match."""
    attacks = [b"a" * SIZE, b"a1-" * (SIZE // 3), b"=:\"' " * (SIZE // 5), b" \t" * (SIZE // 2)]
    for example in item.rule.examples[:1]:
        text = example.encode()
        for cut in (len(text) // 3, len(text) // 2, len(text) - 1):
            piece = text[: max(1, cut)]
            attacks.append(piece * (SIZE // len(piece)))
            attacks.append(piece + piece[-1:] * SIZE)
    return attacks


@pytest.mark.parametrize("pack", sorted({rule.origin.rsplit(":", 1)[0] for rule in RULES}))
def test_every_rule_is_linear_on_hostile_text(pack: str) -> None:
    slow: list[str] = []
    for rule in RULES:
        if not rule.origin.startswith(pack + ":"):
            continue
        item = prepare(rule)
        for text in _attack(item):
            begun = time.perf_counter()
            for _ in item.regex.finditer(text):
                pass
            if time.perf_counter() - begun > SLOWEST:
                slow.append(rule.id)
                break
    assert slow == []


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
