"""Memory of the whole proxy over ten thousand requests, compared to plain mitmdump.

    PYTHONPATH=scripts python -m benchmarks.memory [--quick] [--json]

Conversations of 2 MB are sent for a hundred turns, each 2 kB longer than the last. Plain mitmdump
keeps nothing of a request, so a tenth of the requests is enough to measure it.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.measuring import Row, main
from benchmarks.proxy import Lane, lanes, together, turns

_SIZE = 2_000_000
_TURN = 2_000
_REQUESTS = 10_000
_LINES = 2
"""Number of parallel connections; two keep a proxy busy."""


def resident(process: int) -> float:
    """Return the resident memory of a process in megabytes."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def held(each: Lane, total: int) -> list[Row]:
    """Return the memory of one proxy over the given number of requests."""
    rows: list[Row] = []
    share = max(1, total // _LINES)

    def work(number: int) -> None:
        bodies = turns(_SIZE, _TURN)
        with each.client() as client:
            for done in range(1, share + 1):
                client.post(next(bodies))
                if not number and (done in (1, 10, 100) or done % max(1, share // 20) == 0):
                    rows.append(
                        {
                            "part": "memory",
                            "case": each.kind,
                            "requests": done * _LINES,
                            "resident MB": resident(each.proxy.pid),
                        }
                    )

    together(_LINES, work)
    return rows


def memory(total: int) -> list[Row]:
    with lanes() as made:
        return [*held(made["plain"], total // 10), *held(made["secretgate"], total)]


def measure(quick: bool = False) -> list[Row]:
    return memory(int(os.environ.get("SECRETGATE_BENCH_REQUESTS") or (200 if quick else _REQUESTS)))


if __name__ == "__main__":
    main(measure, __doc__ or "")
