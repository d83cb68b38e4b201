"""Fixtures for all tests; a folder's own conftest.py overrides them where necessary."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from harness import effort
from harness.secrets import Planted, plant
from secretgate import log

END_TO_END = Path(__file__).parent / "e2e"
_WITHOUT = re.compile(r"not \w+( and not \w+)*")
_OF_ALL = re.compile(r"^pytestmark = (.*?)(?=^\S)", re.MULTILINE | re.DOTALL)
_MARKS = re.compile(r"\bmark\.(\w+)")

pytest_plugins = ["harness.fixtures"]

# The time of one example depends more on the machine than on the code.
settings.register_profile(
    "untimed",
    deadline=None,
    max_examples=effort.of(100),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("untimed")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what is deselected as a whole: importing takes longer than fast tests do."""
    if not _WITHOUT.fullmatch(config.option.markexpr):
        return None
    without = set(config.option.markexpr.removeprefix("not ").split(" and not "))
    if collection_path.suffix == ".py":
        marks = _MARKS.findall("".join(_OF_ALL.findall(collection_path.read_text("utf-8"))))
    else:
        marks = ["e2e"] if collection_path == END_TO_END else []
    return True if without.intersection(marks) else None


@pytest.fixture(scope="session")
def planted() -> Planted:
    """Secrets for this session: the same in every session, and in no file."""
    return plant()


@pytest.fixture(autouse=True)
def own_log_lines() -> Iterator[None]:
    """A test's pending log lines, and its configuration of the log, end with it."""
    yield
    log.flush()
    own = logging.getLogger("secretgate")
    own.setLevel(logging.NOTSET)
    own.handlers.clear()
    own.filters.clear()
    own.propagate = False
