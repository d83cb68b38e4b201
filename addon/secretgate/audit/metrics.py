"""The counters as Prometheus metrics. Needs the extra `metrics`.

They are collected when scraped, so requests pay nothing. Label values (provider, verdict, rule,
byte class) come from tables and rule files, so clients cannot create new ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from secretgate.proxy.reporting import Reporter

MOST_RULES = 500
_NUMBERS = {
    "answers": "Answers that have ended.",
    "unread": "Answers that could not be read and were passed on unchanged.",
    "restored": "Secrets restored in answers.",
    "not_restored": "Placeholders that reached clients unrestored.",
    "refused": "Requests that were refused.",
    "failed": "Requests refused because of an error in secretgate.",
}


def metrics(reporter: Reporter, mode: str) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counted(reporter, mode))
    return generate_latest(registry)


class _Counted(Collector):
    def __init__(self, reporter: Reporter, mode: str) -> None:
        self._reporter = reporter
        self._mode = mode

    def collect(self) -> Iterator[Metric]:
        counters, trail = self._reporter.counters, self._reporter.trail
        requests = CounterMetricFamily(
            "secretgate_requests", "Requests by verdict.", labels=["provider", "verdict"]
        )
        for labels, count in sorted(counters.verdicts.items()):
            requests.add_metric(labels, count)
        yield requests
        yield _labelled("finds", "Findings, including history.", "rule", counters.found)
        yield _labelled("secrets_redacted", "Secrets redacted.", "rule", counters.redacted)
        yield _labelled(
            "request_bytes", "Bytes of requests.", "class", counters.coverage.classes(), None
        )
        for name, said in _NUMBERS.items():
            yield CounterMetricFamily(f"secretgate_{name}", said, value=getattr(counters, name))
        lost = "Audit records that could not be written."
        yield CounterMetricFamily("secretgate_audit_records_lost", lost, value=trail.lost)
        failing = "Whether the audit log or one of its exports cannot be written now."
        yield GaugeMetricFamily("secretgate_audit_failing", failing, value=len(trail.failing))
        started = "When the proxy was started."
        yield GaugeMetricFamily("secretgate_start_time_seconds", started, value=counters.started)
        yield InfoMetricFamily("secretgate", "How it is configured.", value={"mode": self._mode})


def _labelled(
    name: str, said: str, label: str, counts: Mapping[str, int], most: int | None = MOST_RULES
) -> Metric:
    family = CounterMetricFamily(f"secretgate_{name}", said, labels=[label])
    ordered = sorted(counts.items())
    for value, count in ordered[:most]:
        family.add_metric([value], count)
    if most is not None and len(ordered) > most:
        family.add_metric(["(more)"], sum(count for _, count in ordered[most:]))
    return family
