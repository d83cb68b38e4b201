"""A provider for one demonstration: real TLS for its host name, one streamed answer per request.

Its "model" copies what it was sent, as models do: it reads the `.env` it was shown and writes it
into a script. What it says therefore proves what it received.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from secretgate.demo.authority import Authority

HOST = "api.anthropic.com"
OTHER = "example.org"
DELTA = 5
"""Characters of the answer per event."""

Event = dict[str, Any]


class Provider:
    """Listens on loopback; `received` holds the request bodies."""

    def __init__(self, folder: Path) -> None:
        authority = Authority("Demo provider")
        self.trusted = folder / "provider-ca.pem"
        self.trusted.write_bytes(authority.pem)
        self.received: list[bytes] = []
        self.issuer = "Demo provider"
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append(body)
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for event in _answer(json.loads(body)):
                    data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, format: str, *arguments: object) -> None:
                """Log nothing: the demonstration has its own output."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """Ignore errors: a proxy may close its connections."""

        self._server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.issue([HOST, OTHER], folder / "provider.pem"))
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def shown(body: Event) -> str:
    """Return the file in the first tool result of a request."""
    results = (
        block["content"]
        for message in body["messages"]
        for block in message["content"]
        if message["role"] == "user" and block["type"] == "tool_result"
    )
    return str(next(results, ""))


def _answer(body: Event) -> Iterator[Event]:
    """Yield the model's answer: it names the file's variables and calls a tool with the whole file."""
    lines = shown(body).splitlines()
    names = ", ".join(line.partition("=")[0] for line in lines if "=" in line)
    script = "".join(f"export {line}\n" if "=" in line else f"{line}\n" for line in lines)
    call = {"type": "tool_use", "id": "toolu_01", "name": "write_file", "input": {}}
    yield {
        "type": "message_start",
        "message": {"id": "msg_01", "type": "message", "role": "assistant", "content": []},
    }
    yield from _block(0, {"type": "text", "text": ""}, "text", f"The file sets {names}.")
    arguments = json.dumps({"path": "deploy.sh", "content": script})
    yield from _block(1, call, "partial_json", arguments)
    yield {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}
    yield {"type": "message_stop"}


def _block(index: int, start: Event, field: str, text: str) -> Iterator[Event]:
    kind = {"text": "text_delta", "partial_json": "input_json_delta"}[field]
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for at in range(0, len(text), DELTA):
        delta = {"type": kind, field: text[at : at + DELTA]}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}
