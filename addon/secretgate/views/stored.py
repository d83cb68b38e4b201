"""What mitmproxy keeps of a flow, for its interfaces and for `-w`: the request as the provider saw it, and the
answer as the provider wrote it.

A request's body is replaced before anything stores it. Of an answer mitmproxy keeps nothing, as it is streamed,
unless `store_streamed_bodies` is set: then it keeps what the client got, values and all, and that is replaced by
what had come. A WebSocket message is kept as it goes to the client: it is *veiled* while other addons look at it (mitmdump
prints it, mitmweb tells its pages of it), unveiled when nothing but the sending is left, and replaced when it has gone.
"""

from __future__ import annotations

from collections import deque

from mitmproxy import http
from mitmproxy.websocket import WebSocketMessage

NOT_KEPT = b"(put back for the client; not stored)"


class KeptAnswer:
    """The answer as it comes, where mitmproxy stores it as it goes."""

    def __init__(self, encoding: str | None) -> None:
        self._encoding = encoding
        self._pieces: list[bytes] = []

    def add(self, data: bytes) -> None:
        self._pieces.append(data)

    def put(self, response: http.Response) -> None:
        """In place of what the client got; it has gone by now."""
        response.raw_content = b"".join(self._pieces)
        if self._encoding is not None:
            response.headers["content-encoding"] = self._encoding


class KeptMessages:
    """The messages of one WebSocket whose content is not what the provider saw or wrote."""

    def __init__(self) -> None:
        self._shown: list[tuple[WebSocketMessage, bytes]] = []
        self._injected: deque[bool] = deque()
        self._veiled: tuple[WebSocketMessage, bytes, bytes] | None = None
        """A message, what is shown of it, and what the client gets."""

    def changed(self, message: WebSocketMessage, original: bytes) -> None:
        """It goes to the client otherwise than it came."""
        self._shown.append((message, original))

    def will_inject(self, restored: bool) -> None:
        """One more message of ours is on its way to the client."""
        self._injected.append(restored)

    def injected(self, message: WebSocketMessage) -> None:
        """It goes out now."""
        if self._injected and self._injected.popleft():
            self._shown.append((message, NOT_KEPT))

    def veil(self, message: WebSocketMessage) -> None:
        """Shows of the message what the provider wrote."""
        if self._shown and self._shown[-1][0] is message and not message.dropped:
            shown = self._shown[-1][1]
            self._veiled = message, shown, message.content
            message.content = shown

    def unveil(self) -> WebSocketMessage | None:
        """The message with which the client gets more than was shown, if there is one; it goes out next."""
        if self._veiled is None:
            return None
        message, shown, content = self._veiled
        self._veiled = None
        if message.content == shown:  # else another script has had its way
            message.content = content
        return message

    def put(self, gone: WebSocketMessage | None = None) -> None:
        """This message has gone, or all up to now have."""
        for message, original in self._shown:
            if gone is None or message is gone:
                message.content = original
        self._shown = [each for each in self._shown if gone is not None and each[0] is not gone]
