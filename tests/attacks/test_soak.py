"""A short soak test; `scripts/soak --minutes 60` is the long one."""

from __future__ import annotations

import os

import pytest

from harness.fixtures import Launch
from harness.provider import Provider
from harness.soak import Soak

SECONDS = float(os.environ.get("SECRETGATE_SOAK_SECONDS", "15"))


@pytest.mark.e2e
@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 120)
def test_a_short_soak(launch: Launch, provider: Provider) -> None:
    soak = Soak(launch(), provider)
    soak.run(SECONDS)
    assert soak.samples[-1].rounds > 0
    assert soak.problems() == []
    assert soak.proxy.alive
