"""Loaded only by the proxy's process: records what came in and what went out, to compare and count.

mitmproxy's addons and ours run between the two observations. No content is stored: each message
is a line of JSON that says whether it was changed, and how it arrived.
"""

import json
import os
import sys

_PROCESSES = ("secretgate.launch.mitm", "serve")


class Tap:
    """Observes messages before and after the addons (`go`), and writes a line about each."""

    def __init__(self, target):
        self._target = target

    def write(self, **facts):
        with open(self._target, "a") as file:
            file.write(json.dumps(facts) + "\n")

    def tell(self, flow, kind, **facts):
        request = flow.request
        self.write(
            kind=kind,
            host=request.pretty_host,
            method=request.method,
            path=request.path.partition("?")[0],
            version=request.http_version,
            status=flow.response.status_code if flow.response else None,
            **facts,
        )

    async def request(self, flow, go):
        before = _request(flow)
        await go()
        headers = flow.request.headers
        self.tell(
            flow,
            "request",
            same=before == _request(flow),
            size=len(before[1] or b""),
            encoding=headers.get("content-encoding", ""),
            accepts=headers.get("accept-encoding", ""),
            upgrade=headers.get("upgrade", ""),
            extensions=headers.get("sec-websocket-extensions", ""),
            agent=headers.get("user-agent", "").partition(" ")[0],
            refused=flow.response is not None,
        )

    async def answer_begun(self, flow, go):
        before = _response(flow)
        await go()
        self.tell(flow, "answer begun", same=before == _response(flow))
        if callable(flow.response.stream):
            flow.response.stream = self._watched(flow, flow.response.stream)

    def _watched(self, flow, passes):
        """Compare a streamed answer piece by piece, after all other stream functions."""
        same = True

        def passing(data):
            nonlocal same
            given = passes(data)
            given = [given] if isinstance(given, bytes) else list(given)
            same = same and b"".join(given) == data
            if not data:
                self.tell(flow, "answer", streamed=True, same=same)
            return given

        return passing

    async def answer(self, flow, go):
        before = _response(flow)
        await go()
        if not flow.response.stream:
            self.tell(flow, "answer", same=before == _response(flow))

    async def message(self, flow, go):
        message = flow.websocket.messages[-1]
        injected = message.injected
        before = (message.content, message.dropped)
        await go()
        self.tell(
            flow,
            "message",
            same=before == (message.content, message.dropped) and not injected,
            client=message.from_client,
            size=len(before[0]),
            dropped=message.dropped,
        )


def _request(flow):
    return (tuple(flow.request.headers.fields), flow.request.raw_content, flow.request.path)


def _response(flow):
    return (tuple(flow.response.headers.fields), flow.response.raw_content)


def _install(tap):
    from mitmproxy.addonmanager import AddonManager
    from mitmproxy.proxy.layers import http, tls, websocket

    observed = {
        http.HttpRequestHook: tap.request,
        http.HttpResponseHeadersHook: tap.answer_begun,
        http.HttpResponseHook: tap.answer,
        websocket.WebsocketMessageHook: tap.message,
    }
    real = AddonManager.handle_lifecycle

    async def handle(manager, event):
        if isinstance(event, tls.TlsFailedClientHook):
            tap.write(kind="tls refused", host=event.data.conn.sni)
        if observe := observed.get(type(event)):
            await observe(event.flow, lambda: real(manager, event))
        else:
            await real(manager, event)

    AddonManager.handle_lifecycle = handle


def _wanted():
    given = getattr(sys, "orig_argv", [])
    return any(name in given for name in _PROCESSES)


if os.environ.get("SECRETGATE_TAP") and _wanted():
    _install(Tap(os.environ["SECRETGATE_TAP"]))
