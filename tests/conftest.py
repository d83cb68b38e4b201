"""Fixtures that every test may ask for. A folder's own conftest.py overrides them where its tests need others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from harness import effort
from harness.secrets import Planted, plant
from secretgate import log

END_TO_END = Path(__file__).parent / "e2e"

pytest_plugins = ["harness.fixtures"]

# How long one example takes says more about the machine than about the code.
settings.register_profile(
    "untimed",
    deadline=None,
    max_examples=effort.of(100),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("untimed")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The folder whose tests are all end-to-end is not even imported where those are left out."""
    return True if collection_path == END_TO_END and config.option.markexpr == "not e2e" else None


@pytest.fixture(scope="session")
def planted() -> Planted:
    """Secrets of this run: the same in every run, in no file."""
    return plant()


@pytest.fixture(autouse=True)
def own_log_lines() -> Iterator[None]:
    """What a test has logged is not written while the next one runs."""
    yield
    log.flush()
