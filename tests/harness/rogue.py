"""A provider that misbehaves: the test decides what it does to a connection after reading a request."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events

from harness.provider import Provider
from harness.proxy import Proxy

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENT = b'event: ping\ndata: {"type":"ping"}\n\n'


class Wire:
    """One connection: `write` goes through TLS, `raw` bypasses it."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self.socket = connection
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._pump(self._tls.do_handshake)
        self.request = b""
        while b"\r\n\r\n" not in self.request:
            self.request += self.read()

    def read(self) -> bytes:
        return self._pump(lambda: self._tls.read(65536))

    def _pump(self, step: Callable[[], object]) -> bytes:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self.socket.recv(65536)
                if not data:
                    raise ConnectionResetError from None
                self._in.write(data)
            else:
                self._flush()
                return done if isinstance(done, bytes) else b""

    def _flush(self) -> None:
        if self._out.pending:
            self.socket.sendall(self._out.read())

    def write(self, data: bytes) -> None:
        self._pump(lambda: self._tls.write(data))

    def begin(self) -> None:
        self.write(_HEAD + b"%x\r\n%s\r\n" % (len(_EVENT), _EVENT))

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)


class Http2Wire:
    """HTTP/2 over a `Wire`, up to the end of the first request."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.state.initiate_connection()
        self.stream = 0
        data = wire.request
        while not self.stream:
            for event in self.state.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    self.stream = event.stream_id
            self.flush()
            data = b"" if self.stream else wire.read()

    def flush(self) -> None:
        self.wire.write(self.state.data_to_send())

    def begin(self) -> None:
        headers = [(":status", "200"), ("content-type", "text/event-stream")]
        self.state.send_headers(self.stream, headers)
        self.state.send_data(self.stream, _EVENT)
        self.flush()


class Rogue:
    """Listens until `close`; calls `behave` with each `Wire`."""

    def __init__(
        self,
        provider: Provider,
        folder: Path,
        behave: Callable[[Wire], None],
        host: str = "api.anthropic.com",
        protocol: str = "http/1.1",
    ) -> None:
        self.behave = behave
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        identity = provider.authority.issue([host], folder / "rogue.pem")
        self._context.load_cert_chain(identity)
        self._context.set_alpn_protocols([protocol])
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(20)
            self.behave(Wire(connection, self._context))

    def close(self) -> None:
        self._server.close()


@contextlib.contextmanager
def before(
    provider: Provider, folder: Path, behave: Callable[[Wire], None], *options: str
) -> Iterator[tuple[Rogue, Proxy]]:
    """Yield a rogue and a proxy connected to it; `options` are the rogue's host and protocol."""
    rogue = Rogue(provider, folder, behave, *options)
    proxy = Proxy(provider, folder)
    proxy.upstream = rogue.port
    proxy.start()
    try:
        yield rogue, proxy
    finally:
        proxy.stop()
        rogue.close()
