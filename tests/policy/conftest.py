"""The provider and the proxies of the end-to-end tests."""

from __future__ import annotations

from harness.fixtures import (
    Launch,
    access,
    launch,
    plain,
    poster,
    provider,
    proxy,
    pytest_runtest_makereport,
)

__all__ = [
    "Launch",
    "access",
    "launch",
    "plain",
    "poster",
    "provider",
    "proxy",
    "pytest_runtest_makereport",
]
