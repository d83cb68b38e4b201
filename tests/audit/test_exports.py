"""Exports of audit records: syslog, an OpenTelemetry collector, Prometheus."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from secretgate.audit.metrics import metrics
from secretgate.audit.otlp import Collector
from secretgate.audit.record import Record
from secretgate.audit.syslog import AddressError, Syslog
from secretgate.audit.trail import AuditError, Trail
from secretgate.inbound.leftovers import Fate
from secretgate.outbound.requests import Decision, Verdict
from secretgate.outbound.spots import Spot
from secretgate.outbound.texts import Counts
from secretgate.placeholders import Issued, Template
from secretgate.proxy.reporting import Reporter
from secretgate.settings import Settings
from secretgate.state import Places

RECORD = Record(
    time="2030-01-01T00:00:00.000Z", event="request", decision="redacted", rules={"jwt": 2}
)
LINE = msgspec.json.encode(RECORD)


def said(message: bytes) -> dict[str, Any]:
    head, _, body = message.partition(b"secretgate: ")
    assert head == b"<14>", "facility user, severity info"
    record: dict[str, Any] = json.loads(body)
    return record


def test_syslog_over_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        target = Syslog(f"udp://127.0.0.1:{server.getsockname()[1]}")
        target.write([LINE, LINE])
        assert [said(server.recv(4096)) for _ in range(2)] == [json.loads(LINE)] * 2
        target.close()


def test_syslog_over_tcp_connects_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        target = Syslog(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        for _ in range(2):
            target.write([LINE])
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as file:
                assert said(file.readline()) == json.loads(LINE)
            target.close()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")
def test_syslog_over_a_socket_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        target = Syslog(str(path))
        target.write([LINE])
        assert said(server.recv(4096)) == json.loads(LINE)
    path.unlink()
    with pytest.raises(OSError, match=r"No such file|refused|not connected"):
        target.write([LINE])


class Sink(ThreadingHTTPServer):
    """A collector; `well` says whether it accepts what it receives."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.well = True
        self.bodies: list[tuple[str, bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.well:
            self.server.bodies.append((self.path, body))
        self.send_response(200 if self.server.well else 400)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def test_a_collector_gets_records_over_otlp(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    target = Collector(f"http://127.0.0.1:{sink.server_port}")
    target.write([LINE, LINE])
    ((path, body),) = sink.bodies
    assert path == "/v1/logs"
    (resource,) = ExportLogsServiceRequest.FromString(body).resource_logs
    records = resource.scope_logs[0].log_records
    assert len(records) == 2
    attributes = {each.key: each.value for each in records[0].attributes}
    assert attributes["secretgate.decision"].string_value == "redacted"
    assert attributes["secretgate.rules"].array_value.values[0].string_value == "jwt"
    assert attributes["secretgate.finds"].array_value.values[0].int_value == 2
    assert records[0].time_unix_nano == 1893456000 * 10**9
    sink.well = False
    with pytest.raises(OSError, match="did not accept"):
        target.write([LINE])
    sink.well = True
    target.write([LINE])
    assert len(sink.bodies) == 2
    target.close()


def samples(reporter: Reporter) -> dict[tuple[str, ...], float]:
    text = metrics(reporter, "redact").decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_say_what_the_counters_say() -> None:
    reporter = Reporter()
    spots = (Spot("jwt", "messages[0]", "high"),) * 2
    issued = Issued(Template(), {b"REDACTED<jwt:0123456789ab>": b"value"})
    counts = Counts(scanned=60, opaque=10)
    decision = Decision(Verdict.REDACTED, issued, b"", spots=spots, counts=counts, size=100)
    reporter.counters.request("anthropic", decision)
    reporter.counters.answer(Fate(frozenset([b"a"]), frozenset([b"b", b"c"])), unread=False)
    told = samples(reporter)
    assert told["secretgate_requests_total", "anthropic", "redacted"] == 1
    assert told["secretgate_finds_total", "jwt"] == 2
    assert told["secretgate_secrets_redacted_total", "jwt"] == 1
    assert told["secretgate_request_bytes_total", "scanned"] == 60
    assert told["secretgate_request_bytes_total", "format"] == 30
    assert told[("secretgate_restored_total",)] == 1
    assert told[("secretgate_not_restored_total",)] == 2
    assert told[("secretgate_audit_failing",)] == 0


def test_there_are_never_more_labels_than_so_many() -> None:
    reporter = Reporter()
    reporter.counters.found.update({f"rule-{number:04}": 1 for number in range(700)})
    told = {labels: value for labels, value in samples(reporter).items() if "finds" in labels[0]}
    assert len(told) == 501
    assert told["secretgate_finds_total", "(more)"] == 200


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audit_syslog": "syslog.example"}, "audit_syslog: 'syslog.example' is neither"),
        ({"audit_syslog": "http://x"}, "neither /dev/log"),
        ({"audit_otlp": "collector:4318"}, "audit_otlp: not a collector's URL"),
        ({"audit_log": False, "audit_on_error": "block"}, "needs audit_log"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(AuditError, match=reason):
        Trail().reopened(
            Settings(**changes),
            Places(tmp_path, tmp_path),
            lambda data: data,
            lambda *_, **__: None,
        )
    with pytest.raises(AddressError):
        Syslog("ftp://x")
