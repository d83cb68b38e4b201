"""Fixtures that every test may ask for. A folder's own conftest.py overrides them where its tests need others."""

from __future__ import annotations

import pytest

from harness.secrets import Planted, plant

pytest_plugins = ["harness.fixtures"]


@pytest.fixture(scope="session")
def planted() -> Planted:
    """Secrets of this run: the same in every run, in no file."""
    return plant()
