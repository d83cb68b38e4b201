"""Refuses requests when the gate has been unloaded.

mitmproxy drops a script whose file vanishes or no longer loads (an upgrade, a checkout) and keeps
serving. The guard belongs to the master, not to the script: while there is no gate, it refuses
requests to the hosts that were covered last.
"""

from __future__ import annotations

import json

from mitmproxy import ctx, http
from mitmproxy.proxy.layer import NextLayer

from secretgate import log
from secretgate.hosts import Hosts
from secretgate.proxy import layers

_MESSAGE = (
    "secretgate is not running in this proxy any more, so nothing was sent. Restart the proxy."
)


class Guard:
    """`hosts` are the hosts to refuse; None while a gate is loaded."""

    name = "secretgate-guard"

    def __init__(self) -> None:
        self.hosts: Hosts | None = None

    @classmethod
    def of_master(cls) -> Guard:
        guard: Guard | None = ctx.master.addons.get(cls.name)
        if guard is None:
            guard = cls()
            ctx.master.addons.add(guard)
        return guard

    def next_layer(self, following: NextLayer) -> None:
        if self.hosts is not None:
            layers.choose(self.hosts, following)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not self._covers(flow):
            return
        log.logger().error("refused: secretgate is no longer loaded", host=flow.request.pretty_host)
        flow.request.stream = False
        body = {"type": "error", "error": {"type": "api_error", "message": _MESSAGE}}
        flow.response = http.Response.make(
            503, json.dumps(body), {"content-type": "application/json"}
        )

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        if self._covers(flow) and flow.websocket is not None:
            flow.websocket.messages[-1].drop()

    def _covers(self, flow: http.HTTPFlow) -> bool:
        if self.hosts is None:
            return False
        names = [flow.request.host, flow.request.pretty_host, flow.client_conn.sni or ""]
        return any(self.hosts.covers(name) for name in names)
