"""The script behind the sizing page: it runs, and its sums are right."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.command import environment

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from benchmarks.sizing import Assumptions, sizing

ROOT = Path(__file__).parents[2]
FIGURES = {
    "store": {
        "bytes_per_value": 100,
        "bytes_per_name": 200,
        "bytes_per_written": 20,
        "bytes_per_chain": 500,
        "server_us_per_round_trip": 50,
    },
    "redis": {"200": {"cpu_ms": 20}, "400": {"cpu_ms": 30}},
    "connections": {"connection_cpu_ms": 20, "connection_kb": 50},
}


def test_needs_follow_from_measurements_and_assumptions() -> None:
    supposed = Assumptions(developers=1000, active=0.36, requests_per_hour=100, load=0.5)
    need = sizing(FIGURES, supposed)
    assert need["requests_per_second"] == pytest.approx(10)
    assert need["in_mb_per_second"] == pytest.approx(4)
    assert need["streams_at_once"] == pytest.approx(150)
    assert need["cores"] == pytest.approx(10 * (30 + 2) / 1000 / 0.5)
    assert need["workers"] == 1
    assert need["written_gb"] == pytest.approx(1000 * 400 * 90 * 20 / 1e9)
    assert need["values_gb"] == pytest.approx(1000 * 50 * 2 * 100 / 1e9)
    twice = sizing(FIGURES, Assumptions(developers=2000, active=0.36))
    once = sizing(FIGURES, Assumptions(developers=1000, active=0.36))
    assert twice["cores"] == pytest.approx(2 * once["cores"])
    assert twice["vault_gb"] == pytest.approx(2 * once["vault_gb"])


@pytest.mark.parametrize(("size", "ms"), [(100, 15), (200, 20), (300, 25), (400, 30), (600, 40)])
def test_sizes_that_were_not_measured_are_on_the_line(size: int, ms: float) -> None:
    need = sizing(FIGURES, Assumptions(kilobytes=size))
    assert need["cpu_ms_per_request"] == pytest.approx(ms)


@pytest.mark.e2e
def test_it_runs_and_its_page_holds_what_it_measured(tmp_path: Path, redis_program: str) -> None:
    page = tmp_path / "page.md"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gateway", "--quick", "--json", "--write", str(page)],
        env=environment(tmp_path, PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert run["measured"]["redis"]["200"]["cpu_ms"] > 0
    text = page.read_text()
    assert f"| **{run['sizing']['workers']:.0f}** |" in text
    shown = (ROOT / "docs" / "gateway-sizing.md").read_text()
    headings = re.compile(r"^#.*$", re.MULTILINE)
    assert headings.findall(text) == headings.findall(shown), "write the page again"
