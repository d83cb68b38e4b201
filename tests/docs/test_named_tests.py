"""The tests that pages name exist, and every promise names at least one."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "SECURITY.md"]


def named(text: str) -> set[str]:
    return set(re.findall(r"`(test_\w+)`", text))


@cache
def existing() -> set[str]:
    """Return the names of all tests and of their files."""
    names: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        names |= {path.stem, *re.findall(r"def (test_\w+)", path.read_text("utf-8"))}
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    assert sorted(named(page.read_text("utf-8")) - existing()) == []


def test_every_promise_names_its_tests() -> None:
    text = (ROOT / "docs" / "promises.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*)$", text, re.MULTILINE)
    assert [number for number, _ in rows] == [str(number) for number in range(1, 11)]
    for number, row in rows:
        assert named(row), number
