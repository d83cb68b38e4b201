"""The mitmproxy hook of the local page: answers for the page's host and for the proxy's own address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mitmproxy import ctx, http

from secretgate.base_urls.addon import BaseURLs
from secretgate.doctor.answering import SelfTest
from secretgate.hosts import plain_host
from secretgate.proxy.own_address import (
    from_another_site,
    linked_from_another_site,
    local_client,
    to_us,
)
from secretgate.web.pac import PAGE_HOST
from secretgate.web.site import answer
from secretgate.web.status import Status, gather

if TYPE_CHECKING:
    from secretgate.gate import Gate


class Page:
    """Runs after `BaseURLs`, whose prefixes take precedence, and before the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def http_connect(self, flow: http.HTTPFlow) -> None:
        if plain_host(flow.request.host) == PAGE_HOST:
            flow.response = http.Response.make(403, f"only http://{PAGE_HOST}/\n")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        if flow.response:
            return
        page = plain_host(request.host) == PAGE_HOST
        if not page and not to_us(flow):
            return
        named = plain_host(request.pretty_host) == plain_host(request.host)
        made = answer(
            request.method,
            request.path,
            lambda: self._status(flow),
            foreign=not named or from_another_site(flow) or linked_from_another_site(flow),
            direct=not page or not local_client(flow),
        )
        flow.response = http.Response.make(made.status, made.body, made.all_headers)

    def _status(self, flow: http.HTTPFlow) -> Status:
        engine = self._gate.engine()
        host, port = flow.client_conn.sockname[:2]
        return gather(
            self._gate.reporter,
            engine.hosts.rows,
            engine.settings.mode,
            engine.settings.on_unreadable,
            engine.settings.base_urls,
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            Path(ctx.options.confdir),
            engine.settings.metrics,
        )


def addons(gate: Gate) -> list[object]:
    """Return the addons that run before the gate, in order."""
    return [BaseURLs(gate), Page(gate), SelfTest(gate)]
