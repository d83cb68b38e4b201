"""A mitmproxy script that reports at `http://sealed.test/` whether its process may be dumped."""

from __future__ import annotations

import ctypes

from mitmproxy import http

_PR_GET_DUMPABLE = 3


class Sealed:
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.request.host == "sealed.test":
            told = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
            flow.response = http.Response.make(200, str(told))


addons = [Sealed()]
