"""Stops a worker without breaking streams.

On SIGTERM, `/readyz` fails at once, so that load balancers send nothing new. After `drain_notice`
seconds the port and all idle connections are closed, and active ones have `drain` seconds to
finish. A second SIGTERM ends the worker immediately. Without `drain`, mitmproxy's own shutdown
applies.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from concurrent.futures import TimeoutError as NoAnswer
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx, exceptions, http, tcp, tls
from mitmproxy.connection import Client

from secretgate import log
from secretgate.gateway.health import Answer, HealthServer, State, routes
from secretgate.stores.opening import installation

if TYPE_CHECKING:
    from secretgate.gate import Gate

_ALIVE_WITHIN = 5.0
"""Seconds within which the event loop must respond."""
_IDLE = 0.1
"""Seconds within which the end of an answer has been sent."""


class Drain:
    """Runs after the gate, because it needs the gate's decision on tunnels."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._loop: asyncio.AbstractEventLoop | None = None
        self._health: HealthServer | None = None
        self._address = ""
        self._draining = False
        self._at_once = asyncio.Event()
        self._changed = asyncio.Event()
        self._running: dict[str, str] = {}
        """Active flows, each with the id of its client connection."""
        self._tunnels: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    # State

    def configure(self, updated: set[str]) -> None:
        settings = self._gate.engine().settings
        address = settings.health
        if address == self._address:
            return
        if self._health is not None:
            self._health.close()
            self._health = None
        self._address = address
        if address:
            host, _, port = address.rpartition(":")
            more = {"/metrics": self._metrics} if settings.metrics else {}
            try:
                self._health = HealthServer(
                    host.strip("[]"), int(port), {**routes(self._state), **more}
                )
            except OSError as error:
                raise exceptions.OptionsError(
                    f"secretgate: health: cannot listen on {address}: {error.strerror}"
                ) from None

    def _state(self) -> State:
        """Return the worker's state; called from the health server's threads."""
        engine = self._gate.engine()
        ready = self._loop is not None and not self._draining
        return State(
            ready=ready,
            draining=self._draining,
            alive=self._alive(),
            vault_lost=engine.line.lost,
            connections=len(_connections()) if self._loop else 0,
            installation=installation(engine.namer),
        )

    def _alive(self) -> bool:
        """Return whether the event loop responds; True during startup, when rules may be compiling."""
        if self._loop is None:
            return True
        try:
            turn = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop)
            turn.result(_ALIVE_WITHIN)
        except (NoAnswer, RuntimeError):
            return False
        return True

    def _metrics(self) -> Answer:
        """Collect metrics on the event loop, so that nothing changes meanwhile."""
        from secretgate.audit.metrics import metrics

        async def count() -> bytes:
            return metrics(self._gate.reporter, self._gate.engine().settings.mode)

        if self._loop is None:
            return Answer(503, b'{"error": "not ready"}\n')
        try:
            counted = asyncio.run_coroutine_threadsafe(count(), self._loop).result(_ALIVE_WITHIN)
        except (NoAnswer, RuntimeError):
            return Answer(503, b'{"error": "no answer"}\n')
        return Answer(200, counted, "text/plain; version=0.0.4; charset=utf-8")

    # Activity

    def running(self) -> None:
        self._loop = asyncio.get_running_loop()
        engine = self._gate.engine()
        if engine.line.remote and not ctx.options.proxyauth:
            log.logger().warning(
                "users are distinguished only by address, and behind a load balancer not at all",
                remedy="proxyauth=@FILE",
            )
        end = self._terminate if engine.settings.drain else ctx.master.shutdown
        with contextlib.suppress(NotImplementedError, AttributeError):  # on Windows
            if engine.settings.drain:
                self._loop.add_signal_handler(signal.SIGTERM, end)
            if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
                # A terminal that is closed would end the process with reports still to be written.
                self._loop.add_signal_handler(signal.SIGHUP, end)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._running[flow.id] = flow.client_conn.id

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if self._draining and flow.response is not None and flow.request.is_http11:
            flow.response.headers["connection"] = "close"

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.response is None or flow.response.status_code != 101:
            self._over(flow.id)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._over(flow.id)

    def error(self, flow: http.HTTPFlow) -> None:
        self._over(flow.id)

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        self._running[flow.id] = flow.client_conn.id

    def tcp_end(self, flow: tcp.TCPFlow) -> None:
        self._over(flow.id)

    def tcp_error(self, flow: tcp.TCPFlow) -> None:
        self._over(flow.id)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        if data.ignore_connection:
            self._tunnels.add(data.context.client.id)

    def client_disconnected(self, client: Client) -> None:
        self._tunnels.discard(client.id)
        self._running = {flow: of for flow, of in self._running.items() if of != client.id}
        self._changed.set()

    def _over(self, flow: str) -> None:
        self._running.pop(flow, None)
        self._changed.set()

    # Shutdown

    def _terminate(self) -> None:
        if self._draining:
            self._at_once.set()
            self._changed.set()
            return
        self._draining = True
        self._task = asyncio.get_running_loop().create_task(self._drained())

    async def _drained(self) -> None:
        settings = self._gate.engine().settings
        log.logger().info("draining", seconds=settings.drain, connections=len(_connections()))
        try:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._at_once.wait(), settings.drain_notice)
            await ctx.master.addons.get("proxyserver").servers.update([])
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._emptied(), settings.drain)
            log.logger().info("drained", connections=len(_connections()))
        finally:
            ctx.master.shutdown()

    async def _emptied(self) -> None:
        """Close idle connections until none is left but those to be cut off at the end."""
        while _connections() and not self._at_once.is_set():
            self._changed.clear()
            busy = {*self._running.values(), *self._tunnels}
            for connection, handler in _connections().items():
                if connection not in busy and handler.client in handler.transports:
                    handler.close_connection(handler.client)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 1)
            await asyncio.sleep(_IDLE)

    def done(self) -> None:
        if self._health is not None:
            self._health.close()
            self._health = None


def _connections() -> dict[str, Any]:
    """Return the handlers of open client connections, by client id."""
    server: Any = ctx.master.addons.get("proxyserver")
    return {
        handler.client.id: handler
        for handler in list(server.connections.values())
        if handler.client in handler.transports
    }
