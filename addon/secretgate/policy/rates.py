"""Counters for `rateCount`: hits per key in a sliding window; per process and bounded in size."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

LONGEST: Final = 24 * 3600
_MOST_KEYS: Final = 10_000
_MOST_HITS: Final = 100_000
_WINDOW = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(h|ms|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class Rates:
    """Counts hits per key. `clock` must be monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, key: str, window: str) -> int:
        """Count a hit and return the hits in the window; raise ValueError for a bad window."""
        length = seconds(window)
        now = self._clock()
        with self._lock:
            hits = self._hits.setdefault(key, deque(maxlen=_MOST_HITS))
            self._hits.move_to_end(key)
            hits.append(now)
            while hits and hits[0] <= now - LONGEST:
                hits.popleft()
            while len(self._hits) > _MOST_KEYS:
                self._hits.popitem(last=False)
            return sum(1 for hit in reversed(hits) if hit > now - length)


def seconds(window: str) -> float:
    """Return the seconds of a duration such as `1h30m`; raise ValueError outside 1 s to 24 h."""
    found = _WINDOW.findall(window)
    length = sum(float(number) * _SECONDS[unit] for number, unit in found)
    if "".join(number + unit for number, unit in found) != window or not 1 <= length <= LONGEST:
        raise ValueError("a window is a duration such as 30s, 5m or 1h, from 1s to 24h")
    return length
