"""Calls whose messages are sent one by one: gRPC, Connect, and the signed events of AWS."""

from __future__ import annotations

import asyncio

from mitmproxy import http

from secretgate import grpc, log, signed_events
from secretgate.proxy.exchange import Exchange
from secretgate.proxy.reporting import Reporter
from secretgate.proxy.socket_hooks import hang_up


def streamed(flow: http.HTTPFlow, exchange: Exchange, reporter: Reporter) -> grpc.Call:
    """Return what streams the client's messages: the answer may begin before the last of them."""
    request, engine = exchange.request, exchange.engine
    signed = signed_events.speaks(flow.request.headers.get("content-type", ""))
    stream = signed_events.SignedEvents if signed else grpc.RequestStream
    exchange.call = stream(
        engine.requests,
        request,
        exchange.decision.issued,
        lambda decision: reporter.decided(exchange, decision),
    )

    def broken(error: Exception) -> None:
        if not isinstance(error, grpc.Refused):
            reporter.failed(flow.id, request.route, request, engine.settings.mode)
            exchange.log.error("a message could not be processed", error=log.where(error))

    loop = asyncio.get_running_loop()
    return grpc.Call(exchange.call, broken, lambda: loop.call_soon(hang_up, flow))
