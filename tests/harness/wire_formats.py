"""A provider that answers whatever a test specifies, over everything that tools use.

That is HTTP/1.1, HTTP/2 with both sides sending at once, and WebSocket with text and binary
messages. `provider` plays whole conversations; this one does not interpret what it sends.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import h2.config
import h2.connection
import h2.events
import httpx
from hypercorn.asyncio import serve
from hypercorn.config import Config

from harness.proxy import Proxy
from secretgate.demo.authority import Authority


@dataclass
class Asked:
    """One request as received."""

    host: str
    path: str
    version: str
    headers: dict[str, str]
    body: bytes = b""
    messages: list[str | bytes] = field(default_factory=list)
    """Messages received over a WebSocket."""


@dataclass(frozen=True)
class Reply:
    content: bytes
    kind: str = "application/json"
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    pieces: Sequence[int] = ()
    """Positions at which the content is split into writes."""


Respond = Callable[[Asked], Reply]
Talk = Callable[[str | bytes], Sequence[str | bytes]]
"""Returns the replies to a WebSocket message."""


class Peer:
    """Runs in its own thread. `respond`, `talk` and `echo` define its behaviour."""

    def __init__(self, folder: Path, hosts: Sequence[str]) -> None:
        authority = Authority("Wire formats")
        self.trusted = folder / "peers-ca.pem"
        self.trusted.write_bytes(authority.pem)
        identity = authority.issue(hosts, folder / "peer.pem")
        self.asked: list[Asked] = []
        self.respond: Respond = lambda asked: Reply(b"{}")
        self.talk: Talk = lambda message: [message]
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = listening.getsockname()[1]
        self._config = Config()
        self._config.bind = [f"fd://{listening.detach()}"]
        self._config.certfile = self._config.keyfile = str(identity)
        self._config.accesslog = self._config.errorlog = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(
            serve(self._application, self._config, shutdown_trigger=self._over.wait)
        )

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        path = scope["raw_path"].decode().partition("?")[0] + (f"?{query}" if query else "")
        asked = Asked(headers.get("host", ""), path, scope.get("http_version", ""), headers)
        self.asked.append(asked)
        if scope["type"] == "websocket":
            await self._converse(asked, receive, send)
        elif asked.headers.get("content-type", "").startswith(
            ("application/connect", "application/grpc", "application/vnd.amazon.eventstream")
        ):
            await self._echo(asked, receive, send)
        else:
            await self._answer(asked, receive, send)

    async def _answer(self, asked: Asked, receive: Any, send: Any) -> None:
        async for piece in _body(receive):
            asked.body += piece
        reply = self.respond(asked)
        headers = [(b"content-type", reply.kind.encode())] if reply.kind else []
        headers += [(name.encode(), value.encode()) for name, value in reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        size = len(reply.content)
        bounds = [0, *sorted({place % (size + 1) for place in reply.pieces}), size]
        for start, end in pairwise(bounds):
            body = reply.content[start:end]
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _echo(self, asked: Asked, receive: Any, send: Any) -> None:
        """Send back what it receives, while receiving it."""
        headers = [(b"content-type", asked.headers["content-type"].encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for piece in _body(receive):
            asked.body += piece
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _converse(self, asked: Asked, receive: Any, send: Any) -> None:
        while True:
            event = await receive()
            if event["type"] == "websocket.connect":
                await send({"type": "websocket.accept"})
            elif event["type"] == "websocket.receive":
                message = event["text"] if event.get("text") is not None else event["bytes"]
                asked.messages.append(message)
                for said in self.talk(message):
                    key = "text" if isinstance(said, str) else "bytes"
                    await send({"type": "websocket.send", key: said})
            else:
                return


async def _body(receive: Any) -> AsyncIterator[bytes]:
    more = True
    while more:
        event = await receive()
        if event["type"] != "http.request":
            return
        yield event.get("body", b"")
        more = event.get("more_body", False)


class Duplex:
    """An HTTP/2 request through a proxy, whose body is written while its answer is read."""

    def __init__(self, proxy: Proxy, host: str, path: str, headers: dict[str, str]) -> None:
        plain = socket.create_connection((proxy.host, proxy.port), 10)
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        while not plain.recv(4096).endswith(b"\r\n\r\n"):
            pass
        context = proxy.context()
        context.set_alpn_protocols(["h2"])
        self._socket: ssl.SSLSocket = context.wrap_socket(plain, server_hostname=host)
        self._socket.settimeout(30)
        self._state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._state.initiate_connection()
        pseudo = [(":method", "POST"), (":scheme", "https"), (":authority", host), (":path", path)]
        self._state.send_headers(1, [*pseudo, *headers.items()])
        self.received = b""
        self.ended = False
        self._flush()

    def _flush(self) -> None:
        self._socket.sendall(self._state.data_to_send())

    def send(self, data: bytes, end: bool = False) -> None:
        self._state.send_data(1, data, end_stream=end)
        self._flush()

    def read(self, size: int) -> bytes:
        """Return what was received, once it is `size` bytes long or the peer has ended."""
        while len(self.received) < size and not self.ended:
            data = self._socket.recv(65536)
            self.ended = not data
            for event in self._state.receive_data(data) if data else ():
                if isinstance(event, h2.events.DataReceived):
                    self.received += event.data
                    self._state.acknowledge_received_data(event.flow_controlled_length, 1)
                elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    self.ended = True
            self._flush()
        return self.received

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def pieces(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def concrete(host: str) -> str:
    """Return a host that matches a glob."""
    if host.startswith("*."):
        return "own" + concrete(host[1:])
    google = host.endswith("googleapis.com")
    return host.replace("*", "us-central1" if google else "us-east-1")


Start = Callable[..., Proxy]
"""Starts a proxy with settings, or returns one that already runs with them."""


def client(proxy: Proxy, http2: bool = False) -> httpx.Client:
    return httpx.Client(
        proxy=proxy.url, verify=proxy.context(), http2=http2, timeout=30, trust_env=False
    )


def post(
    proxy: Proxy, url: str, content: bytes, kind: str = "application/json", **headers: str
) -> httpx.Response:
    with client(proxy) as each:
        return each.post(url, content=content, headers={"content-type": kind, **headers})


def messages(text: str) -> Any:
    return {"stream": True, "messages": [{"role": "user", "content": text}]}


def contents(text: str) -> Any:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def converse(text: str) -> Any:
    return {"messages": [{"role": "user", "content": [{"text": text}]}]}


def multipart(content: bytes, kind: str) -> bytes:
    head = f'--b0\r\nContent-Disposition: form-data; name="file"; filename="x"\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + content + b"\r\n--b0--\r\n"
