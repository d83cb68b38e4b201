"""The mitmproxy hooks: which one calls what, and what happens when something fails.

Everything here fails closed. An exception while a request is looked at refuses that request; one
while an answer is restored ends that answer with an error. The proxy keeps serving, and the log tells the
exception's type and place, never its message.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import connection, ctx, exceptions, http, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.net.http.url import parse_authority

from secretgate import grpc, log
from secretgate.audit.trail import AuditError
from secretgate.counters import Counters
from secretgate.engine import Engine, build
from secretgate.hosts import Route, Treatment
from secretgate.outbound import credentials, heads, refusals
from secretgate.outbound.heads import Head
from secretgate.outbound.requests import Decision, Request, Verdict
from secretgate.policy.watching import Watch
from secretgate.proxy import access, own_ca, passing, silence
from secretgate.proxy.exchange import Exchange
from secretgate.proxy.guard import Guard
from secretgate.proxy.socket_hooks import Sockets, hang_up
from secretgate.proxy.telling import UNRECORDED, Teller
from secretgate.proxy.threads import consulted, takes_long
from secretgate.settings import FIELDS, PREFIX, Settings, SettingsError, load
from secretgate.state import Places, StateError
from secretgate.vault import Scope

_TURN = 0.001
"""Seconds that such a thread keeps the interpreter to itself while the event loop waits for it."""
_POLICY_PERIOD = 1.0
"""Seconds between two looks at the files of the policy."""
_SWEEP = 60
"""Seconds between two looks at what is past its time."""


class Gate:
    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._unusable: exceptions.OptionsError | None = None
        """Why there can be no gate, where loading it has shown that."""
        self._sweeper: asyncio.Task[None] | None = None
        self._places = Places.find()
        self.teller = Teller()
        self._sockets = Sockets(self.teller)
        self._following: asyncio.Task[None] | None = None
        # Beside the flows, not in their metadata: those are copied and stored (`-w`).
        self.exchanges: WeakKeyDictionary[http.HTTPFlow, Exchange] = WeakKeyDictionary()
        self.routes: WeakKeyDictionary[http.HTTPFlow, Route] = WeakKeyDictionary()
        """Of requests to hosts that the table does not know."""

    @property
    def counters(self) -> Counters:
        return self.teller.counters

    # Options

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "secretgate_config",
            str,
            "",
            "The configuration file (default: secretgate.yaml in the configuration folder).",
        )
        for name, description in FIELDS.items():
            loader.add_option(PREFIX + name, str, "", description)
        try:
            own_ca.put_in_place(self._settings, self._places.ca)
        except exceptions.OptionsError as error:
            # mitmproxy drops a script that says so here without a word, and serves without it.
            self._unusable = error

    def configure(self, updated: set[str]) -> None:
        if self._unusable is not None:
            raise self._unusable
        if ctx.options.stream_large_bodies:
            raise exceptions.OptionsError(
                "stream_large_bodies lets large requests pass unread: unset it (answers are streamed anyway)"
            )
        if self._engine is None or any(name.startswith(PREFIX) for name in updated):
            settings = self._settings()
            log.configure(settings.log_format, type(ctx.master).__name__ == "ConsoleMaster")
            try:
                self._engine = build(settings, self._places, log.logger().warning, self._engine)
                self.teller.trail = self.teller.trail.reopened(
                    settings, self._places, self._engine.namer.digest, log.logger().error
                )
            except (AuditError, SettingsError, StateError, ValueError) as error:
                raise exceptions.OptionsError(f"secretgate: {error}") from None
        access.check(ctx.options, self.engine().settings.clients)

    async def _follow_policy(self) -> None:
        """Takes up what changes in the files of the policy; a change that cannot be used changes nothing."""
        watch, path = None, ""
        while True:
            engine = self.engine()
            if path != engine.settings.policy:
                path = engine.settings.policy
                watch = Watch(Path(path).expanduser()) if path else None
            if watch is not None and watch.changed():
                try:
                    engine.reload_policy()
                    log.logger().info("policy reloaded", policy=path)
                except SettingsError as error:
                    log.logger().error("the policy stays as it was", reason=str(error))
            await asyncio.sleep(_POLICY_PERIOD)

    async def running(self) -> None:
        Guard.of_master().hosts = None
        sys.setswitchinterval(min(_TURN, sys.getswitchinterval()))
        # The rules stay: a full collection that walks them holds up everything for tens of milliseconds.
        gc.collect()
        gc.freeze()
        access.seal_process()
        silence.keep_silent()
        await access.listen_on_loopback()
        self._following = asyncio.create_task(self._follow_policy())
        self._sweeper = asyncio.create_task(self._sweep())
        engine = self.engine()
        log.logger().info("ready", mode=engine.settings.mode, hosts=len(engine.hosts.names))

    async def _sweep(self) -> None:
        """What is past its time is forgotten also while nothing happens."""
        while True:
            await asyncio.sleep(min(_SWEEP, self.engine().settings.remember / 4))
            self.forget()

    def forget(self) -> None:
        """Whatever is past its time."""
        self.engine().forget()

    def engine(self) -> Engine:
        assert self._engine is not None, "configure comes before every other hook"
        return self._engine

    def _settings(self) -> Settings:
        given = ctx.options.secretgate_config
        file = Path(given).expanduser() if given else self._places.settings
        options = {name: getattr(ctx.options, PREFIX + name) for name in FIELDS}
        try:
            return load(options, file, explicit_file=bool(given))
        except SettingsError as error:
            raise exceptions.OptionsError(f"secretgate: {error}") from None

    # Connections

    def client_connected(self, client: connection.Client) -> None:
        if not access.admits(client, self.engine().settings.clients):
            client.error = "not a client of this proxy"
            log.logger().warning(
                "a connection from another machine was refused",
                client=client.peername[0],
                remedy="proxyauth=USER:PASSWORD or secretgate_clients=NETWORK",
            )

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        names = [data.client_hello.sni or "", _address(data.context.server)]
        if not any(self.engine().hosts.covers(name) for name in names):
            data.ignore_connection = True

    # Requests

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.request.scheme == "https" or not ctx.options.upstream_auth:
            # What the client told this proxy; over plain HTTP the next proxy may be told something too.
            flow.request.headers.pop("proxy-authorization", None)
        route = self._route(flow)
        if flow.response is None and route is None:
            flow.request.stream = True
        elif flow.response is None and route is not None and _is_call(flow.request, route):
            if self._objects(flow, route):
                return
            engine = self.engine()
            request = self._request(engine, flow, route)
            if engine.line.remote:
                begin = functools.partial(engine.requests.begin, request)
                refused = await asyncio.to_thread(consulted, engine, request, begin)
                if refused is not None:
                    self.teller.decided(Exchange(engine, request, refused, flow.id), refused)
                    self._refuse(flow, route, refused.status, refused.message)
                    return
            flow.request.stream = self._call(engine, flow, route, request)

    def _call(
        self, engine: Engine, flow: http.HTTPFlow, route: Route, request: Request
    ) -> grpc.Call:
        """Messages that are looked at as they come: the answer may come before the last of them."""
        nothing = Decision(Verdict.CLEAN, engine.nothing_issued)
        exchange = Exchange(engine, request, nothing, flow.id)
        exchange.call = grpc.RequestStream(
            engine.requests,
            request,
            engine.nothing_issued,
            lambda decision: self.teller.decided(exchange, decision),
        )
        self.exchanges[flow] = exchange

        def broken(error: Exception) -> None:
            if not isinstance(error, grpc.Refused):
                self._tell_failed(flow.id, route, request)
                exchange.log.error("a message could not be looked at", error=log.where(error))

        loop = asyncio.get_running_loop()
        return grpc.Call(exchange.call, broken, lambda: loop.call_soon(hang_up, flow))

    async def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or flow.error:
            return
        try:
            await self._look_at(flow)
        except Exception as error:
            self._failed(flow, error)

    async def _look_at(self, flow: http.HTTPFlow) -> None:
        route = self._route(flow)
        if route is None:
            return
        if flow in self.exchanges:
            self._look_at_trailers(flow, self.exchanges[flow])
            return
        if self._objects(flow, route):
            return
        engine = self.engine()
        request = self._request(engine, flow, route)
        decide = functools.partial(heads.decide, engine, request, _head(flow))
        if engine.line.remote:
            decision, seen = await asyncio.to_thread(consulted, engine, request, decide)
        elif takes_long(request):
            decision, seen = await asyncio.to_thread(decide)
        else:
            decision, seen = decide()
        target = seen.target.decode("utf-8", "surrogateescape") if seen is not None else None
        exchange = Exchange(engine, request, decision, flow.id, target)
        self.exchanges[flow] = exchange
        if seen is not None and engine.settings.mode != "audit":
            _put_head(flow, seen)
        if decision.refused:
            self._refuse(flow, route, decision.status, decision.message, decision.reply)
        elif decision.content is not None:
            flow.request.raw_content = decision.content
            if "content-length" in flow.request.headers:
                flow.request.headers["content-length"] = str(len(decision.content))
            flow.request.headers.update(decision.headers)
        self.teller.decided(exchange, decision)

    def _look_at_trailers(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """Of a request whose messages have gone out already."""
        if exchange.call is None or not flow.request.trailers:
            return
        engine, head = exchange.engine, _head(flow)
        if engine.settings.mode != "audit" and heads.look(engine.redactor, exchange.request, head):
            flow.request.trailers = None
            exchange.log.warning("trailers with a secret in them were not sent")

    def _failed(self, flow: http.HTTPFlow, error: Exception) -> None:
        """Refused before anything else, which could fail too."""
        message = "secretgate failed on this request, so it was not sent. Its log says where."
        flow.request.trailers = None
        flow.request.raw_content = b""
        flow.response = http.Response.make(503, message)
        try:
            route = self._route(flow)
            if route is not None:
                agent = flow.request.headers.get("user-agent", "")
                self._refuse(flow, route, refusals.status(agent), message)
                self._tell_failed(flow.id, route, None)
            host = flow.request.pretty_host
            log.logger().error(
                "a request could not be looked at", host=host, error=log.where(error)
            )
        except Exception as another:
            log.logger().error("a request was refused", error=log.where(another))

    def _tell_failed(self, identity: str, route: Route, request: Request | None) -> None:
        self.teller.failed(identity, route, request, self.engine().settings.mode)

    def _objects(self, flow: http.HTTPFlow, route: Route) -> bool:
        """Whether the request is refused because it could not be put on record."""
        reason = self.teller.trail.objection
        if not reason or route.treatment is Treatment.PASS:
            return False
        self._refuse(flow, route, 503, UNRECORDED.format(reason=reason))
        self._tell_failed(flow.id, route, None)
        return True

    def _route(self, flow: http.HTTPFlow) -> Route | None:
        given = self.routes.get(flow)
        if given is not None:
            return given
        names = [flow.request.host, _named_host(flow.request.host_header or flow.request.host)]
        if flow.client_conn.sni:
            names.append(flow.client_conn.sni)
        return self.engine().hosts.route(names, flow.request.path)

    def _request(self, engine: Engine, flow: http.HTTPFlow, route: Route) -> Request:
        headers, url = heads.folded(flow.request.headers.fields), flow.request.url
        user = (flow.metadata.get("proxyauth") or ("",))[0]
        peer = flow.client_conn.peername[0] if flow.client_conn.peername else ""
        account = engine.namer.digest(b"account\0" + credentials.account(headers, url))
        return Request(
            route=route,
            method=flow.request.method,
            path=flow.request.path,
            headers=headers,
            content=flow.request.raw_content or b"",
            scope=Scope(user or peer, route.provider, account),
            exempt=credentials.values(headers, url),
            url=url,
        )

    def _refuse(
        self,
        flow: http.HTTPFlow,
        route: Route,
        status: int,
        message: str,
        reply: bytes | None = None,
    ) -> None:
        kind = flow.request.headers.get("content-type", "")
        flow.request.raw_content = b""
        if reply is not None:
            headers = {"content-type": "application/json", "x-secretgate": "refused"}
            flow.response = http.Response.make(status, reply, headers)
            return
        flow.response = http.Response.make(*refusals.answer(route.dialect, kind, status, message))

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
            way = passing.through(exchange, self.teller, response, flow.request.is_http11)
            response.stream = way or True
        except Exception as error:
            exchange.log.error("an answer could not be looked at", error=log.where(error))
            response.stream = True

    async def response(self, flow: http.HTTPFlow) -> None:
        """The client learns that the answer is over when this is: its next turn may reach another
        worker, which then has to know what this one learnt from the answer."""
        self._over(flow)
        line = self.engine().line
        if line.remote:
            await line.settled(self.engine().settings.vault_timeout)
        exchange = self.exchanges.get(flow)
        if exchange is not None and exchange.kept is not None and flow.response is not None:
            exchange.kept.put(flow.response)

    def error(self, flow: http.HTTPFlow) -> None:
        self._over(flow)

    def _over(self, flow: http.HTTPFlow) -> None:
        """Tells what was restored; what the provider wrote before it broke off counts too."""
        exchange = self.exchanges.get(flow)
        if exchange is None or flow.websocket is not None:
            return
        try:
            if exchange.recorder is not None:
                exchange.recorder.flush()
            self.teller.ended(exchange, flow.response.status_code if flow.response else 0)
            exchange.release()
        except Exception as error:
            exchange.log.error("an answer could not be recorded", error=log.where(error))

    # WebSockets

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        exchange = self.exchanges.get(flow)
        if exchange is None or flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
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
        if self._following is not None:
            self._following.cancel()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for exchange in self.exchanges.values():
            exchange.messages.put()
        if self._engine is not None:
            Guard.of_master().hosts = self._engine.hosts
            self._engine.ledger.close()
        self.teller.trail.close()
        log.flush()


def _is_call(request: http.Request, route: Route) -> bool:
    """Whether a request is messages that may go on while the answer comes."""
    return (
        grpc.speaks(request.headers.get("content-type", ""))
        and "content-length" not in request.headers
        and route.treatment is not Treatment.PASS
    )


def _head(flow: http.HTTPFlow) -> Head:
    trailers = flow.request.trailers
    return Head(
        flow.request.path.encode("utf-8", "surrogateescape"),
        flow.request.headers.fields,
        trailers.fields if trailers else (),
    )


def _put_head(flow: http.HTTPFlow, head: Head) -> None:
    flow.request.path = head.target.decode("utf-8", "surrogateescape")
    flow.request.headers.fields = head.headers
    if flow.request.trailers:
        flow.request.trailers.fields = head.trailers


@functools.lru_cache(maxsize=256)
def _named_host(authority: str) -> str:
    """The host in a host header; the same few come with every request."""
    return parse_authority(authority, check=False)[0]


def _address(server: connection.Server) -> str:
    return server.address[0] if server.address else ""
