"""The proxy's connection to its parent process: reports when it listens, and its counters at the end.

Messages are lines of JSON. The proxy shuts down when the connection closes, so it does not outlive
its parent.
"""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, BinaryIO

from mitmproxy import ctx


class Session:
    """A mitmproxy addon. Reads `orders` until it closes, and writes to `reports`."""

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
