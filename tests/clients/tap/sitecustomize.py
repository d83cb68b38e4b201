"""Loaded only by the proxy's process: records what came in and what went out, to compare and count.

mitmproxy's addons and ours run between the two observations. No content is stored: each message
is a line of JSON that says whether it was changed, and how it arrived.
"""

import json
import os
import sys

_PROCESSES = ("secretgate.launch.mitm", "serve")


def _tap(target):
    from mitmproxy import addonmanager
    from mitmproxy.proxy.layers import http, tls, websocket

    def tell(flow, kind, **facts):
        request = flow.request
        facts = {
            "kind": kind,
            "host": request.pretty_host,
            "method": request.method,
            "path": request.path.partition("?")[0],
            "version": request.http_version,
            "status": flow.response.status_code if flow.response else None,
            **facts,
        }
        with open(target, "a") as file:
            file.write(json.dumps(facts) + "\n")

    def request_look(flow):
        return (tuple(flow.request.headers.fields), flow.request.raw_content, flow.request.path)

    def response_look(flow):
        return (tuple(flow.response.headers.fields), flow.response.raw_content)

    def watch(flow):
        """Compare a streamed answer piece by piece, after all other stream functions."""
        passes = flow.response.stream
        if not callable(passes):
            return
        facts = {"same": True}

        def passing(data):
            given = passes(data)
            given = [given] if isinstance(given, bytes) else list(given)
            facts["same"] = facts["same"] and b"".join(given) == data
            if not data:
                tell(flow, "answer", streamed=True, **facts)
            return given

        flow.response.stream = passing

    real = addonmanager.AddonManager.handle_lifecycle

    async def handle(self, event):
        flow = getattr(event, "flow", None)
        if isinstance(event, tls.TlsFailedClientHook):
            with open(target, "a") as file:
                file.write(json.dumps({"kind": "tls refused", "host": event.data.conn.sni}) + "\n")
        if isinstance(event, http.HttpRequestHook):
            before = request_look(flow)
            await real(self, event)
            headers = flow.request.headers
            tell(
                flow,
                "request",
                same=before == request_look(flow),
                size=len(before[1] or b""),
                encoding=headers.get("content-encoding", ""),
                accepts=headers.get("accept-encoding", ""),
                upgrade=headers.get("upgrade", ""),
                extensions=headers.get("sec-websocket-extensions", ""),
                agent=headers.get("user-agent", "").partition(" ")[0],
                refused=flow.response is not None,
            )
        elif isinstance(event, http.HttpResponseHeadersHook):
            before = response_look(flow)
            await real(self, event)
            tell(flow, "answer begun", same=before == response_look(flow))
            watch(flow)
        elif isinstance(event, http.HttpResponseHook):
            before = response_look(flow)
            await real(self, event)
            if not flow.response.stream:
                tell(flow, "answer", same=before == response_look(flow))
        elif isinstance(event, websocket.WebsocketMessageHook):
            message = flow.websocket.messages[-1]
            injected = message.injected
            before = (message.content, message.dropped)
            await real(self, event)
            same = before == (message.content, message.dropped) and not injected
            tell(
                flow,
                "message",
                same=same,
                client=message.from_client,
                size=len(before[0]),
                dropped=message.dropped,
            )
        else:
            await real(self, event)

    addonmanager.AddonManager.handle_lifecycle = handle


def _wanted():
    given = getattr(sys, "orig_argv", [])
    return any(name in given for name in _PROCESSES)


if os.environ.get("SECRETGATE_TAP") and _wanted():
    _tap(os.environ["SECRETGATE_TAP"])
