"""A mitmproxy script that makes our hooks fail if the query of a request contains `fault=HOOK`.

The failure is in the first access of a hook, to the engine, in the middle of our code. The message
of the exception is one of the values that `test_canary` plants.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mitmproxy import http

sys.path.append(str(Path(__file__).parents[1]))

from harness.secrets import plant
from secretgate.gate import Gate

wanted = {"hook": ""}
SECRET = plant(815).values["GITHUB_TOKEN"]
_engine = Gate.engine


def engine(gate: Gate) -> Any:
    names = set()
    frame: Any = sys._getframe(1)
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    if wanted["hook"] and wanted["hook"] in names:
        raise RuntimeError(f"could not work on {SECRET}")
    return _engine(gate)


Gate.engine = engine  # type: ignore[method-assign]


class Faults:
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        query = parse_qs(urlsplit(flow.request.path).query)
        wanted["hook"] = next(iter(query.get("fault", [])), "")


addons = [Faults()]
