"""Prometheus metrics and `secretgate status` of a real proxy."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from harness.fixtures import Launch
from harness.model import echo
from harness.post import MESSAGES, Poster, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.secrets import Planted, leaks
from harness.wires import Access


def status(proxy: Proxy, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "secretgate", "status", "--port", str(proxy.port), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_counters_are_served_where_the_user_says_so(
    launch: Launch, provider: Provider, planted: Planted
) -> None:
    proxy = launch(options={"secretgate_metrics": True})
    with provider.manner(script=echo):
        Poster(Access.through(proxy), provider).post(MESSAGES, ask(MESSAGES, planted.env))
    with httpx.Client(trust_env=False, timeout=60) as direct:
        answer = direct.get(f"{proxy.url}/metrics")
        rebound = direct.get(f"{proxy.url}/metrics", headers={"host": "evil.example"})
    assert answer.status_code == 200
    samples: dict[Any, float] = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["secretgate_requests_total", "anthropic", "redacted"] == 1
    assert samples[("secretgate_restored_total",)] == 8
    assert leaks(answer.content, planted.secrets) == []
    assert rebound.status_code != 200
    told = status(proxy)
    assert told.returncode == 0
    assert "8 secrets redacted" in told.stdout
    assert "8 secrets put back into 1 answer\n" in told.stdout
    assert "text searched for secrets" in told.stdout
    assert json.loads(status(proxy, "--json").stdout)["counters"]["restored"] == 8
    proxy.stop()
    gone = status(proxy)
    assert gone.returncode == 1
    assert "no proxy answers" in gone.stderr


def test_counters_are_not_served_otherwise(proxy: Proxy) -> None:
    with httpx.Client(trust_env=False, timeout=60) as direct:
        assert direct.get(f"{proxy.url}/metrics").status_code == 404
