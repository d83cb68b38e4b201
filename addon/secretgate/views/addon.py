"""Marks and comments flows, and provides the content view and the `secretgate.status` command."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitmproxy import ctx, flow, http
from mitmproxy.addonmanager import Loader

from secretgate.views import content, marks
from secretgate.web.lines import lines
from secretgate.web.status import gather

if TYPE_CHECKING:
    from secretgate.gate import Gate


class Views:
    """Runs after the gate, whose decisions are available when these hooks are called."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._unveil = Unveil(gate)

    def load(self, loader: Loader) -> None:
        content.register(lambda: self._gate.engine().namer.template)
        loader.add_command("secretgate.status", self.status)

    def request(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def done(self) -> None:
        if ctx.master.addons.get(Unveil.name) is self._unveil:
            ctx.master.addons.remove(self._unveil)

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        # Not before: mitmproxy has an `update` after each of its hooks.
        if flow in self._gate.exchanges and not self._unveil.there():
            ctx.master.addons.add(self._unveil)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        exchange = self._gate.exchanges.get(flow)
        if exchange is not None and flow.websocket is not None and self._unveil.there():
            exchange.messages.veil(flow.websocket.messages[-1])
        self._show(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._show(flow)

    def status(self) -> Sequence[str]:
        """Show what secretgate has found, restored, refused and been unable to inspect."""
        server = ctx.master.addons.get("proxyserver")
        addresses = server.listen_addrs()
        proxy = f"{addresses[0][0]}:{addresses[0][1]}" if addresses else "no address"
        settings = self._gate.engine().settings
        told = gather(
            self._gate.reporter,
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
            marks.show(flow, exchange.remarks.mark, exchange.remarks.comment)
        elif flow.response is not None and flow.response.headers.get("x-secretgate") == "refused":
            marks.refused(flow)


class Unveil:
    """Runs after all other addons.

    mitmproxy sends a message once the `update` hook that follows its own hook is done.
    """

    name = "secretgate-unveil"

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._tasks: set[asyncio.Future[None]] = set()

    def there(self) -> bool:
        return ctx.master.addons.get(self.name) is self

    def update(self, flows: Sequence[flow.Flow]) -> None:
        for each in flows:
            if isinstance(each, http.HTTPFlow) and each in self._gate.exchanges:
                messages = self._gate.exchanges[each].messages
                message = messages.unveil()
                if message is not None and not each.intercepted:
                    sent = _sent(each, functools.partial(messages.put, message))
                    asyncio.get_running_loop().call_soon(self._start, sent)

    def _start(self, waiting: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(waiting)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _sent(flow: http.HTTPFlow, then: Callable[[], None]) -> None:
    """Call `then` once mitmproxy has handled the pending event of the flow's connection.

    mitmproxy handles events one at a time, in the order in which they acquired its lock.
    """
    handler = ctx.master.addons.get("proxyserver").connections.get(flow.client_conn.id)
    turn = getattr(handler, "_server_event_lock", None)
    if turn is not None:
        async with turn:
            then()
