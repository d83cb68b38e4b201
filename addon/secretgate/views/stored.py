"""What mitmproxy keeps of a flow for its UIs and for `-w`: both sides as the provider saw them.

A request's body is replaced before anything stores it. mitmproxy keeps nothing of a streamed answer
unless `store_streamed_bodies` is set; then it keeps what the client received, real values included,
and that is replaced with the answer as it arrived. A WebSocket message is stored as it is sent to
the client. It is therefore *veiled* while other addons look at it (mitmdump prints it, mitmweb
sends it to its pages), unveiled when only sending is left, and replaced once it has been sent.
"""

from __future__ import annotations

from collections import deque

from mitmproxy import http
from mitmproxy.websocket import WebSocketMessage

NOT_KEPT = b"(put back for the client; not stored)"


class KeptAnswer:
    """The answer as received, for flows of which mitmproxy stores what is sent on."""

    def __init__(self, encoding: str | None) -> None:
        self._encoding = encoding
        self._pieces: list[bytes] = []

    def add(self, data: bytes) -> None:
        self._pieces.append(data)

    def put(self, response: http.Response) -> None:
        """Replace what the client received, which has been sent by now."""
        response.raw_content = b"".join(self._pieces)
        if self._encoding is not None:
            response.headers["content-encoding"] = self._encoding


class KeptMessages:
    """The messages of one WebSocket whose content differs from what the provider saw or wrote."""

    def __init__(self) -> None:
        self._shown: list[tuple[WebSocketMessage, bytes]] = []
        self._injected: deque[bool] = deque()
        self._veiled: tuple[WebSocketMessage, bytes, bytes] | None = None
        """The message, the content shown of it, and the content sent to the client."""

    def changed(self, message: WebSocketMessage, original: bytes) -> None:
        """Record a message that is sent to the client in changed form."""
        self._shown.append((message, original))

    def will_inject(self, restored: bool) -> None:
        """Announce that a message of ours is about to be injected towards the client."""
        self._injected.append(restored)

    def injected(self, message: WebSocketMessage) -> None:
        """Handle an injected message as it is sent."""
        if self._injected and self._injected.popleft():
            self._shown.append((message, NOT_KEPT))

    def veil(self, message: WebSocketMessage) -> None:
        """Show what the provider wrote in place of the content, while other addons look at it."""
        if self._shown and self._shown[-1][0] is message and not message.dropped:
            shown = self._shown[-1][1]
            self._veiled = message, shown, message.content
            message.content = shown

    def unveil(self) -> WebSocketMessage | None:
        """Put back the content meant for the client; return the message, or None if none was veiled."""
        if self._veiled is None:
            return None
        message, shown, content = self._veiled
        self._veiled = None
        if message.content == shown:  # otherwise another addon has changed it
            message.content = content
        return message

    def put(self, gone: WebSocketMessage | None = None) -> None:
        """Restore what the provider wrote, in `gone` or in all messages so far."""
        for message, original in self._shown:
            if gone is None or message is gone:
                message.content = original
        self._shown = [each for each in self._shown if gone is not None and each[0] is not gone]
