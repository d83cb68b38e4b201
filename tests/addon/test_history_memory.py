"""What the history holds in memory: as much as it counts, and never more than its limit."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from addon.kit import Bench, token
from secretgate.history.verdicts import History, Verdict, _Entry


def held(history: History) -> int:
    """Return the size in bytes of all that the history holds, each object counted once."""
    seen: set[int] = set()
    size = 0
    left: list[Any] = [history._entries, history._ends]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        size += -(-sys.getsizeof(each) // 16) * 16
        if isinstance(each, dict):
            left += each.keys()
            left += each.values()
        elif isinstance(each, tuple | list | frozenset):
            left += each
        elif isinstance(each, Verdict | _Entry):
            left += (getattr(each, name) for name in each.__slots__ if name != "version")
    return size


def request(number: int, messages: int, secrets: int) -> bytes:
    texts = [f"request {number}, message {at}: " + "words " * 300 for at in range(messages)]
    for at in range(secrets):
        texts[at % messages] += f" {token((number, at))}"
    return json.dumps({"messages": [{"role": "user", "content": text} for text in texts]}).encode()


@pytest.mark.parametrize(
    ("count", "messages", "secrets"),
    [(2000, 1, 0), (10, 100, 0), (400, 1, 1), (3, 300, 300), (5, 4, 200)],
)
def test_what_is_held_is_what_is_counted(count: int, messages: int, secrets: int) -> None:
    bench = Bench()
    for number in range(count):
        raw = request(number, messages, secrets)
        bench.redact(raw)
        bench.redact(raw)
    history = bench.redactor.history
    assert 0.8 < held(history) / history.size < 1.1


@pytest.mark.parametrize("secrets", [0, 3])
def test_what_is_held_stops_growing_at_the_limit(secrets: int) -> None:
    limit = 300_000
    bench = Bench()
    history = bench.redactor.history = History(limit)
    sizes = []
    for turn in range(8):
        for number in range(150):
            bench.redact(request(turn * 150 + number, 2, secrets))
        sizes.append(held(history))
    assert history.size <= limit
    assert max(sizes) < 1.1 * limit
    assert max(sizes[4:]) <= 1.1 * max(sizes[:4])
    assert len(history._ends) <= len(history._entries)
