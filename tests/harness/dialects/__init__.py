"""The providers' wire formats: how a conversation is read and how an answer is written.

A dialect turns a request body into a `Prompt`, and the model's items into JSON or a stream of
events. It also refuses what the real provider refuses. Transport, splitting and timing are up to
`provider`.
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
    """Whether it contains a piece of the model's output, rather than framing."""


@dataclass(frozen=True)
class Style:
    """How an answer is split into events."""

    delta: int = 7
    """Characters per delta."""
    interleave: bool = False
    """Whether parallel outputs alternate instead of following each other."""
    escape: bool = False
    """Whether tool arguments spell `<` and `>` as `\\u003c` and `\\u003e`."""


class Asked:
    """Streams server-sent events if the body asks for it."""

    def streams(self, path: str, body: dict[str, Any]) -> bool:
        return body.get("stream") is True

    def content_type(self, path: str) -> str:
        return "text/event-stream; charset=utf-8"


class Dialect(Protocol):
    def streams(self, path: str, body: dict[str, Any]) -> bool:
        """Return whether this request asks for a streamed answer."""

    def content_type(self, path: str) -> str:
        """Return the content type of the stream."""

    def prompt(self, body: dict[str, Any]) -> Prompt: ...

    def refusal(self, body: dict[str, Any]) -> str | None:
        """Return the reason why the provider answers 400, or None."""

    def whole(self, path: str, body: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]: ...

    def events(
        self, path: str, body: dict[str, Any], items: Sequence[Item], style: Style
    ) -> Iterator[Event]: ...

    def error(self, status: int, message: str) -> dict[str, Any]: ...


_count = itertools.count(1)


def identifier(prefix: str) -> str:
    """Return a random id of the kind providers use."""
    return f"{prefix}{next(_count):04d}{secrets.token_hex(10)}"


def dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def canonical(value: Any) -> bytes:
    """Return the form in which a provider compares prefixes."""

    def strip(each: Any) -> Any:
        if isinstance(each, dict):
            return {k: strip(v) for k, v in each.items() if k != "cache_control" and v is not None}
        return [strip(one) for one in each] if isinstance(each, list) else each

    return json.dumps(strip(value), sort_keys=True).encode()


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def weave(lanes: Iterable[Sequence[Event]], interleave: bool) -> Iterator[Event]:
    """Yield the lanes one after the other, or one event of each in turn."""
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
    """Return an opaque blob bound to `parts`; like real ones, it contains something key-shaped."""
    digest = hmac.new(_KEY, b"\0".join(parts), hashlib.sha256).digest()[:30]
    make = Maker(int.from_bytes(digest[:4], "big"))
    noise = base64.b64encode(digest + digest[:18]).decode()
    return f"{base64.b64encode(digest).decode()}++//{make.aws_id()}//++{noise}"


def signed(signature: str, *parts: bytes) -> bool:
    """Return whether `signature` was made for `parts`; both base64 alphabets are accepted."""
    return signature.replace("-", "+").replace("_", "/") == sign(*parts)
