"""Shared by the benchmarks: timing that is robust against other load, and the command line.

A figure is the median of several runs of the same work, in processor time of this thread, with its
spread. (Processor time excludes what other processes used.)
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Timing(NamedTuple):
    """Seconds of one run: median, minimum and maximum."""

    median: float
    least: float
    most: float


def timed(work: Callable[[], object], runs: int = 5, atleast: float = 0.05) -> Timing:
    """Time `work`; each run repeats it for at least `atleast` seconds."""
    work()
    start = time.thread_time()
    work()
    times = max(1, round(atleast / max(time.thread_time() - start, 1e-9)))
    taken = []
    for _ in range(runs):
        gc.collect()
        start = time.thread_time()
        for _ in range(times):
            work()
        taken.append((time.thread_time() - start) / times)
    return Timing(statistics.median(taken), min(taken), max(taken))


def seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds of one call."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def made_ready() -> None:
    """Wait for the known-value searches that are prepared in background threads at startup."""
    for thread in threading.enumerate():
        if thread.name == "literals":
            thread.join()


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table, with one column for every name in any of them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names)]
    lines += [[shown(row.get(name, "")) for name in names] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def main(measure: Callable[[bool], Sequence[Row]], description: str) -> None:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer cases and shorter runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    rows = measure(options.quick)
    print(json.dumps(rows, indent=1) if options.json else table(rows))
