"""What a balancer or an orchestrator asks a worker, on a port of its own.

The proxy's own port may ask everybody for a password, and must not be asked through; so this port has
nothing but what is below, and no way to the proxy. It answers from a thread: `/livez` finds out
whether the event loop, on which everything else runs, still turns.
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
    status: int
    body: bytes
    media_type: str = "application/json"


Route = Callable[[], Answer]


@dataclass(frozen=True)
class State:
    """What is told of a worker. `installation` says which key it has, and nothing about the key."""

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
    """A vault that is out of reach makes no worker unready: requests are then refused in the
    provider's own shape, which tells people more than a balancer without servers would."""

    def ready() -> Answer:
        now = state()
        return Answer(200 if now.ready and now.alive else 503, now.json())

    def alive() -> Answer:
        now = state()
        return Answer(200 if now.alive else 503, now.json())

    return {"/readyz": ready, "/healthz": ready, "/livez": alive}


class HealthServer:
    """Listens from its making until `close`."""

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
        """A client that has gone away is nobody's error."""


class _Handler(BaseHTTPRequestHandler):
    routes: Mapping[str, Route]
    timeout = 5

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_OPTIONS(self) -> None:
        """HAProxy's `option httpchk` without a method of its own asks so."""
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
