"""Attacks over a real mitmdump share what the end-to-end tests use; those are marked one by one."""

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
