"""A client for what client libraries refuse to send: arbitrary bytes, over TLS with any name.

`Line` is one connection through the proxy; responses are read until the proxy stops sending.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any, Self

import h2.config
import h2.connection
import h2.events

from harness.proxy import Proxy

_QUIET = 0.3
"""Seconds without data after which a response is considered complete."""


class Line:
    """A connection. `host` is the name in CONNECT, `sni` the name in TLS (None: no name)."""

    def __init__(
        self,
        proxy: Proxy,
        host: str,
        sni: str | None = "",
        port: int = 443,
        alpn: Sequence[str] = ("http/1.1",),
        timeout: float = 10,
    ) -> None:
        self.connected = b""
        self._plain = socket.create_connection((proxy.host, proxy.port), timeout=timeout)
        self._socket: socket.socket | ssl.SSLSocket = self._plain
        named = f"[{host}]" if ":" in host else host
        self._plain.sendall(f"CONNECT {named}:{port} HTTP/1.1\r\nHost: {named}\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.connected:
            data = self._plain.recv(4096)
            if not data:
                break
            self.connected += data
        if b" 200 " not in self.connected.partition(b"\r\n")[0]:
            raise ConnectionRefusedError(self.connected)
        context = proxy.context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(list(alpn))
        name = host if sni == "" else sni
        self._socket = context.wrap_socket(self._plain, server_hostname=name or None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, quiet: float = _QUIET, limit: float = 10) -> bytes:
        """Read until the peer closes, or is silent for `quiet` seconds after the first byte."""
        out = b""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self._socket.settimeout(quiet if out else max(0.01, end - time.monotonic()))
            try:
                data = self._socket.recv(65536)
            except (TimeoutError, ssl.SSLError, OSError):
                break
            if not data:
                break
            out += data
        return out

    def exchange(self, data: bytes) -> bytes:
        with contextlib.suppress(OSError):
            self.send(data)
        return self.read()


class Line2:
    """HTTP/2 over a `Line`, with h2's validation of sent data switched off."""

    def __init__(self, proxy: Proxy, host: str, sni: str | None = "") -> None:
        self._line = Line(proxy, host, sni, alpn=("h2",))
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            validate_inbound_headers=False,
        )
        self.state = h2.connection.H2Connection(config)
        self.state.initiate_connection()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._line.close()

    def flush(self) -> None:
        self._line.send(self.state.data_to_send())

    def exchange(
        self,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        trailers: Sequence[tuple[bytes, bytes]] = (),
        limit: float = 5,
    ) -> tuple[int, bytes]:
        """Return the status (0: the stream was refused) and the body of one request."""
        stream = self.state.get_next_available_stream_id()
        with contextlib.suppress(OSError):
            self.state.send_headers(stream, headers, end_stream=not body and not trailers)
            if body:
                self.state.send_data(stream, body, end_stream=not trailers)
            if trailers:
                self.state.send_headers(stream, trailers, end_stream=True)
            self.flush()
        status, out = 0, b""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            data = self._line.read(quiet=0.05, limit=end - time.monotonic())
            if not data:
                break
            for event in self.state.receive_data(data):
                match event:
                    case h2.events.ResponseReceived():
                        fields: dict[Any, Any] = dict(event.headers)
                        status = int(fields[b":status"])
                    case h2.events.DataReceived():
                        out += event.data
                        self.state.acknowledge_received_data(
                            event.flow_controlled_length, event.stream_id
                        )
                    case h2.events.StreamEnded():
                        return status, out
                    case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                        return status, out
            with contextlib.suppress(OSError):
                self.flush()
        return status, out
