"""The proxy's side of the self-test: opens no connection, and returns what would have been sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mitmproxy import connection, http, tls
from mitmproxy.addonmanager import Loader

from secretgate.doctor.exchange import CONNECT_HEADER, HOST, PATH
from secretgate.hosts import plain_host
from secretgate.outbound.requests import Request
from secretgate.proxy import dispatch
from secretgate.vault import Scope

if TYPE_CHECKING:
    from secretgate.gate import Gate

_JSON = {"content-type": "application/json"}


class NoHost:
    """Keeps mitmproxy from fetching the host's certificate for self-test connections."""

    def __init__(self, testing: set[str]) -> None:
        self._testing = testing

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        if data.context.client.id in self._testing:
            data.establish_server_tls_first = False


class SelfTest:
    """Runs before the gate. Its requests are decided in their own scope and not counted."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._testing: set[str] = set()

    def load(self, loader: Loader) -> None:
        # mitmproxy's TLS addon, which fetches the host's certificate first, runs after scripts.
        dispatch.add_last(NoHost(self._testing))

    def http_connect(self, flow: http.HTTPFlow) -> None:
        if CONNECT_HEADER in flow.request.headers and plain_host(flow.request.host) == HOST:
            self._testing.add(flow.client_conn.id)
            # With a response set, mitmproxy does not connect to the host.
            flow.response = http.Response.make(200)

    def client_disconnected(self, client: connection.Client) -> None:
        self._testing.discard(client.id)

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.client_conn.id not in self._testing or flow.response:
            return
        flow.response = http.Response.make(404, b"only the self-test\n")
        if flow.request.path == PATH:
            flow.response = http.Response.make(200, json.dumps(self._answer(flow)), _JSON)

    def _answer(self, flow: http.HTTPFlow) -> dict[str, str | None]:
        engine = self._gate.engine()
        content = flow.request.raw_content or b""
        route = engine.hosts.route([HOST], flow.request.path)
        assert route is not None, "the host of the self-test is in the table"
        headers = {"content-type": "application/json"}
        scope = Scope(CONNECT_HEADER, CONNECT_HEADER, b"")
        asked = Request(route, "POST", flow.request.path, headers, content, scope, ())
        decision = engine.requests.decide(asked)
        sent = None if decision.refused else (decision.content or content).decode()
        return {"mode": engine.settings.mode, "verdict": decision.verdict.value, "sent": sent}
