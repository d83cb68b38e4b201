"""Exports records as OpenTelemetry log records, over OTLP/HTTP. Needs the extra `otel`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from secretgate.audit.totals import moment

_PATH = "/v1/logs"
_NEVER = 24 * 3600 * 1000
_TIMEOUT = 5.0


class _Exporter(OTLPLogExporter):
    """An exporter that remembers whether the last batch was accepted."""

    taken = True

    def export(self, batch: Any) -> Any:
        result = super().export(batch)
        self.taken = getattr(result, "name", "") == "SUCCESS"
        return result


class Collector:
    """An OpenTelemetry collector as a target of records."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint` is the collector's URL; OTLP's default path is added if it has none."""
        bare = endpoint.rstrip("/")
        target = bare if bare.count("/") > 2 else bare + _PATH
        self._exporter = _Exporter(endpoint=target, timeout=_TIMEOUT)
        self._provider = LoggerProvider(Resource.create({"service.name": "secretgate"}))
        # The writer makes the batches and waits for each, so the processor's own timer is not
        # needed.
        self._processor = BatchLogRecordProcessor(
            self._exporter, schedule_delay_millis=_NEVER, max_queue_size=4096
        )
        self._provider.add_log_record_processor(self._processor)
        self._logger = self._provider.get_logger("secretgate.audit")

    def write(self, records: Sequence[bytes]) -> None:
        for record in records:
            self._logger.emit(_log_record(json.loads(record)))
        self._processor.force_flush()
        if not self._exporter.taken:
            self._exporter.taken = True
            raise OSError("the collector did not accept the records")

    def close(self) -> None:
        self._provider.shutdown()


def _log_record(fields: dict[str, Any]) -> LogRecord:
    rules = fields.pop("rules", {})
    attributes = {f"secretgate.{name}": value for name, value in fields.items()}
    if rules:
        attributes["secretgate.rules"] = list(rules)
        attributes["secretgate.finds"] = list(rules.values())
    return LogRecord(
        timestamp=int(moment(fields["time"]) * 1e9),
        severity_number=SeverityNumber.INFO,
        severity_text="INFO",
        body=f"{fields['event']} {fields.get('decision', '')}".strip(),
        attributes=attributes,
    )
