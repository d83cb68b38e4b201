"""The threat model names every attack, every case of a test that it names exists, and so does what defends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mutation.defences import Defence, defences

ROOT = Path(__file__).resolve().parents[2]


def test_every_attack_is_in_the_threat_model() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name != Path(__file__).name:
            tests = re.findall(r"def (test_\w+)", path.read_text())
            assert any(f"`{each}`" in text for each in tests), path.name


@pytest.mark.parametrize("defence", defences(), ids=lambda defence: defence.what)
def test_what_is_taken_away_to_test_the_tests_is_there(defence: Defence) -> None:
    """If this fails, the code has changed, and tests/mutation/defences.toml must be adapted."""
    assert (ROOT / defence.file).read_text().count(defence.here) >= 1
    assert defence.here != defence.broken
    tests = (ROOT / defence.tests).read_text("utf-8")
    assert any(word in tests for word in re.split(r" (?:and|or|not) |-", defence.only)), (
        defence.only
    )


_ROW = re.compile(r"^\| [^|]+ \| `(test_\w+)` \| ([^|]*) \|$", re.MULTILINE)


def test_every_case_that_is_named_exists() -> None:
    """In the file of the test, as the name of a case."""
    text = (ROOT / "docs" / "threat-model.md").read_text().partition("## Attack by attack")[2]
    rows = _ROW.findall(text)
    files = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(rows) > 40
    for test, case in rows:
        there = [each for each in files if f"def {test}(" in each]
        named = [each for each in there if not case.strip() or f'"{case.strip()}"' in each]
        assert named, (test, case)
