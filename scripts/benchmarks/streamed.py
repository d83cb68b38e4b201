"""A mitmproxy script that makes plain mitmdump stream answers, as every coding tool requires."""

from __future__ import annotations

from mitmproxy import http


def responseheaders(flow: http.HTTPFlow) -> None:
    if flow.response is not None:
        flow.response.stream = True
