"""A provider on loopback that records every byte it receives.

It has real TLS for the real host names, HTTP/1.1, HTTP/2 and WebSocket, and the real wire formats.
A `Manner` defines what the "model" says and how the answer is split, compressed, delayed or
interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.dialects import Dialect, Event, dump
from harness.dialects.anthropic import Anthropic
from harness.dialects.gemini import CodeAssist, Gemini
from harness.dialects.generic import Generic
from harness.dialects.openai_chat import Mistral, OpenAIChat
from harness.dialects.openai_responses import OpenAIResponses
from harness.servers import serve
from harness.wire import Answer, Died, Encoder, Headers, Manner, Received
from secretgate.demo.authority import Authority

HOSTS = (
    "api.anthropic.com",
    "api.openai.com",
    "chatgpt.com",
    "generativelanguage.googleapis.com",
    "cloudcode-pa.googleapis.com",
    "api.mistral.ai",
    "platform.claude.com",
    "auth.openai.com",
    "bedrock-runtime.us-east-1.amazonaws.com",
    "api2.cursor.sh",
    "localhost",
    "uncovered.example.org",
)
UNCOVERED = HOSTS[-1]
SHARED = ("eu.api.openai.com", "us.api.openai.com")
"""Hosts that share one certificate with all their names."""

_JSON = (b"content-type", b"application/json")
_CONTROL = re.compile(r"[\x00-\x1f]")


class Provider:
    """Runs in its own thread; `received` grows as requests arrive."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority("Test providers")
        self.trusted = folder / "providers-ca.pem"
        self.trusted.write_bytes(self.authority.pem)
        self.received: list[Received] = []
        self.problems: list[BaseException] = []
        self.refused: list[str] = []
        """Reasons for which requests were refused: a changed history, an invalid signature."""
        self._manner = Manner()
        self._generic = Generic()
        self._routes: Sequence[tuple[re.Pattern[str], Dialect]] = [
            (re.compile(r"/v1/messages(/count_tokens)?(?![\w/])"), Anthropic()),
            (re.compile(r"mistral\.ai/v1/chat/completions\b"), Mistral()),
            (re.compile(r"(/v1|^[^/]*)/chat/completions\b"), OpenAIChat()),
            (re.compile(r"/(v1|backend-api/codex)/responses\b"), OpenAIResponses()),
            (re.compile(r"/v1internal:((stream)?[gG]enerateContent|countTokens)"), CodeAssist()),
            (re.compile(r"/models/[^/]+:(stream)?[gG]enerateContent|:countTokens"), Gemini()),
        ]
        self._contexts = {host: self._identity([host], folder) for host in HOSTS}
        self._contexts |= dict.fromkeys(SHARED, self._identity(SHARED, folder))
        self._context = self._contexts["localhost"]
        self._context.sni_callback = self._identify
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="provider", daemon=True)
        self._thread.start()
        self._server = self._call(serve(self, self._context))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def _identity(self, hosts: Sequence[str], folder: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority.issue(hosts, folder / f"{hosts[0]}.pem"))
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def _identify(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name in self._contexts:
            connection.context = self._contexts[name]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def close(self) -> None:
        async def stop() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._call(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @contextlib.contextmanager
    def manner(self, **changes: Any) -> Iterator[Manner]:
        """Change how requests are answered within the block."""
        before = self._manner
        self._manner = replace(before, **changes)
        try:
            yield self._manner
        finally:
            if self._manner.gate:
                self._manner.gate.open()
            self._manner = before

    @contextlib.contextmanager
    def recording(self) -> Iterator[list[Received]]:
        """Collect the requests (not connections) received within the block."""
        start = len(self.received)
        seen: list[Received] = []
        try:
            yield seen
        finally:
            seen += self.received[start:]

    def dialect(self, request: Received) -> Dialect:
        place = request.host + request.path
        return next((each for route, each in self._routes if route.search(place)), self._generic)

    def respond(self, request: Received) -> Answer:
        manner = self._manner
        dialect = self.dialect(request)
        if request.method == "GET":
            return self._whole(200, {"ok": True, "path": request.path}, manner)
        try:
            body = request.json
            prompt = dialect.prompt(body)
            refusal = dialect.refusal(body)
        except Exception:
            generic = {"ok": True, "bytes": len(request.raw)}
            return self._whole(200, generic, manner)
        if refusal:
            self.refused.append(refusal)
            return self._whole(400, dialect.error(400, refusal), manner)
        if manner.error:
            status, message = manner.error
            said = message.replace("{last}", " ".join(prompt.last))
            return self._whole(status, dialect.error(status, said), manner)
        items = manner.script(prompt)
        if not dialect.streams(request.path, body):
            return self._whole(200, dialect.whole(request.path, body, items), manner)
        events = dialect.events(request.path, body, items, manner.style)
        headers: Headers = ()
        if manner.declared:
            headers = ((b"content-type", dialect.content_type(request.path).encode()),)
            headers += ((b"cache-control", b"no-cache"),)
            if manner.encoding:
                headers += ((b"content-encoding", manner.encoding.encode()),)
        pings = b"" if "json" in dialect.content_type(request.path) else b": keep-alive\n\n"
        if "text/event-stream" not in dialect.content_type(request.path):
            pings = b""
        return Answer(200, headers, self._stream(events, pings, manner))

    def _whole(self, status: int, payload: Any, manner: Manner) -> Answer:
        raw = dump(payload)
        headers: Headers = (_JSON,)
        if manner.encoding:
            raw = b"".join(Encoder(manner.encoding).all([raw]))
            headers += ((b"content-encoding", manner.encoding.encode()),)
        headers += ((b"content-length", str(len(raw)).encode()),)

        async def once() -> AsyncIterator[bytes]:
            for piece in _recut([raw], manner.cuts):
                yield piece

        return Answer(status, headers, once())

    async def _stream(
        self, events: Iterator[Event], ping: bytes, manner: Manner
    ) -> AsyncIterator[bytes]:
        async for piece in self._cut(self._encode(events, ping, manner), manner):
            yield piece

    async def _encode(
        self, events: Iterator[Event], ping: bytes, manner: Manner
    ) -> AsyncIterator[bytes]:
        encoder = Encoder(manner.encoding)
        for _ in range(manner.pings if ping else 0):
            yield encoder.feed(ping)
        deltas = 0
        for event in events:
            if event.delta:
                if manner.die == deltas:
                    raise Died
                if manner.gate and manner.gate.after == deltas:
                    await manner.gate.wait()
                deltas += 1
            yield encoder.feed(event.data)
            if manner.empties:
                yield b""
        yield encoder.finish()

    async def _cut(self, pieces: AsyncIterator[bytes], manner: Manner) -> AsyncIterator[bytes]:
        """Split the data into writes of the requested sizes; small ones cross event boundaries."""
        held = b""
        sizes = manner.cuts
        turn = 0
        async for piece in pieces:
            held += piece
            if not sizes and not manner.truncate:
                yield held
                held = b""
                continue
            while sizes and len(held) > sizes[turn % len(sizes)] + manner.truncate:
                size = sizes[turn % len(sizes)]
                yield held[:size]
                held = held[size:]
                turn += 1
        rest = held[: len(held) - manner.truncate]
        if rest:
            yield rest


def _recut(pieces: Sequence[bytes], sizes: tuple[int, ...]) -> Iterator[bytes]:
    raw = b"".join(pieces)
    if not sizes:
        yield raw
        return
    turn = 0
    while raw:
        size = sizes[turn % len(sizes)]
        yield raw[:size]
        raw = raw[size:]
        turn += 1
