"""A mitmproxy script for the plain proxy: answers stream, without which no coding tool can be used."""

from __future__ import annotations

from mitmproxy import http


def responseheaders(flow: http.HTTPFlow) -> None:
    if flow.response is not None:
        flow.response.stream = True
