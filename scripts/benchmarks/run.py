"""Runs parts of the benchmarks, each in its own process, and stores the results.

`results.json` holds every figure of a run. `docs/benchmarks.md` and its charts are generated from
it alone, so `--write` without parts only regenerates the page.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import platform
import subprocess
import sys
import timeit
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.measuring import table
from benchmarks.report import write

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "benchmarks" / "results.json"
MODULES = ("request", "stream", "growth", "proxy", "memory", "peers")
PARTS = ("detection", *MODULES)


def machine() -> dict[str, object]:
    """Return the class of machine and the software versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines()]
        lines = info.read_text().splitlines()
        model = next(
            (name for name, line in zip(names, lines, strict=True) if "model name" in line), model
        )
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if os.name == "posix" else 0
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory": f"{pages / 2**30:.0f} GiB" if pages else "unknown",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "a million empty loops": f"{min(timeit.repeat(number=1_000_000, repeat=3)) * 1e3:.0f} ms",
        **{name: metadata.version(name) for name in ("mitmproxy", "hyperscan", "msgspec")},
        "secretgate": _revision(),
    }


def _revision() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short=10", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or metadata.version("secretgate-mitmproxy")


def measured(part: str, quick: bool, more: list[str]) -> Any:
    """Return the output of a part: rows or, for the detector, Markdown."""
    command = [sys.executable, "-m", f"benchmarks.{part}", *more]
    if part != "detection":
        command += ["--json", "--quick"] if quick else ["--json"]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return found.stdout if part == "detection" else json.loads(found.stdout)


def _shown(part: str, found: Any) -> str:
    if isinstance(found, str):
        return found
    kinds = list(dict.fromkeys(row.get("part", part) for row in found))
    pieces = []
    for kind in kinds:
        rows = [{k: v for k, v in row.items() if k != "part"} for row in found]
        rows = [
            row for row, whole in zip(rows, found, strict=True) if whole.get("part", part) == kind
        ]
        pieces.append(f"## {part}: {kind}\n\n{table(rows)}\n")
    return "\n".join(pieces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/bench")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, "all", []], metavar="PART")
    parser.add_argument("--quick", action="store_true", help="fewer cases and shorter runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options, more = parser.parse_known_args()
    asked = options.parts or ([] if options.write else ["all"])
    parts = [part for part in PARTS if part in asked or "all" in asked]
    parts = [part for part in parts if importlib.util.find_spec(f"benchmarks.{part}")]
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results: dict[str, Any] = kept if options.write else {}
    for part in parts:
        before = machine()
        rows = measured(part, options.quick, more)
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        results[part] = {"date": date, "quick": options.quick, "machine": before, "rows": rows}
        if not options.json:
            print(_shown(part, rows), flush=True)
        if options.write:
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if options.json:
        print(json.dumps(results, indent=1))
    if options.write:
        write(results, ROOT / "docs")


if __name__ == "__main__":
    main()
