"""What tests may cost: how many inputs are tried, all or a fifth, and how long one may take.

`scripts/test` without arguments, and CI, try everything. A run of selected tests should be quick:
it runs the same tests, but those that draw or enumerate their inputs use fewer.
`SECRETGATE_THOROUGH=1` (or `0`) overrides this.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from random import randrange
from typing import TypeVar

T = TypeVar("T")

THOROUGH = os.environ.get("SECRETGATE_THOROUGH", os.environ.get("CI", "")) not in ("", "0", "false")
SHARE = 1 if THOROUGH else 5
"""One of this many inputs is tried."""


def of(many: int) -> int:
    """Return the number of inputs to try if a thorough run tries `many`."""
    return max(1, many // SHARE)


def some(inputs: Sequence[T]) -> Sequence[T]:
    """Return all inputs, or every SHARE-th from a random start."""
    return inputs[randrange(SHARE) :: SHARE]


def swiftly(work: Callable[[], object], seconds: float = 10.0) -> None:
    """Check that this much processor time is enough; what is not linear takes minutes."""
    start = time.process_time()
    work()
    assert time.process_time() - start < seconds
