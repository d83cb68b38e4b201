"""Health endpoints for load balancers and orchestrators, on their own port.

The proxy's port may require a password from everyone, and health checks must not be proxied. This
port therefore serves only the paths below and gives no access to the proxy. It answers from a
thread: `/livez` checks whether the event loop, on which everything else runs, still responds.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """A response of a health endpoint."""

    status: int
    body: bytes
    media_type: str = "application/json"


Route = Callable[[], Answer]


@dataclass(frozen=True)
class State:
    """The reported state of a worker. `installation` identifies its key without revealing it."""

    ready: bool
    draining: bool
    alive: bool
    vault_lost: bool
    connections: int
    installation: str

    def json(self) -> bytes:
        names = ("ready", "draining", "vault_lost", "connections", "installation")
        return json.dumps({name: getattr(self, name) for name in names}).encode() + b"\n"


def routes(state: Callable[[], State]) -> dict[str, Route]:
    """Return the health endpoints.

    An unreachable vault does not make a worker unready: requests are then refused in the provider's
    own shape, which says more than a balancer without servers would.
    """

    def ready() -> Answer:
        now = state()
        return Answer(200 if now.ready and now.alive else 503, now.json())

    def alive() -> Answer:
        now = state()
        return Answer(200 if now.alive else 503, now.json())

    return {"/readyz": ready, "/healthz": ready, "/livez": alive}


class HealthServer:
    """Listens from construction until `close`."""

    def __init__(self, host: str, port: int, routes: Mapping[str, Route]) -> None:
        handler = type("Handler", (_Handler,), {"routes": routes})
        self._server = _Server((host, port), handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of clients that have disconnected."""


class _Handler(BaseHTTPRequestHandler):
    routes: Mapping[str, Route]
    timeout = 5

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_OPTIONS(self) -> None:
        """Answer HAProxy's `option httpchk`, which uses OPTIONS by default."""
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        route = self.routes.get(urlsplit(self.path).path)
        answer = route() if route else Answer(404, b'{"error": "not found"}\n')
        self.send_response(answer.status)
        self.send_header("content-type", answer.media_type)
        self.send_header("content-length", str(len(answer.body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def version_string(self) -> str:
        return "secretgate"

    def log_message(self, format: str, *args: Any) -> None:
        return None
