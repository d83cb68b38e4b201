"""The context that rules see of an exchange besides its texts: host, provider, client, user, model."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from secretgate.outbound import models, refusals
from secretgate.policy.model import Decision


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Routed(Protocol):
    @property
    def provider(self) -> str: ...
    @property
    def dialect(self) -> Named: ...


class Scoped(Protocol):
    @property
    def client(self) -> str: ...


class Asked(Protocol):
    @property
    def route(self) -> Routed: ...
    @property
    def url(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def scope(self) -> Scoped: ...


class _Body(msgspec.Struct):
    model: str = ""


def model(path: str, raw: bytes) -> str:
    """Return the model from the API's own member, or else from whatever looks like a model name."""
    try:
        exact = msgspec.json.decode(raw.removeprefix(BOM_UTF8), type=_Body).model if raw else ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        exact = ""
    return exact or models.named(path, raw)


def context(request: Asked, model: str = "") -> dict[str, Any]:
    """Return the `context` of an exchange's calls, without the time, which the policy adds."""
    client = refusals.client(request.headers.get("user-agent", ""))
    return {
        "agent_id": client,
        "client": client,
        "user_id": request.scope.client,
        "user": request.scope.client,
        "host": urlsplit(request.url).hostname or "",
        "provider": request.route.provider,
        "model": model,
        "labels": {},
    }


def told(decision: Decision) -> str:
    """Return the message for a client whose call was denied."""
    said = decision.message or "a policy rule forbids it"
    return f"request blocked: {said} (rule {decision.rule}). secretgate sent nothing."
