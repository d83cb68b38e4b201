"""Both ends of the whole-proxy benchmarks: a fast provider in its own process, and a client.

    python -m benchmarks.loopback LEAF.pem [PLAIN]       prints the port it listens on

The provider reads a request completely and answers with a small message or, if the header
`x-stream` says `EVENTS GAP_MS`, with that many server-sent events. HTTP/1.1 is hand-written, HTTP/2
uses `h2`; both ends do as little as possible, because their time counts equally for every proxy.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from typing import Self

import h2.config
import h2.connection
import h2.events

HOST = "api.anthropic.com"
PATH = "/v1/messages"
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_STREAM = re.compile(rb"(?i)\r\nx-stream: *(\d+) (\d+)")
_MESSAGE = json.dumps(
    {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "It is done, and the tests pass."}],
        "stop_reason": "end_turn",
    }
).encode()
_BLOCK = {"type": "content_block_delta", "index": 0}
_DELTA = {**_BLOCK, "delta": {"type": "text_delta", "text": " and then the file is read in full,"}}
_EVENT = b"event: content_block_delta\ndata: " + json.dumps(_DELTA).encode() + b"\n\n"
_LAST = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'


def _events(count: int) -> Iterator[bytes]:
    for _ in range(count - 1):
        yield _EVENT
    yield _LAST


# The provider


async def _http1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> None:
    head = first
    while True:
        while b"\r\n\r\n" not in head:
            data = await reader.read(65536)
            if not data:
                return
            head += data
        head, _, body = head.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        missing = (int(length[1]) if length else 0) - len(body)
        while missing > 0:
            missing -= len(await reader.read(min(missing, 1 << 18)) or b"x" * missing)
        stream = _STREAM.search(head)
        head = b""
        if stream is None:
            size = b"%d" % len(_MESSAGE)
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
                + size
                + b"\r\n\r\n"
                + _MESSAGE
            )
            continue
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for event in _events(int(stream[1])):
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await _pause(writer, int(stream[2]))
        writer.write(b"0\r\n\r\n")


async def _pause(writer: asyncio.StreamWriter, gap: int) -> None:
    await writer.drain()
    if gap:
        await asyncio.sleep(gap / 1000)


class _Http2:
    """One connection; each stream is answered by its own task."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.state.initiate_connection()
        self.state.increment_flow_control_window(1 << 26)
        self.streams: dict[int, tuple[int, int] | None] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.room = asyncio.Event()

    async def run(self, reader: asyncio.StreamReader) -> None:
        while True:
            self.writer.write(self.state.data_to_send())
            data = await reader.read(1 << 18)
            if not data:
                return
            for event in self.state.receive_data(data):
                self._event(event)

    def _event(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            asked = dict(event.headers).get(b"x-stream")
            self.streams[event.stream_id] = (
                (int(asked.split()[0]), int(asked.split()[1])) if asked else None
            )
        elif isinstance(event, h2.events.DataReceived):
            self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.WindowUpdated):
            self.room.set()
        elif isinstance(event, h2.events.StreamEnded):
            task = asyncio.ensure_future(self._answer(event.stream_id))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _answer(self, stream: int) -> None:
        asked = self.streams.pop(stream)
        kind = "text/event-stream" if asked else "application/json"
        self.state.send_headers(stream, [(":status", "200"), ("content-type", kind)])
        if asked is None:
            self.state.send_data(stream, _MESSAGE, end_stream=True)
        else:
            for event in _events(asked[0]):
                while self.state.local_flow_control_window(stream) < len(event):
                    self.room.clear()
                    await self.room.wait()
                self.state.send_data(stream, event)
                self.writer.write(self.state.data_to_send())
                await _pause(self.writer, asked[1])
            self.state.end_stream(stream)
        self.writer.write(self.state.data_to_send())


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        channel = writer.get_extra_info("ssl_object")
        if channel is not None and channel.selected_alpn_protocol() == "h2":
            await _Http2(writer).run(reader)
        else:
            await _http1(reader, writer, b"")
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def _serve(leaf: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf)
    context.set_alpn_protocols(["h2", "http/1.1"])
    server = await asyncio.start_server(_connection, "127.0.0.1", 0, ssl=context, limit=1 << 20)
    plain = await asyncio.start_server(_connection, "127.0.0.1", 0, limit=1 << 20)
    ports = [each.sockets[0].getsockname()[1] for each in (server, plain)]
    print(*ports, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


# The client


class Client:
    """One connection through a proxy, or directly to `host` if `proxy` is None."""

    def __init__(
        self, proxy: int | None, roots: ssl.SSLContext | None, host: str, port: int, http2: bool
    ) -> None:
        self._socket = socket.create_connection(("127.0.0.1", proxy or port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy is not None:
            target = f"{host}:{port}".encode()
            self._socket.sendall(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target))
            answer = self._socket.recv(4096)
            if b" 200" not in answer[:16]:
                raise ConnectionError(answer.decode(errors="replace"))
        if roots is not None:
            self._socket = roots.wrap_socket(self._socket, server_hostname=host)
        self._host = host.encode()
        self._http2: h2.connection.H2Connection | None = None
        if http2:
            self._http2 = h2.connection.H2Connection()
            self._http2.initiate_connection()
            self._http2.increment_flow_control_window(1 << 26)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def timeout(self, seconds: float) -> None:
        self._socket.settimeout(seconds)

    def post(self, body: bytes, stream: tuple[int, int] | None = None) -> tuple[float, float]:
        """Send a request; return the seconds until the first and the last byte of the answer's body."""
        if self._http2 is not None:
            return self._post2(self._http2, body, stream)
        asked = b"x-stream: %d %d\r\n" % stream if stream else b""
        head = (
            b"POST %b HTTP/1.1\r\nHost: %b\r\nx-api-key: benchmark\r\nanthropic-version: 2023-06-01\r\n"
            b"content-type: application/json\r\n%bcontent-length: %d\r\n\r\n"
        ) % (PATH.encode(), self._host, asked, len(body))
        start = time.perf_counter()
        self._socket.sendall(head + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._read()
        head, _, rest = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(answer[:200].decode(errors="replace"))
        rest = rest or self._read()
        first = time.perf_counter()
        length = _LENGTH.search(head)
        size = len(rest)
        tail = rest[-7:]
        while not (size >= int(length[1]) if length else tail.endswith(b"0\r\n\r\n")):
            data = self._read()
            size += len(data)
            tail = (tail + data)[-7:]
        return first - start, time.perf_counter() - start

    def _read(self) -> bytes:
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the proxy closed the connection")
        return data

    def _post2(
        self, state: h2.connection.H2Connection, body: bytes, stream: tuple[int, int] | None
    ) -> tuple[float, float]:
        start = time.perf_counter()
        number = state.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":path", PATH),
            (":scheme", "https"),
            (":authority", self._host.decode()),
            ("x-api-key", "benchmark"),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
        ]
        if stream:
            headers.append(("x-stream", f"{stream[0]} {stream[1]}"))
        state.send_headers(number, headers)
        first, at = 0.0, 0
        while True:
            while at < len(body):
                room = min(state.local_flow_control_window(number), state.max_outbound_frame_size)
                if room <= 0:
                    break
                state.send_data(number, body[at : at + room])
                at += room
                if at >= len(body):
                    state.end_stream(number)
            if data := state.data_to_send():
                self._socket.sendall(data)
            for event in state.receive_data(self._read()):
                if isinstance(event, h2.events.DataReceived):
                    first = first or time.perf_counter()
                    state.acknowledge_received_data(event.flow_controlled_length, number)
                elif isinstance(event, h2.events.StreamEnded):
                    return first - start, time.perf_counter() - start
                elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    raise ConnectionError(repr(event))


def context(*roots: str, http2: bool = False) -> ssl.SSLContext:
    """Return a client context that trusts `roots`."""
    made = ssl.create_default_context(cafile=roots[0])
    for root in roots[1:]:
        made.load_verify_locations(root)
    made.set_alpn_protocols(["h2"] if http2 else ["http/1.1"])
    return made


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
