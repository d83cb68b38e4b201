"""Writes `docs/benchmarks.md` and its charts from the results of a run.

Nothing is measured here and no figure is typed in: a figure that is not in the results is not on
the page, and a missed target is shown next to the result that missed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.charts import bars, lines
from benchmarks.measuring import shown, table

Rows = Sequence[Mapping[str, Any]]
Results = Mapping[str, Mapping[str, Any]]


class Target(NamedTuple):
    """A target for a figure in the matching rows."""

    name: str
    part: str
    where: Mapping[str, Any]
    figure: str
    limit: float
    least: bool
    """Whether the limit is a minimum rather than a maximum."""
    unit: str
    size: int = 0
    """Body size in bytes from which the target applies."""


_HTTP1 = {"part": "latency", "http": "HTTP/1.1"}
_CHUNKS = "MB/s in 16 kB chunks"
_2_MB = 1_900_000
TARGETS = (
    Target("Request path, 2 MB seen for the first time, nothing found", "request", {"case": "cold, clean"}, "MB/s", 100, True, "MB/s", _2_MB),
    Target("Request path, 2 MB seen for the first time, 20 secrets", "request", {"case": "cold, 20 secrets"}, "MB/s", 50, True, "MB/s", _2_MB),
    Target("Request path, next turn of 2 MB, nothing found", "request", {"case": "warm, clean"}, "MB/s", 800, True, "MB/s", _2_MB),
    Target("Request path, next turn of 2 MB, 20 secrets", "request", {"case": "warm, 20 secrets"}, "MB/s", 800, True, "MB/s", _2_MB),
    Target("Request path, next turn of 2 MB, another head every time", "request", {"case": "warm, another head every time"}, "MB/s", 800, True, "MB/s", _2_MB),
    Target("Stream, no placeholder, large deltas", "stream", {"situation": "issued, none in the answer", "delta": 4096}, _CHUNKS, 100, True, "MB/s"),
    Target("Stream, event by event, none in the answer", "stream", {"situation": "issued, none in the answer", "delta": 64}, "us/event alone", 15, False, "us"),
    Target("Stream, one placeholder a thousand characters, 64-character deltas", "stream", {"situation": "one a thousand characters", "delta": 64}, _CHUNKS, 25, True, "MB/s"),
    Target("Added latency, 2 kB", "proxy", {**_HTTP1, "case": "2 kB, first seen"}, "added p50 ms", 1, False, "ms"),
    Target("Added latency, 200 kB", "proxy", {**_HTTP1, "case": "200 kB, first seen"}, "added p50 ms", 3, False, "ms"),
    Target("Added latency, 2 MB, first seen", "proxy", {**_HTTP1, "case": "2 MB, first seen"}, "added p50 ms", 25, False, "ms"),
    Target("Added latency, 2 MB, next turn", "proxy", {**_HTTP1, "case": "2 MB, next turn"}, "added p50 ms", 6, False, "ms"),
    Target("Throughput at 200 kB seen for the first time, share of plain mitmdump", "proxy", {"part": "throughput", "case": "200 kB, first seen"}, "share of plain", 0.9, True, ""),
    Target("Throughput at 200 kB, next turns, share of plain mitmdump", "proxy", {"part": "throughput", "case": "200 kB, next turn"}, "share of plain", 0.9, True, ""),
    Target("First event of a stream, added", "proxy", {"part": "streams", "case": "1 at once"}, "added first event ms", 1, False, "ms"),
    Target("Start-up", "proxy", {"part": "start-up"}, "secretgate s", 1.5, False, "s"),
)  # fmt: skip
_MEMORY_ADDED = 120.0


def write(results: Results, docs: Path) -> None:
    """Write the page and its charts."""
    folder = docs / "benchmarks"
    folder.mkdir(exist_ok=True)
    pieces = [_HEAD, _targets(results)]
    for part, title, section in _SECTIONS:
        if part in results:
            pieces += [
                f"## {title}\n",
                _stamp(results[part]),
                *section(results[part]["rows"], folder),
            ]
    pieces.append(_TAIL)
    (docs / "benchmarks.md").write_text("\n".join(pieces))


def fitting(rows: Rows, where: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in rows if all(row.get(name) == value for name, value in where.items())]


def _targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        found = fitting(results.get(target.part, {}).get("rows", ()), target.where)
        values = [
            row[target.figure]
            for row in found
            if target.figure in row and row.get("bytes", 0) >= target.size
        ]
        if values:
            # Of several families, use the worst.
            value = min(values) if target.least else max(values)
            met = value >= target.limit if target.least else value <= target.limit
            rows.append(
                _target_row(target.name, target.limit, target.least, value, met, target.unit)
            )
    rows += _memory_target(results.get("memory", {}).get("rows", ()))
    return (
        "## Goals, and what was measured\n\nWhere several APIs were measured, the slowest counts.\n\n"
        + table(rows)
        + "\n"
    )


def _target_row(
    name: str, limit: float, least: bool, value: float, met: bool, unit: str
) -> dict[str, Any]:
    return {
        "": name,
        "goal": f"{'at least' if least else 'at most'} {limit:g} {unit}".strip(),
        "measured": f"{shown(value)} {unit}".strip(),
        "met": "yes" if met else "no",
    }


def _memory_target(rows: Rows) -> list[dict[str, Any]]:
    last = {}
    for row in fitting(rows, {"part": "memory"}):
        last[row["case"]] = row
    if len(last) < 2:
        return []
    added = last["secretgate"]["resident MB"] - last["plain"]["resident MB"]
    name = f"Memory over plain mitmdump after {last['secretgate']['requests']:,} requests of 2 MB"
    return [_target_row(name, _MEMORY_ADDED, False, added, added <= _MEMORY_ADDED, "MB")]


def _stamp(part: Mapping[str, Any]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in part["machine"].items())
    return f"*{part['date']}{', a quick run' if part['quick'] else ''}: {machine}.*\n"


def _chart(folder: Path, name: str, said: str, svg: str) -> str:
    (folder / f"{name}.svg").write_text(svg)
    return f"![{said}](benchmarks/{name}.svg)\n"


def _without(rows: Iterable[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in names} for row in rows]


def _detection(rows: Any, folder: Path) -> list[str]:
    return [_deeper(str(rows).strip()), ""]


def _deeper(markdown: str) -> str:
    return "\n".join(
        "##" + line if line.startswith("#") else line for line in markdown.splitlines()
    )


def _plainly(rows: Rows, folder: Path) -> list[str]:
    kinds = list(dict.fromkeys(row.get("part", "") for row in rows))
    pieces = []
    for kind in kinds:
        pieces += [
            f"### {kind.capitalize()}\n" if kind else "",
            table(_without([row for row in rows if row.get("part", "") == kind], "part")),
            "",
        ]
    return pieces


def _stream(rows: Rows, folder: Path) -> list[str]:
    pieces = []
    deltas = {row["delta"] for row in rows if "delta" in row}
    for situation in dict.fromkeys(row["situation"] for row in rows):
        chosen = fitting(rows, {"situation": situation})
        pieces += [
            f"### {situation.capitalize()}\n",
            table(_without(chosen, "part", "situation")),
            "",
        ]
    groups = {
        f"{row['situation']}, {row['delta']}": {"MB/s": row[_CHUNKS]}
        for row in fitting(rows, {"family": "anthropic"})
        if row.get("delta") in deltas
    }
    chart = bars(
        "Anthropic stream in 16 kB chunks, by situation and delta size", groups, "MB/s", log=True
    )
    alone = {
        f"{row['family']}, {row['situation']}": {"us": row["us/event alone"]}
        for row in fitting(rows, {"delta": 64})
        if row["situation"] in ("nothing issued", "issued, none in the answer")
    }
    each = bars("Time of one event that comes alone (64 characters)", alone, "us", target=15)
    return [
        _chart(folder, "stream", "Throughput of the answer path", chart),
        _chart(folder, "events", "Time of one event", each),
        *pieces,
    ]


def _growth(rows: Rows, folder: Path) -> list[str]:
    pieces = []
    for number, name in enumerate(dict.fromkeys(row["with"] for row in rows)):
        points = [(row["size"], row["ms"]) for row in fitting(rows, {"with": name})]
        svg = lines(f"Cost with: {name}", {"ms": points}, name, "ms")
        pieces.append(_chart(folder, f"growth-{number}", f"Cost with {name}", svg))
    return [*pieces, table(_without(rows, "part")), ""]


def _proxy(rows: Rows, folder: Path) -> list[str]:
    latency = fitting(rows, {"part": "latency"})
    groups = {
        f"{row['case']}, {row['http']}": {
            "plain mitmdump": row["plain p50 ms"],
            "with secretgate": row["secretgate p50 ms"],
        }
        for row in latency
    }
    pieces = [
        "### Latency\n",
        _chart(
            folder,
            "latency",
            "Latency beside plain mitmdump",
            bars("Median time of a request", groups, "ms", log=True),
        ),
        table(_without(latency, "part")),
        "",
    ]
    for kind in ("throughput", "streams", "start-up"):
        pieces += [
            f"### {kind.capitalize()}\n",
            table(_without(fitting(rows, {"part": kind}), "part")),
            "",
        ]
    return pieces


def _memory(rows: Rows, folder: Path) -> list[str]:
    series = {
        kind: [(row["requests"], row["resident MB"]) for row in fitting(rows, {"case": kind})]
        for kind in dict.fromkeys(row["case"] for row in rows)
    }
    svg = lines("Resident memory, conversations of 2 MB", series, "requests", "MB", log=False)
    return [
        _chart(folder, "memory", "Resident memory", svg),
        table(_without(rows, "part")),
        "",
    ]


def _peers(rows: Rows, folder: Path) -> list[str]:
    groups: dict[str, dict[str, float]] = {}
    for row in rows:
        if "p50 ms" in row:
            groups.setdefault(row["case"], {})[row["peer"]] = row["p50 ms"]
    svg = bars("Median time of a request", groups, "ms", log=True)
    return [
        _chart(folder, "peers", "Peers on the same traffic", svg),
        table(_without(rows, "part")),
        "",
    ]


_SECTIONS: tuple[tuple[str, str, Callable[[Any, Path], list[str]]], ...] = (
    ("detection", "The detector, and other detectors on the same files", _detection),
    ("request", "The request path", _plainly),
    ("stream", "The answer path", _stream),
    ("growth", "How cost grows", _growth),
    ("proxy", "The whole proxy beside plain mitmdump", _proxy),
    ("memory", "Memory over thousands of requests", _memory),
    ("peers", "Other proxies on the same traffic", _peers),
)
_HEAD = """\
# Benchmarks

