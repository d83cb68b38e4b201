"""All ways in which tools talk to providers, as one table: dialect, framing, HTTP version, client."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from harness import sse
from harness.clients import (
    AnthropicConversation,
    Body,
    ChatConversation,
    Conversation,
    GeminiConversation,
    ResponsesConversation,
    Transport,
    http,
)
from harness.provider import Provider
from harness.proxy import Proxy
from harness.sockets import dial

if TYPE_CHECKING:
    import openai

_TIMEOUT = 10


@dataclass(frozen=True)
class Access:
    """How a client reaches the providers: through a proxy, or directly on loopback."""

    context: Callable[[], ssl.SSLContext]
    """Creates a context for each client, because clients set their ALPN on it."""
    proxy: httpx.Proxy | str | None = None
    port: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def through(cls, proxy: Proxy) -> Access:
        return cls(proxy.context, proxy.url, None, proxy.client_environment())

    @classmethod
    def direct(cls, provider: Provider) -> Access:
        trusting = functools.partial(ssl.create_default_context, cafile=str(provider.trusted))
        return cls(trusting, None, provider.port)

    def url(self, host: str, path: str) -> str:
        authority = f"localhost:{self.port}" if self.port else host
        return f"https://{authority}{path}"

    def client(self, http2: bool = False, timeout: float = _TIMEOUT) -> httpx.Client:
        return httpx.Client(
            proxy=self.proxy,
            verify=self.context(),
            http2=http2,
            http1=not http2,
            timeout=timeout,
            trust_env=False,
        )


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


Open = Callable[[Access, contextlib.ExitStack], Transport]


@dataclass(frozen=True)
class Wire:
    name: str
    conversation: Callable[..., Conversation]
    open: Open = field(repr=False)
    streamed: bool = True
    proxied_only: bool = False
    """Whether the client always uses the provider's own address, so that only a proxy can redirect it.
    """
    stateful: bool = False

    def __str__(self) -> str:
        return self.name

    @contextlib.contextmanager
    def transport(self, access: Access) -> Iterator[Transport]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(environment(access.environment))
            yield self.open(access, stack)


def _http(
    host: str,
    path: str,
    spell: Callable[[Any], Body] | None,
    http2: bool = False,
    array: bool = False,
) -> Open:
    def open_(access: Access, stack: contextlib.ExitStack) -> Transport:
        client = stack.enter_context(access.client(http2))
        return http(client, access.url(host, path), spell, array)

    return open_


def _anthropic_sdk(access: Access, stack: contextlib.ExitStack) -> Transport:
    import anthropic

    client = stack.enter_context(
        anthropic.Anthropic(api_key="of-the-test", max_retries=0, timeout=_TIMEOUT)
    )

    def send(body: Body) -> Body:
        with client.messages.stream(**body) as stream:
            message = stream.get_final_message().model_dump(mode="json", exclude_unset=True)
        for block in message["content"]:
            block.pop("parsed_output", None)
        return message

    return send


def _openai(stack: contextlib.ExitStack) -> openai.OpenAI:
    import openai

    return stack.enter_context(
        openai.OpenAI(api_key="of-the-test", max_retries=0, timeout=_TIMEOUT)
    )


def _dumped(stream: Any) -> list[Body]:
    """Read the stream to its end and close it.

    If the garbage collector closed it while its client opens another, httpcore would deadlock on
    its own lock.
    """
    with stream:
        return [event.model_dump(mode="json", exclude_unset=True) for event in stream]


def _chat_sdk(access: Access, stack: contextlib.ExitStack) -> Transport:
    client = _openai(stack)
    return lambda body: sse.openai_chat(
        _dumped(client.chat.completions.create(**body, stream=True))
    )


def _responses_sdk(access: Access, stack: contextlib.ExitStack) -> Transport:
    client = _openai(stack)
    return lambda body: sse.openai_responses(_dumped(client.responses.create(**body, stream=True)))


def _gemini_sdk(access: Access, stack: contextlib.ExitStack) -> Transport:
    from google import genai

    client = genai.Client(api_key="of-the-test", http_options={"timeout": _TIMEOUT * 1000})

    def send(body: Body) -> Body:
        config: Any = {"system_instruction": body["systemInstruction"], "tools": body["tools"]}
        chunks = client.models.generate_content_stream(
            model="gemini-2.5-flash", contents=body["contents"], config=config
        )
        return sse.gemini(
            [chunk.model_dump(mode="json", by_alias=True, exclude_none=True) for chunk in chunks]
        )

    return send


def _responses_ws(access: Access, stack: contextlib.ExitStack) -> Transport:
    url = access.url("api.openai.com", "/v1/responses").replace("https", "wss", 1)
    socket = stack.enter_context(dial(url, access.context(), access.proxy))

    def send(body: Body) -> Body:
        socket.send(json.dumps({"type": "response.create", **body}))

        def events() -> Iterator[Body]:
            while True:
                yield json.loads(socket.recv(timeout=_TIMEOUT))

        return sse.openai_responses(events())

    return send


def _stateful(system: str) -> ResponsesConversation:
    return ResponsesConversation(system, stateful=True)


_MESSAGES = ("api.anthropic.com", "/v1/messages?beta=true")
_CHAT = ("api.openai.com", "/v1/chat/completions")
_RESPONSES = ("api.openai.com", "/v1/responses")
_GENAI = "generativelanguage.googleapis.com"
_STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
_WHOLE = "/v1beta/models/gemini-2.5-flash:generateContent"

WIRES = (
    Wire("anthropic-sse", AnthropicConversation, _http(*_MESSAGES, sse.anthropic)),
    Wire("anthropic-sse-http2", AnthropicConversation, _http(*_MESSAGES, sse.anthropic, True)),
    Wire("anthropic-json", AnthropicConversation, _http(*_MESSAGES, None), streamed=False),
    Wire("anthropic-sdk", AnthropicConversation, _anthropic_sdk, proxied_only=True),
    Wire("chat-sse", ChatConversation, _http(*_CHAT, sse.openai_chat)),
    Wire("chat-json-http2", ChatConversation, _http(*_CHAT, None, True), streamed=False),
    Wire("chat-sdk", ChatConversation, _chat_sdk, proxied_only=True),
    Wire("responses-sse", ResponsesConversation, _http(*_RESPONSES, sse.openai_responses)),
    Wire("responses-json", ResponsesConversation, _http(*_RESPONSES, None), streamed=False),
    Wire("responses-sdk", ResponsesConversation, _responses_sdk, proxied_only=True),
    Wire("responses-websocket", _stateful, _responses_ws, stateful=True),
    Wire("gemini-sse", GeminiConversation, _http(_GENAI, f"{_STREAM}?alt=sse", sse.gemini)),
    Wire("gemini-array", GeminiConversation, _http(_GENAI, _STREAM, sse.gemini, array=True)),
    Wire(
        "gemini-json-http2", GeminiConversation, _http(_GENAI, _WHOLE, None, True), streamed=False
    ),
    Wire("gemini-sdk", GeminiConversation, _gemini_sdk, proxied_only=True),
)
