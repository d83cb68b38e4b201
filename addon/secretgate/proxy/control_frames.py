"""Checks WebSocket control frames: the payload of pings and pongs, the reason of a close.

mitmproxy has no hook for them: it logs the payload of pings and forwards them. The frames of a
client are checked where mitmproxy parses them, and emptied if they hold a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from weakref import WeakKeyDictionary

import wsproto.events as ws
from mitmproxy import connection
from mitmproxy.proxy.layers import websocket

Holds = Callable[[bytes], bool]
"""Returns whether a text holds a secret."""

_watched: WeakKeyDictionary[connection.Connection, Holds] = WeakKeyDictionary()


def watch(client: connection.Client, holds: Holds) -> None:
    """Check the control frames of this client's WebSocket from now on."""
    _watched[client] = holds


class WatchedConnection(websocket.WebsocketConnection):
    """mitmproxy's WebSocket connection, with control frames checked."""

    def events(self) -> Iterator[ws.Event]:
        for event in super().events():
            yield _cleaned(event, _watched.get(self.conn))


def _cleaned(event: ws.Event, holds: Holds | None) -> ws.Event:
    match event:
        case ws.Ping() | ws.Pong() if holds and holds(bytes(event.payload)):
            return replace(event, payload=b"")
        case ws.CloseConnection(reason=str(reason)) if holds and holds(reason.encode()):
            return replace(event, reason=None)
    return event


def install() -> None:
    """Replace mitmproxy's class for all WebSockets opened from now on."""
    websocket.WebsocketConnection = WatchedConnection  # type: ignore[misc]
