"""How thorough a test run is: all inputs, or a fifth of them.

`scripts/test` without arguments, and CI, try everything. A run of selected tests should be quick:
it runs the same tests, but those that draw or enumerate their inputs use fewer.
`SECRETGATE_THOROUGH=1` (or `0`) overrides this.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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
