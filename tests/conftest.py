"""Fixtures that every test may ask for."""

from __future__ import annotations

import pytest

from harness.secrets import Planted, plant


@pytest.fixture(scope="session")
def planted() -> Planted:
    """Secrets of this run: the same in every run, in no file."""
    return plant()
