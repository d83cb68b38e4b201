"""What control frames of a WebSocket carry: the payload of pings and pongs, the reason of a close.

mitmproxy has no hook for them: it logs what pings carry, and sends them on. What a client's frames carry is looked at where
mitmproxy takes them from the wire, and left out where there is a secret in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from weakref import WeakKeyDictionary

import wsproto.events as ws
from mitmproxy import connection
from mitmproxy.proxy.layers import websocket

Holds = Callable[[bytes], bool]
"""Whether there is a secret in a text."""

_watched: WeakKeyDictionary[connection.Connection, Holds] = WeakKeyDictionary()


def watch(client: connection.Client, holds: Holds) -> None:
    """From now on, for the WebSocket of this client."""
    _watched[client] = holds


class WatchedConnection(websocket.WebsocketConnection):
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
    """In the place of mitmproxy's own, for the WebSockets to come."""
    websocket.WebsocketConnection = WatchedConnection  # type: ignore[misc]
