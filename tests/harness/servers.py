"""The provider's transports: TLS, then HTTP/1.1 or HTTP/2 as negotiated, then possibly WebSocket.

They use `h11`, `h2` and `wsproto`, so that each piece of an answer is a separate write.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any, Protocol

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h11
from wsproto import ConnectionType, WSConnection
from wsproto import events as ws
from wsproto.connection import CloseReason
from wsproto.extensions import PerMessageDeflate

from harness.dialects import Dialect, dump
from harness.wire import Answer, Died, Manner, Received


class Application(Protocol):
    received: list[Received]
    problems: list[BaseException]
    refused: list[str]
    _manner: Manner

    def respond(self, request: Received) -> Answer: ...

    def dialect(self, path: str) -> Dialect: ...


async def serve(app: Application, context: ssl.SSLContext) -> asyncio.Server:
    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        agreed = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        try:
            await (_http2 if agreed == "h2" else _http1)(app, reader, writer)
        except (
            ConnectionError,
            ssl.SSLError,
            h11.RemoteProtocolError,
            h2.exceptions.ProtocolError,
        ):
            pass
        except Exception as problem:
            app.problems.append(problem)
            raise
        finally:
            writer.close()

    return await asyncio.start_server(connection, "127.0.0.1", 0, ssl=context)


async def _http1(
    app: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    state = h11.Connection(h11.SERVER)
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = state.next_event()
        if event is h11.NEED_DATA:
            state.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            request, body = event, bytearray()
            if dict(event.headers).get(b"expect"):
                writer.write(
                    state.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
                )
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request
            headers = tuple(request.headers.raw_items())
            host = dict(request.headers).get(b"host", b"").decode()
            path = request.target.decode()
            received = Received(
                host, request.method.decode(), path, "HTTP/1.1", headers, bytes(body)
            )
            received.trailers = tuple(event.headers.raw_items())
            app.received.append(received)
            if received.header("upgrade") == "websocket" and app._manner.websockets:
                await _websocket(app, received, reader, writer)
                return
            if not await _answer1(state, app.respond(received), received, reader, writer):
                return
            if state.our_state is h11.MUST_CLOSE:
                return
            state.start_next_cycle()
        elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return


async def _answer1(
    state: h11.Connection,
    answer: Answer,
    received: Received,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> bool:
    """Send an answer; return whether it was sent completely."""
    head = h11.Response(status_code=answer.status, headers=list(answer.headers))
    writer.write(state.send(head) or b"")
    try:
        async for piece in answer.body:
            writer.write(state.send(h11.Data(data=piece)) or b"")
            await writer.drain()
            await asyncio.sleep(0)
            if reader.at_eof() or writer.transport.is_closing():
                raise ConnectionResetError
        writer.write(state.send(h11.EndOfMessage()) or b"")
        await writer.drain()
    except Died:
        writer.transport.abort()
        return False
    except (ConnectionError, ssl.SSLError):
        received.gone.set()
        return False
    return True


class _Streams:
    """One HTTP/2 connection: requests are collected by stream, and each is answered by its own task."""

    def __init__(
        self, app: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.app, self.reader, self.writer = app, reader, writer
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self.state = h2.connection.H2Connection(config)
        self.requests: dict[int, tuple[list[tuple[bytes, bytes]], bytearray]] = {}
        self.trailers: dict[int, tuple[tuple[bytes, bytes], ...]] = {}
        self.gone: set[int] = set()
        self.window = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    def flush(self) -> None:
        self.writer.write(self.state.data_to_send())

    async def run(self) -> None:
        self.state.initiate_connection()
        self.state.increment_flow_control_window(2**24)
        self.flush()
        try:
            while data := await self.reader.read(65536):
                for event in self.state.receive_data(data):
                    self.handle(event)
                self.flush()
        finally:
            self.gone |= set(self.requests)
            self.window.set()

    def handle(self, event: Any) -> None:
        match event:
            case h2.events.RequestReceived():
                self.requests[event.stream_id] = (list(event.headers), bytearray())
            case h2.events.DataReceived():
                self.requests[event.stream_id][1].extend(event.data)
                length = event.flow_controlled_length
                self.state.acknowledge_received_data(length, event.stream_id)
            case h2.events.TrailersReceived():
                self.trailers[event.stream_id] = tuple(event.headers)
            case h2.events.StreamEnded():
                task = asyncio.ensure_future(self.answer(event.stream_id))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            case h2.events.StreamReset():
                self.gone.add(event.stream_id)
                self.window.set()
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                self.window.set()

    async def answer(self, stream: int) -> None:
        headers, body = self.requests[stream]
        pseudo = {k: v.decode() for k, v in headers if k.startswith(b":")}
        rest = tuple((k, v) for k, v in headers if not k.startswith(b":"))
        received = Received(
            pseudo[b":authority"], pseudo[b":method"], pseudo[b":path"], "HTTP/2", rest, bytes(body)
        )
        received.trailers = self.trailers.pop(stream, ())
        self.app.received.append(received)
        try:
            answer = self.app.respond(received)
            head = [(b":status", str(answer.status).encode()), *answer.headers]
            self.state.send_headers(stream, head)
            self.flush()
            async for piece in answer.body:
                await self.send(stream, piece)
            self.state.end_stream(stream)
            self.flush()
        except Died:
            self.state.reset_stream(stream, error_code=2)
            self.flush()
        except (ConnectionError, ssl.SSLError, h2.exceptions.ProtocolError):
            received.gone.set()
        except Exception as problem:
            self.app.problems.append(problem)
            raise

    async def send(self, stream: int, piece: bytes) -> None:
        if not piece:
            self.state.send_data(stream, b"")
            self.flush()
        while piece:
            if stream in self.gone or self.writer.transport.is_closing():
                raise ConnectionResetError
            room = min(
                self.state.local_flow_control_window(stream), self.state.max_outbound_frame_size
            )
            if room <= 0:
                self.window.clear()
                await self.window.wait()
                continue
            self.state.send_data(stream, piece[:room])
            piece = piece[room:]
            self.flush()
            await self.writer.drain()
            await asyncio.sleep(0)


async def _http2(
    app: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await _Streams(app, reader, writer).run()


async def _websocket(
    app: Application,
    received: Received,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Speak the Responses protocol: each message is a request body, each event a message."""
    state = WSConnection(ConnectionType.SERVER)
    state.initiate_upgrade_connection(list(received.headers), received.path)
    text = ""
    while True:
        for event in state.events():
            match event:
                case ws.Request():
                    accept = ws.AcceptConnection(extensions=[PerMessageDeflate()])
                    writer.write(state.send(accept))
                case ws.TextMessage():
                    text += event.data
                    if event.message_finished:
                        received.messages.append(text.encode("utf-8", "surrogatepass"))
                        await _converse(app, received, text, state, writer)
                        text = ""
                case ws.Ping() | ws.Pong():
                    received.control.append(bytes(event.payload))
                    if isinstance(event, ws.Pong):
                        continue
                    writer.write(state.send(event.response()))
                case ws.CloseConnection(code=CloseReason.ABNORMAL_CLOSURE):
                    return
                case ws.CloseConnection():
                    received.control.append((event.reason or "").encode())
                    writer.write(state.send(event.response()))
                    await writer.drain()
                    return
        await writer.drain()
        data = await reader.read(65536)
        state.receive_data(data or None)


async def _converse(
    app: Application,
    received: Received,
    text: str,
    state: WSConnection,
    writer: asyncio.StreamWriter,
) -> None:
    manner = app._manner
    dialect: Any = app.dialect(received)
    body = json.loads(text)
    if body.get("type") != "response.create":
        return
    refusal = dialect.refusal(body)
    if refusal:
        app.refused.append(refusal)
        error = {"type": "error", "status": 400, **dialect.error(400, refusal)}
        writer.write(state.send(ws.TextMessage(data=dump(error).decode())))
        return
    if manner.error:
        status, message = manner.error
        error = {"type": "error", "status": status, **dialect.error(status, message)}
        writer.write(state.send(ws.TextMessage(data=dump(error).decode())))
        return
    quiet = body.get("generate") is False
    items = [] if quiet else manner.script(dialect.prompt(body))
    deltas = 0
    for payload, is_delta in dialect.payloads(received.path, body, items, manner.style):
        if is_delta:
            if manner.gate and manner.gate.after == deltas:
                await manner.gate.wait()
            if manner.die == deltas:
                writer.transport.abort()
                raise ConnectionResetError
            deltas += 1
        writer.write(state.send(ws.TextMessage(data=dump(payload).decode())))
        await writer.drain()
