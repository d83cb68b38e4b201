"""How thorough a run is: everything tried that a test can try, or a fifth of it.

`scripts/test` without arguments, and CI, try everything. A run of chosen tests is for whoever waits for it: it runs the same
tests, and those that draw or enumerate their inputs take fewer. `SECRETGATE_THOROUGH=1` (or `0`) says otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from random import randrange
from typing import TypeVar

T = TypeVar("T")

THOROUGH = os.environ.get("SECRETGATE_THOROUGH", os.environ.get("CI", "")) not in ("", "0", "false")
SHARE = 1 if THOROUGH else 5
"""One of how many inputs is tried."""


def of(many: int) -> int:
    """How many inputs, where a thorough run has so many."""
    return max(1, many // SHARE)


def some(inputs: Sequence[T]) -> Sequence[T]:
    """All of them, or every so many, from another one on in each run."""
    return inputs[randrange(SHARE) :: SHARE]
