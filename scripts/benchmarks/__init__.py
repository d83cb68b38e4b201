"""Benchmarks: each module measures one part, prints its results, and can give them as JSON.

`scripts/bench` runs them and writes `docs/benchmarks.md`. A module has a function `measure(quick)`
that returns rows, and runs as `python -m benchmarks.NAME [--quick] [--json]` with `scripts` on the
path.
"""
