"""Zed's own service, which passes on the requests and the events of the providers behind it.

Each line of an answer holds an event of that provider, or the status of the request.
"""

from __future__ import annotations

from secretgate.providers.anthropic import ANTHROPIC as _ANTHROPIC
from secretgate.providers.base import Dialect
from secretgate.providers.gemini import GEMINI as _GEMINI
from secretgate.providers.openai import CHAT as _CHAT
from secretgate.providers.responses import RESPONSES as _RESPONSES

_BEHIND = (_ANTHROPIC, _GEMINI, _CHAT, _RESPONSES)

ZED = Dialect(
    name="zed",
    transports=("JSON", "NDJSON"),
    requests=[
        (f"provider_request.{path}", label) for each in _BEHIND for path, label in each.requests
    ],
    answers=[row for each in _BEHIND for row in each.answers],
    events={kind: rows for each in _BEHIND for kind, rows in each.events.items()},
    identity=tuple(dict.fromkeys(name for each in _BEHIND for name in each.identity)),
    closing={kind: names for each in _BEHIND for kind, names in each.closing.items()},
    wrappers={"": "event"},
)
