"""The mitmproxy hooks: which hook calls what, and what happens when something fails.

Everything here fails closed. An exception while a request is processed refuses that request; one
while an answer is restored ends that answer with an error. The proxy keeps serving, and the log
records the exception's type and place, never its message.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
from weakref import WeakKeyDictionary

from mitmproxy import connection, ctx, exceptions, http, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import server_hooks
from mitmproxy.proxy.layer import NextLayer

from secretgate import log
from secretgate.audit.trail import AuditError
from secretgate.counters import Counters
from secretgate.engine import Engine, build
from secretgate.hosts import Route, Treatment
from secretgate.outbound import heads, refusals
from secretgate.outbound.heads import Head
from secretgate.outbound.requests import Decision, Request
from secretgate.proxy import (
    access,
    afterwards,
    calls,
    dispatch,
    flows,
    layers,
    options,
    own_ca,
    passing,
    silence,
    upkeep,
)
from secretgate.proxy.exchange import Exchange
from secretgate.proxy.guard import Guard
from secretgate.proxy.reporting import UNRECORDED, Reporter
from secretgate.proxy.socket_hooks import Sockets, hang_up
from secretgate.proxy.threads import TURN, Pace, consulted
from secretgate.settings import PREFIX, SettingsError
from secretgate.state import Places, StateError
from secretgate.undumpable import seal_process


class Gate:
    """The mitmproxy addon: one method per hook."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._unusable: exceptions.OptionsError | None = None
        """The error found while loading that makes the gate unusable."""
        self._starting: asyncio.Future[None] | None = None
        self._upkeep: list[asyncio.Task[None]] = []
        self._places = Places.find()
        self.reporter = Reporter()
        self._sockets = Sockets(self.reporter)
        self._pace = Pace()
        # Keyed by flow, not stored in its metadata, which is copied and saved to files (`-w`).
        self.exchanges: WeakKeyDictionary[http.HTTPFlow, Exchange] = WeakKeyDictionary()
        self.routes: WeakKeyDictionary[http.HTTPFlow, Route] = WeakKeyDictionary()
        """The routes of requests to hosts that the table does not list."""
        self.leads_back: WeakKeyDictionary[http.HTTPFlow, passing.LeadsBack] = WeakKeyDictionary()

    @property
    def counters(self) -> Counters:
        return self.reporter.counters

    # Options

    def load(self, loader: Loader) -> None:
        seal_process()
        silence.keep_log_silent()
        options.declare(loader)
        try:
            own_ca.put_in_place(lambda: options.settings(self._places), self._places.ca)
        except exceptions.OptionsError as error:
            # mitmproxy silently drops a script that raises this here, and serves without it.
            self._unusable = error

    def configure(self, updated: set[str]) -> None:
        if self._unusable is not None:
            raise self._unusable.with_traceback(None)
        options.refuse_harmful()
        if self._engine is None or any(name.startswith(PREFIX) for name in updated):
            settings = options.settings(self._places)
            log.configure(settings.log_format, type(ctx.master).__name__ == "ConsoleMaster")
            try:
                self._engine = build(settings, self._places, log.logger().warning, self._engine)
                self.reporter.settle()
                self.reporter.trail = self.reporter.trail.reopened(
                    settings, self._places, self._engine.namer.digest, log.logger().error
                )
            except (AuditError, SettingsError, StateError, ValueError) as error:
                raise exceptions.OptionsError(f"secretgate: {error}") from None
        access.check(ctx.options, self.engine().settings.clients)

    def running(self) -> asyncio.Future[None]:
        """Return what mitmproxy waits for at its start; when it loads a script again, it does not."""
        self._starting = asyncio.ensure_future(self._start())
        return self._starting

    async def _start(self) -> None:
        Guard.of_master().hosts = None
        sys.setswitchinterval(min(TURN, sys.getswitchinterval()))
        # Exempts the rules from garbage collection: a full collection that visits them blocks
        # everything for tens of milliseconds.
        gc.collect()
        gc.freeze()
        silence.keep_silent()
        dispatch.only_who_listens(ctx.master.addons)
        await access.listen_on_loopback()
        self._upkeep = upkeep.start(self.engine)
        engine = self.engine()
        for message, fields in options.warnings(engine.hosts.names):
            log.logger().bind(**fields).warning(message)
        log.logger().info("ready", mode=engine.settings.mode, hosts=len(engine.hosts.names))

    def engine(self) -> Engine:
        assert self._engine is not None, "configure comes before every other hook"
        return self._engine

    # Connections

    def client_connected(self, client: connection.Client) -> None:
        access.turn_away(client, self.engine().settings.clients)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        names = [data.client_hello.sni or "", flows.address(data.context.server)]
        if not any(self.engine().hosts.covers(name) for name in names):
            data.ignore_connection = True

    def server_connect_error(self, data: server_hooks.ServerConnectionHookData) -> None:
        host, reason = flows.address(data.server), data.server.error
        if self.engine().hosts.covers(host):
            self.counters.unconnected(host)
            log.logger().warning("the provider was not reached", host=host, reason=reason)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        host = data.conn.sni or flows.address(data.context.server)
        if self.engine().hosts.covers(host):
            self.counters.unconnected(host)  # mitmproxy logs why.

    def next_layer(self, following: NextLayer) -> None:
        layers.choose(self.engine().hosts, following)

    # Requests

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        # A request that a user sends again from a UI, perhaps edited, is the same flow as before.
        self.exchanges.pop(flow, None)
        if flow.request.scheme == "https" or not ctx.options.upstream_auth:
            # Over plain HTTP the password may be meant for the next proxy.
            flows.drop_proxy_password(flow.request)
        route = self._route(flow)
        if flow.response is None and route is None:
            flow.request.stream = True
        elif flow.response is None and route is not None and flows.is_call(flow.request, route):
            try:
                await self._begin_call(flow, route)
            except Exception as error:
                self._failed(flow, error)

    async def _begin_call(self, flow: http.HTTPFlow, route: Route) -> None:
        """Decide on the head of a call, which is sent before the first message arrives."""
        if self._refuse_unrecorded(flow, route):
            return
        engine = self.engine()
        request = flows.request(engine, flow, route)
        decide = functools.partial(heads.decide, engine, request, flows.head(flow))
        if not engine.line.remote:
            decision, head = decide()
        else:
            begin = functools.partial(engine.requests.begin, request)
            refused = await asyncio.to_thread(consulted, engine, request, begin)
            if refused is None:
                decision, head = await asyncio.to_thread(consulted, engine, request, decide)
            else:
                decision, head = refused, None
        exchange = self._decided(engine, flow, request, decision, head)
        if decision.refused or decision.spots:
            self.reporter.decided(exchange, decision)
        if not decision.refused:
            flow.request.stream = calls.streamed(flow, exchange, self.reporter)

    async def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or flow.error:
            return
        try:
            await self._process(flow)
        except Exception as error:
            self._failed(flow, error)

    async def _process(self, flow: http.HTTPFlow) -> None:
        route = self._route(flow)
        if route is None:
            return
        if flow in self.exchanges:
            self._check_trailers(flow, self.exchanges[flow])
            return
        if self._refuse_unrecorded(flow, route):
            return
        engine = self.engine()
        request = flows.request(engine, flow, route)
        reading = None if engine.line.remote else engine.requests.reading(request)
        decide = functools.partial(heads.decide, engine, request, flows.head(flow), reading)
        if engine.line.remote:
            decision, head = await asyncio.to_thread(consulted, engine, request, decide)
        else:
            detector = engine.redactor.detector
            decision, head = await self._pace.decided(detector, request, reading, decide)
        exchange = self._decided(engine, flow, request, decision, head)
        if decision.content is not None and not decision.refused:
            flows.put_content(flow.request, decision.content, decision.headers)
        self.reporter.decided(exchange, decision)

    def _decided(
        self,
        engine: Engine,
        flow: http.HTTPFlow,
        request: Request,
        decision: Decision,
        head: Head | None,
    ) -> Exchange:
        """Record the decision; put `head` in place of the request's, or refuse the request."""
        target = head.target.decode("utf-8", "surrogateescape") if head is not None else None
        soon = afterwards.postponing(engine)
        exchange = Exchange(engine, request, decision, flow.id, target, soon)
        self.exchanges[flow] = exchange
        if head is not None and engine.settings.mode != "audit":
            flows.put_head(flow, head)
        if decision.refused:
            flows.refuse(flow, request.route, decision.status, decision.message, decision.reply)
        return exchange

    def _check_trailers(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """Check the trailers of a request whose messages were already sent."""
        if exchange.call is None or not flow.request.trailers:
            return
        engine, head = exchange.engine, flows.head(flow)
        if engine.settings.mode != "audit" and heads.look(engine.redactor, exchange.request, head):
            flow.request.trailers = None
            exchange.log.warning("trailers with a secret in them were not sent")

    def _failed(self, flow: http.HTTPFlow, error: Exception) -> None:
        """Refuse a request after an error: plainly first, as the rest may fail too."""
        message = "secretgate failed on this request, so it was not sent. Its log says where."
        flow.request.trailers = None
        flow.request.raw_content = b""
        flow.response = http.Response.make(503, message)
        try:
            route = self._route(flow)
            if route is not None:
                agent = flow.request.headers.get("user-agent", "")
                flows.refuse(flow, route, refusals.status(agent), message)
                self._tell_failed(flow.id, route)
            host = flow.request.pretty_host
            log.logger().error(
                "a request could not be processed", host=host, error=log.where(error)
            )
        except Exception as another:
            log.logger().error("a request was refused", error=log.where(another))

    def _tell_failed(self, identity: str, route: Route) -> None:
        self.reporter.failed(identity, route, None, self.engine().settings.mode)

    def _refuse_unrecorded(self, flow: http.HTTPFlow, route: Route) -> bool:
        """Refuse a request that could not be recorded; return whether it was refused."""
        reason = self.reporter.trail.objection
        if not reason or route.treatment is Treatment.PASS:
            return False
        flows.refuse(flow, route, 503, UNRECORDED.format(reason=reason))
        self._tell_failed(flow.id, route)
        return True

    def _route(self, flow: http.HTTPFlow) -> Route | None:
        given = self.routes.get(flow)
        if given is not None:
            return given
        return self.engine().hosts.route(flows.names(flow), flow.request.path)

    # Answers

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        exchange = self.exchanges.get(flow)
        if exchange is None:
            if self._route(flow) is None and flow.response is not None:
                flow.response.stream = True
            return
        response = flow.response
        if response is None or exchange.decision.refused or response.status_code == 101:
            return
        try:
            back = self.leads_back.get(flow)
            way = passing.through(exchange, self.reporter, response, flow.request.is_http11, back)
            response.stream = way or True
        except Exception as error:
            response.stream = passing.nothing
            exchange.log.error("an answer could not be processed", error=log.where(error))
            passing.failed(exchange, response, flow.request.is_http11)

    async def response(self, flow: http.HTTPFlow) -> None:
        """Finish an answer.

        The client learns that the answer has ended only after this: its next turn may reach another
        worker, which then has to know what this one learned from the answer.
        """
        if layers.leaves_http(flow) and self._route(flow) is not None:
            log.logger().error("refused: an upgrade to an unknown protocol", host=flow.request.host)
            flow.kill()
        self._over(flow)
        line = self.engine().line
        if line.remote:
            await line.settled(self.engine().settings.vault_timeout)
        exchange = self.exchanges.get(flow)
        if exchange is not None and exchange.kept is not None and flow.response is not None:
            exchange.kept.put(flow.response)

    def error(self, flow: http.HTTPFlow) -> None:
        if flow.error is not None:
            flow.error.msg = silence.unquoted(flow.error.msg)
        self._over(flow)

    def _over(self, flow: http.HTTPFlow) -> None:
        """Report what was restored; text written before the answer broke off counts too."""
        exchange = self.exchanges.get(flow)
        if exchange is not None and flow.websocket is None:
            status = flow.response.status_code if flow.response else 0
            exchange.soon(functools.partial(self.reporter.over, exchange, status))

    # WebSockets

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        if flow in self.exchanges:
            self._sockets.started(flow, self.exchanges[flow])

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        exchange = self.exchanges.get(flow)
        if flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
        if exchange is None:
            if self._route(flow) is not None:
                log.logger().warning("a WebSocket ended, as secretgate was loaded again")
                message.drop()
                hang_up(flow)
            return
        try:
            await self._sockets.message(flow, exchange, message)
        except Exception as error:
            message.drop()
            if message.from_client:
                message.content = b""
            hang_up(flow)
            self._sockets.failed(exchange, error)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        exchange = self.exchanges.get(flow)
        if exchange is not None and exchange.socket is not None:
            self._sockets.ended(exchange)

    def done(self) -> None:
        for task in self._upkeep:
            task.cancel()
        for exchange in self.exchanges.values():
            exchange.messages.put()
        if self._engine is not None:
            Guard.of_master().hosts = self._engine.hosts
            self._engine.ledger.close()
        dispatch.everybody(ctx.master.addons)
        self.reporter.settle()
        self.reporter.trail.close()
        log.flush()
