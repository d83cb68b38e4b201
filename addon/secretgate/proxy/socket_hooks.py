"""WebSockets in mitmproxy: each message is processed on arrival, and replaced by the result."""

from __future__ import annotations

import asyncio
import functools

from mitmproxy import ctx, http
from mitmproxy.websocket import WebSocketMessage

from secretgate import log
from secretgate.bodies.base import PlainBody, text_slot
from secretgate.hosts import Treatment
from secretgate.proxy import control_frames, passing
from secretgate.proxy.exchange import Exchange
from secretgate.proxy.reporting import UNRECORDED, Reporter
from secretgate.proxy.threads import consulted, message_decided
from secretgate.websockets import Outcome, Socket

_LINGER = 0.2
"""Seconds between an error and the end of the connection over which it is sent."""


class Sockets:
    """Handles the WebSocket hooks for the gate."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        control_frames.install()

    def started(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        control_frames.watch(flow.client_conn, functools.partial(_holds, exchange))

    async def message(
        self, flow: http.HTTPFlow, exchange: Exchange, message: WebSocketMessage
    ) -> None:
        outcome = await self._looked_at(exchange, message)
        if outcome is not None:
            self._put(flow, exchange, message, outcome)

    def ended(self, exchange: Exchange) -> None:
        exchange.messages.put()
        self._answered(exchange)
        exchange.release()

    async def _looked_at(self, exchange: Exchange, message: WebSocketMessage) -> Outcome | None:
        exchange.messages.put()
        if message.injected and not message.from_client:
            if exchange.socket is not None:
                exchange.socket.arrived()
                exchange.messages.injected(message)
            return None
        if exchange.socket is None:
            judge = passing.judge_of(exchange, self._reporter)
            exchange.socket = Socket(exchange.engine, exchange.request, judge)
            exchange.collects(exchange.socket.recorder)
        socket = exchange.socket
        try:
            if not message.from_client:
                return socket.from_provider(message.content, message.is_text)
            if reason := self._reporter.trail.objection:
                return socket.refused(UNRECORDED.format(reason=reason))
            self._answered(exchange)
            outcome = await self._decided(exchange, socket, message)
            if outcome.decision is not None:
                self._reporter.decided(exchange, outcome.decision)
            return outcome
        except Exception as error:
            self.failed(exchange, error)
            return socket.failed() if message.from_client else Outcome(drop=True)

    async def _decided(
        self, exchange: Exchange, socket: Socket, message: WebSocketMessage
    ) -> Outcome:
        read = functools.partial(socket.from_client, message.content, message.is_text)
        if exchange.engine.line.remote:
            return await asyncio.to_thread(consulted, exchange.engine, exchange.request, read)
        return await message_decided(exchange.engine.redactor.detector, message.content, read)

    def _put(
        self, flow: http.HTTPFlow, exchange: Exchange, message: WebSocketMessage, outcome: Outcome
    ) -> None:
        if outcome.drop:
            message.drop()
            if message.from_client:
                message.content = b""
        elif outcome.content is not None:
            if not message.from_client:
                exchange.messages.changed(message, message.content)
            message.content = outcome.content
        for to_client, content in outcome.inject:
            if to_client:
                exchange.messages.will_inject(not message.from_client)
            ctx.master.commands.call("inject.websocket", flow, to_client, content, message.is_text)
        if outcome.close:
            asyncio.get_running_loop().call_later(_LINGER, hang_up, flow)

    def _answered(self, exchange: Exchange) -> None:
        """Report the previous answer, which ends with a new message of the client."""
        if exchange.socket is not None:
            exchange.socket.close()
            if exchange.answering:
                self._reporter.ended(exchange, 101)
            exchange.answering = True

    def failed(self, exchange: Exchange, error: Exception) -> None:
        mode = exchange.engine.settings.mode
        self._reporter.failed(exchange.id, exchange.request.route, exchange.request, mode)
        exchange.log.error("a message could not be processed", error=log.where(error))


def _holds(exchange: Exchange, payload: bytes) -> bool:
    """Whether the payload of a control frame contains a secret."""
    engine, request = exchange.engine, exchange.request
    if request.route.treatment is Treatment.PASS or engine.settings.mode == "audit":
        return False
    body = PlainBody(payload, [text_slot(payload, "a control frame")])
    try:
        found = engine.redactor.inspect(
            body, request.scope, request.exempt, learn=False, strict=False, leaves=False
        )
        return bool(found.spots)
    except Exception as error:
        exchange.log.error("a control frame could not be processed", error=log.where(error))
        return True


def hang_up(flow: http.HTTPFlow) -> None:
    """Close the client's connection, which ends everything that runs over it."""
    handler = ctx.master.addons.get("proxyserver").connections.get(flow.client_conn.id)
    if handler is not None and flow.client_conn in handler.transports:
        handler.close_connection(flow.client_conn)
