"""A pytest plugin for test runs that are repeated hundreds of times.

It excludes tests with servers, and runs plain tests before those of Hypothesis, which get few and
always the same examples.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

EXAMPLES = 5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if not _needs_a_server(item)]
    drawn = []
    for item in items:
        test: Any = getattr(item, "obj", None)
        if not getattr(test, "is_hypothesis_test", False):
            continue
        drawn.append(item)
        test = getattr(test, "__func__", test)
        own = test._hypothesis_internal_use_settings
        test._hypothesis_internal_use_settings = settings(
            own,
            max_examples=min(own.max_examples, EXAMPLES),
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
    items.sort(key=drawn.__contains__)


def _needs_a_server(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return "[redis]" in item.name or any(name.startswith("redis_") for name in fixtures)
