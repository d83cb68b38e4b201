"""Benchmarks: each module measures one part, prints what it found, and gives it as JSON.

`scripts/bench` runs them and writes `docs/benchmarks.md`. A module has a `measure(quick)` that gives
rows, and is run as `python -m benchmarks.NAME [--quick] [--json]` with `scripts` on the path.
"""
