"""A corporate proxy: connects every CONNECT to the provider, and records who asked for what."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from typing import Self


class CorporateProxy:
    """Runs in threads from `__enter__` on."""

    def __init__(self, upstream: int, credentials: str = "") -> None:
        self.asked: list[str] = []
        self.denied = 0
        self._upstream = upstream
        self._wanted = b"basic " + base64.b64encode(credentials.encode()) if credentials else b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            lines = head.split(b"\r\n")
            self.asked.append(lines[0].decode())
            given = [line for line in lines if line.lower().startswith(b"proxy-authorization:")]
            if self._wanted and not any(
                line.split(b":", 1)[1].strip().lower() == self._wanted.lower() for line in given
            ):
                self.denied += lines[0].startswith(b"CONNECT ")
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            if not lines[0].startswith(b"CONNECT "):
                client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self._upstream)) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
