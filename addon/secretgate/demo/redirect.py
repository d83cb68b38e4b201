"""A mitmproxy script that redirects every upstream connection to one address on loopback.

Loaded with `-s` next to the addon. `SECRETGATE_UPSTREAM` is the target address. Once the proxy
listens, it sends its addresses and confdir to `SECRETGATE_READY`, so that nobody has to poll.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.server_hooks import ServerConnectionHookData


def _address(variable: str) -> tuple[str, int]:
    host, _, port = os.environ[variable].rpartition(":")
    return host, int(port)


class Redirect:
    """Redirects connections, and reports when the proxy is ready."""

    def __init__(self) -> None:
        self.upstream = ("", 0)
        self.real: dict[str, tuple[str, int]] = {}

    def load(self, loader: Loader) -> None:
        self.upstream = _address("SECRETGATE_UPSTREAM")

    def server_connect(self, data: ServerConnectionHookData) -> None:
        if data.server.address:
            self.real[data.server.id] = (data.server.address[0], data.server.address[1])
            data.server.address = self.upstream

    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Restore the real address, by which mitmproxy reuses a kept-alive connection.

        mitmproxy rejects changing it while the connection is open, so its check is bypassed.
        """
        if real := self.real.pop(data.server.id, None):
            object.__setattr__(data.server, "address", real)

    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        self.real.pop(data.server.id, None)

    def running(self) -> None:
        server: Any = ctx.master.addons.get("proxyserver")
        listening = server.listen_addrs()
        report = {
            "listening": [list(each[:2]) for each in listening],
            "folder": ctx.options.confdir,
        }
        with socket.create_connection(_address("SECRETGATE_READY"), timeout=10) as channel:
            channel.sendall(json.dumps(report).encode())


addons = [Redirect()]
