"""The proxy's line to the process that started it: says when it listens, and at the end what it did.

Messages are lines of JSON. The proxy lives no longer than the line: when the other end closes, or its
process dies, it shuts down.
"""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, BinaryIO

from mitmproxy import ctx


class Session:
    """A mitmproxy addon. `orders` is read to its end, `reports` is written to."""

    def __init__(self, orders: BinaryIO, reports: BinaryIO) -> None:
        self._orders = orders
        self._reports = reports

    async def running(self) -> None:
        loop = asyncio.get_running_loop()
        master = ctx.master
        server: Any = master.addons.get("proxyserver")
        listening = [list(address[:2]) for address in server.listen_addrs()]
        self._report({"ready": listening})

        def wait_for_the_end() -> None:
            while self._orders.read(4096):
                pass
            loop.call_soon_threadsafe(master.shutdown)

        threading.Thread(target=wait_for_the_end, name="session", daemon=True).start()

    def done(self) -> None:
        gate: Any = ctx.master.addons.get("gate")
        if gate is not None:
            self._report({"summary": gate.counters.numbers()})

    def _report(self, message: dict[str, Any]) -> None:
        try:
            self._reports.write(json.dumps(message).encode() + b"\n")
            self._reports.flush()
        except OSError:
            pass
