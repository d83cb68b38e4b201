"""The providers' wire formats: how a conversation is read and how an answer is written.

A dialect turns a request body into a `Prompt` and the model's items into JSON or a stream of events;
it also refuses what the real provider refuses. Transport, cutting and timing are `provider`'s.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.model import Item, Prompt
from secretgate.demo.planted import Maker

_KEY = secrets.token_bytes(32)


@dataclass(frozen=True)
class Event:
    data: bytes
    delta: bool = False
    """Whether it carries a piece of what the model said (and not the frame around it)."""


@dataclass(frozen=True)
class Style:
    """How an answer is cut into events."""

    delta: int = 7
    """Characters a delta."""
    interleave: bool = False
    """Parallel outputs take turns, instead of one after the other."""
    escape: bool = False
    """Tool arguments write `<` and `>` as `\\u003c` and `\\u003e`."""


class Asked:
    """Streams where the body asks for it, as server-sent events."""

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        return body.get("stream") is True

    def content_type(self, path: str) -> str:
        return "text/event-stream; charset=utf-8"


class Dialect(Protocol):
    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Whether this request asks for a streamed answer."""

    def content_type(self, path: str) -> str:
        """Of the stream."""

    def prompt(self, body: dict[str, Any]) -> Prompt: ...

    def refusal(self, body: dict[str, Any]) -> str | None:
        """Why the provider answers 400, if it does."""

    def whole(self, path: str, body: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]: ...

    def events(
        self, path: str, body: dict[str, Any], items: Sequence[Item], style: Style
    ) -> Iterator[Event]: ...

    def error(self, status: int, message: str) -> dict[str, Any]: ...


_count = itertools.count(1)


def identifier(prefix: str) -> str:
    """An id as providers make them: it looks random, and is."""
    return f"{prefix}{next(_count):04d}{secrets.token_hex(10)}"


def dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def canonical(value: Any) -> bytes:
    """What is compared when a provider asks whether a prefix changed."""

    def strip(each: Any) -> Any:
        if isinstance(each, dict):
            return {k: strip(v) for k, v in each.items() if k != "cache_control" and v is not None}
        return [strip(one) for one in each] if isinstance(each, list) else each

    return json.dumps(strip(value), sort_keys=True).encode()


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def weave(lanes: Iterable[Sequence[Event]], interleave: bool) -> Iterator[Event]:
    """The lanes one after the other, or one event of each in turn."""
    if not interleave:
        yield from itertools.chain.from_iterable(lanes)
        return
    for row in itertools.zip_longest(*lanes):
        yield from (event for event in row if event)


def escaped(arguments: str, style: Style) -> str:
    if not style.escape:
        return arguments
    return arguments.replace("<", "\\u003c").replace(">", "\\u003e")


def sign(*parts: bytes) -> str:
    """An opaque blob bound to `parts`; like the real ones it has something key-shaped inside."""
    digest = hmac.new(_KEY, b"\0".join(parts), hashlib.sha256).digest()[:30]
    make = Maker(int.from_bytes(digest[:4], "big"))
    noise = base64.b64encode(digest + digest[:18]).decode()
    return f"{base64.b64encode(digest).decode()}++//{make.aws_id()}//++{noise}"


def signed(signature: str, *parts: bytes) -> bool:
    """Whether `signature` was made over `parts`; either base64 alphabet will do."""
    return signature.replace("-", "+").replace("_", "/") == sign(*parts)
