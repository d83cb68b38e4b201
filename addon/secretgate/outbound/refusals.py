"""How refusals are sent: a status that clients show once, and an error in the format they expect.

403 is the default for unknown clients: the request is understood and will not be served, and no SDK
retries it. Some tools mishandle a 403. Claude Code prints "Failed to authenticate" before our
message, as if the login were at fault; Codex retries six times in 14 seconds; Copilot CLI reports a
failed login and omits our message; so does Mistral Vibe, which only its SDK's name identifies. All
show a 400 once, with our message, so they get 400; Gemini CLI shows either once. A status chosen by the user applies to all clients. (All were run
against a refusing proxy; 401 triggers a new login everywhere, 429 and 5xx are retried everywhere.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from secretgate.providers import Dialect
from secretgate.streams import eventstream
from secretgate.streams.envelopes import END_OF_STREAM, envelope

DEFAULT: Final = 403
JSON_HEADERS: Final = {"content-type": "application/json", "x-secretgate": "refused"}
_BY_CLIENT: Final = (
    (re.compile(r"claude-cli/"), 400),
    (re.compile(r"copilot/"), 400),
    (re.compile(r"mistral-client-"), 400),
    (re.compile(r"codex[_-]|codex/|codex_cli_rs", re.IGNORECASE), 400),
)


def status(user_agent: str, chosen: int | None = None) -> int:
    """Return the status of a refusal for a client; `chosen`, set by the user, overrides all."""
    if chosen is not None:
        return chosen
    for pattern, own in _BY_CLIENT:
        if pattern.search(user_agent):
            return own
    return DEFAULT


def answer(
    dialect: Dialect, content_type: str, code: int, message: str
) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers of a refusal to a request of this content type.

    gRPC and Connect streams carry their errors inside a successful response.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("application/grpc"):
        return 200, b"", grpc_headers(media_type, message)
    if media_type.startswith("application/connect+"):
        error = event(dialect, media_type, code, message)
        return 200, error, {"content-type": media_type, "x-secretgate": "refused"}
    return code, *body(dialect, code, message)


def client(user_agent: str) -> str:
    """Return the name of a client for display: the product without its version."""
    found = re.match(r"[A-Za-z][\w.-]{0,40}", user_agent)
    return found[0] if found else "unknown"


def body(dialect: Dialect, code: int, message: str) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a refusal."""
    refusal = dialect.refusal(code, message)
    headers = dict(JSON_HEADERS)
    if isinstance(kind := refusal.get("__type"), str):
        headers["x-amzn-errortype"] = kind
    return json.dumps(refusal).encode(), headers


def grpc_headers(media_type: str, message: str) -> dict[str, str]:
    """Return the headers of a gRPC error, which is sent with status 200."""
    said = re.sub(
        r"[^ -$&-~]", lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), message
    )
    return {
        "content-type": media_type,
        "grpc-status": "7",
        "grpc-message": said,
        "x-secretgate": "refused",
    }


def event(
    dialect: Dialect, content_type: str, code: int, message: str, begun: bool = True
) -> bytes:
    """Return an error event that replaces the rest of an answer.

    `begun`: whether part of the answer has already been sent.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if not begun and media_type in ("", "application/json"):
        return json.dumps(dialect.refusal(code, message)).encode()
    name, payload = dialect.refusal_event(code, message)
    return _FRAMES.get(media_type, _sse)(name, json.dumps(payload).encode())


def _sse(name: str, payload: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + payload + b"\n\n"


def _line(name: str, payload: bytes) -> bytes:
    return payload + b"\n"


def _element(name: str, payload: bytes) -> bytes:
    return b",\n" + payload + b"]"


def _amazon(name: str, payload: bytes) -> bytes:
    return eventstream.exception(name, payload)


def _connect(name: str, payload: bytes) -> bytes:
    return envelope(payload, END_OF_STREAM)


_FRAMES: Final[Mapping[str, Callable[[str, bytes], bytes]]] = MappingProxyType(
    {
        "application/x-ndjson": _line,
        "application/ndjson": _line,
        "application/jsonl": _line,
        "application/x-jsonl": _line,
        "application/json-lines": _line,
        "application/stream+json": _line,
        "application/json": _element,
        "application/vnd.amazon.eventstream": _amazon,
        "application/connect+proto": _connect,
        "application/connect+json": _connect,
    }
)
