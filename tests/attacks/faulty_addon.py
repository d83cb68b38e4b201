"""A mitmproxy script that makes our hooks fail, where the query of a request says `fault=HOOK`.

What fails is the first thing that a hook asks for, the engine, in the middle of our own code.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mitmproxy import http

from secretgate.gate import Gate

wanted = {"hook": ""}
_engine = Gate.engine


def engine(gate: Gate) -> Any:
    names = set()
    frame: Any = sys._getframe(1)
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    if wanted["hook"] and wanted["hook"] in names:
        raise RuntimeError(f"injected into {wanted['hook']}")
    return _engine(gate)


Gate.engine = engine  # type: ignore[method-assign]


class Faults:
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        query = parse_qs(urlsplit(flow.request.path).query)
        wanted["hook"] = next(iter(query.get("fault", [])), "")


addons = [Faults()]
