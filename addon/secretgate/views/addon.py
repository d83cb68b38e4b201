"""The mitmproxy side of the views: flows are marked and commented, and there is a content view and a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader

from secretgate.views import content, marks
from secretgate.web.lines import lines
from secretgate.web.status import gather

if TYPE_CHECKING:
    from secretgate.gate import Gate


class Views:
    """Stands behind the gate, which has decided when these hooks run."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def load(self, loader: Loader) -> None:
        content.register(lambda: self._gate.engine().namer.template)
        loader.add_command("secretgate.status", self.status)

    def request(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def status(self) -> Sequence[str]:
        """What secretgate has found, put back, refused and not been able to see."""
        server = ctx.master.addons.get("proxyserver")
        addresses = server.listen_addrs()
        proxy = f"{addresses[0][0]}:{addresses[0][1]}" if addresses else "no address"
        settings = self._gate.engine().settings
        told = gather(
            self._gate.teller,
            self._gate.engine().hosts.rows,
            settings.mode,
            settings.on_unreadable,
            settings.base_urls,
            proxy,
            Path(ctx.options.confdir),
        )
        return lines(told.json())

    def _show(self, flow: http.HTTPFlow) -> None:
        exchange = self._gate.exchanges.get(flow)
        if exchange is not None:
            marks.show(flow, exchange.notes.mark, exchange.notes.comment)
        elif flow.response is not None and flow.response.headers.get("x-secretgate") == "refused":
            marks.refused(flow)
