"""Switches off the type checks of mitmproxy's messages, as `python -O` does.

mitmproxy checks every field of each request and response it builds, unless Python optimises. That
shows mistakes of addons and not of clients or providers, and takes a twentieth of the time of a
small request.
"""

from __future__ import annotations

from mitmproxy import http

_CHECK = "__post_init__"
_check = vars(http.MessageData).get(_CHECK)
"""None if Python optimises."""


def off() -> None:
    if _check is not None:
        setattr(http.MessageData, _CHECK, lambda message: None)


def on() -> None:
    if _check is not None:
        setattr(http.MessageData, _CHECK, _check)
