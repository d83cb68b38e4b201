"""Single requests, sent byte for byte as given, and their results on both sides."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from harness.dialects import dump
from harness.provider import Provider
from harness.secrets import leaks
from harness.wire import Received
from harness.wires import Access

MESSAGES = ("api.anthropic.com", "/v1/messages")
CHAT = ("api.openai.com", "/v1/chat/completions")
RESPONSES = ("api.openai.com", "/v1/responses")
GEMINI = ("generativelanguage.googleapis.com", "/v1beta/models/gemini-2.5-flash:generateContent")
GEMINI_SSE = (
    "generativelanguage.googleapis.com",
    "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
)
Target = tuple[str, str]


def ask(target: Target, text: str, **more: Any) -> bytes:
    """Return a one-turn request in the target's dialect."""
    return dump(question(target, text, **more))


def question(target: Target, text: str, **more: Any) -> dict[str, Any]:
    if target == RESPONSES:
        return {"model": "m", **more, "input": text}
    if target in (GEMINI, GEMINI_SSE):
        return {**more, "contents": [{"role": "user", "parts": [{"text": text}]}]}
    return {"model": "m", "max_tokens": 9, **more, "messages": [{"role": "user", "content": text}]}


@dataclass(frozen=True)
class Exchange:
    status: int
    headers: Mapping[str, str]
    content: bytes
    arrived: list[Received] = field(repr=False)
    """What arrived at the provider; empty if nothing was sent on."""

    @property
    def forwarded(self) -> Received:
        assert len(self.arrived) == 1, f"{len(self.arrived)} requests arrived, status {self.status}"
        return self.arrived[0]

    @property
    def refused(self) -> bool:
        return not self.arrived and 400 <= self.status < 600

    def leaks(self, secrets: dict[str, str]) -> list[str]:
        return leaks(b"\0".join(each.everything for each in self.arrived), secrets)


@dataclass
class Poster:
    """Sends requests to any covered host through one access."""

    access: Access
    provider: Provider

    def post(
        self,
        target: Target,
        content: bytes,
        *,
        method: str = "POST",
        http2: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        sent = {"content-type": "application/json", "x-api-key": "of-the-test", **(headers or {})}
        with self.provider.recording() as arrived, self.access.client(http2) as client:
            url = self.access.url(*target)
            if method == "GET":
                response = client.get(url, headers={"x-api-key": "of-the-test"})
            else:
                response = client.request(method, url, content=content, headers=sent)
        return Exchange(response.status_code, response.headers, response.content, arrived)

    @contextlib.contextmanager
    def stream(
        self, target: Target, content: bytes, http2: bool = False, **headers: str
    ) -> Iterator[httpx.Response]:
        with (
            self.access.client(http2) as client,
            client.stream(
                "POST",
                self.access.url(*target),
                content=content,
                headers={"content-type": "application/json", **headers},
            ) as response,
        ):
            yield response
