"""Fixtures that every test may ask for. A folder's own conftest.py overrides them where its tests need others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from harness import effort
from harness.secrets import Planted, plant
from secretgate import log

pytest_plugins = ["harness.fixtures"]

# How long one example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None, max_examples=effort.of(100))
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def planted() -> Planted:
    """Secrets of this run: the same in every run, in no file."""
    return plant()


@pytest.fixture(autouse=True)
def own_log_lines() -> Iterator[None]:
    """What a test has logged is not written while the next one runs."""
    yield
    log.flush()