Every figure on this page comes from one file, [results.json](benchmarks/results.json), and every
figure in that file comes from a run of `scripts/bench`. Each part says when it ran, on which machine, and how busy the machine was.
`load before` is the number of processes that wanted a processor. If it is above the number of cores, measured times are
too long: wall-clock times, and processor times too, because cores share caches. `a million empty loops` says how fast Python was
at that moment. Use it to compare two runs.

Client, proxy and provider are separate processes on loopback, with TLS on both sides. What secretgate
adds is the difference to plain mitmdump of the same version. Both get the same requests in the same run, in turn.
(mitmdump is told to stream answers; otherwise it would hold them back until they are complete.)
Figures of a single process (the request path, the answer path, growth) are processor time of one core. Each figure
is the median of several runs; *least* and *most* are the slowest and the fastest run.
"""
_TAIL = """\
## Repeat it

```sh
scripts/bench --quick                 # by hand (some minutes): tables on the terminal
scripts/bench all --write             # by hand (hours): everything, and this page
scripts/bench stream --json           # by hand (minutes): one part, for a program
```

The parts are `detection`, `request`, `stream`, `growth`, `proxy`, `memory` and `peers`. The peers are installed from PyPI, each into its own
environment in the cache folder. `SECRETGATE_BENCH_REQUESTS` sets how many requests the memory test sends
(by default 10,000, which take about ten minutes on two cores).
"""
