"""A WebSocket client that reads in one thread and writes in another."""

from __future__ import annotations

import ssl
from typing import Any

from websockets.sync.client import ClientConnection, connect


def dial(url: str, context: ssl.SSLContext, proxy: Any, **more: Any) -> ClientConnection:
    """Connect, through a proxy if one is given.

    Uses TLS 1.2: the session tickets of 1.3 arrive after the handshake, when one thread may process
    them while the other writes its request. OpenSSL does not allow that, and not every Python
    version locks it: about one request in a thousand was never sent.
    """
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return connect(url, ssl=context, proxy=proxy, open_timeout=30, **more)
