"""A mitmproxy script that searches the memory of its own process for values, in all objects.

It serves plain HTTP at `http://heap.test/` and gets the values as JSON of hexadecimal digits of
their inverted bytes, so that the request leaves no copy. The response lists the types of objects
that hold a match, never content. The header `x-later` advances the clocks of everything that
expires by that many seconds first.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any

from mitmproxy import http

from secretgate.gate import Gate


def _holders(wanted: list[Any], every: list[Any]) -> set[str]:
    """Return types and names of what refers to one of `wanted`."""
    marks = {id(each) for each in wanted}
    return {
        f"{type(each).__module__}.{type(each).__qualname__} {getattr(each, '__qualname__', '')}"
        for each in every
        if each is not every and each is not wanted
        if any(id(held) in marks for held in gc.get_referents(each))
    }


def _holds(held: Any, needles: list[bytes]) -> bool:
    if isinstance(held, str):
        held = held.encode("utf-8", "surrogatepass")
    return isinstance(held, (bytes, bytearray)) and any(needle in held for needle in needles)


def hunt(needles: list[bytes]) -> list[str]:
    """Return what holds a text that contains one of the needles, in this process."""
    gc.unfreeze()
    gc.collect()
    own = {id(needles), *map(id, needles), id(sys._getframe())}
    every = gc.get_objects()
    seen = {id(each) for each in every} | own
    todo, found = list(every), []
    own |= {id(every), id(todo), id(found), id(seen)}
    while todo:
        for held in gc.get_referents(todo.pop()):
            if id(held) in seen or id(held) in own:
                continue
            seen.add(id(held))
            every.append(held)
            if _holds(held, needles):
                found.append(held)
            elif not isinstance(held, (str, bytes, int, float)):
                todo.append(held)
    return sorted(_holders(found, every))


def pass_time(seconds: float) -> None:
    """Advance the clocks of the vault and of the egress check, then remove what expired."""
    gc.unfreeze()
    (gate,) = [each for each in gc.get_objects() if isinstance(each, Gate)]
    engine = gate.engine()
    later = time.monotonic() + seconds
    for each in (engine.vault, engine.redactor.egress):
        each._clock = lambda: later
    gate.engine().forget()


class Heap:
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.request.host == "heap.test":
            if "x-later" in flow.request.headers:
                pass_time(float(flow.request.headers["x-later"]))
            asked = json.loads(flow.request.headers["x-inverted"])
            needles = [bytes(255 - byte for byte in bytes.fromhex(each)) for each in asked]
            flow.response = http.Response.make(200, json.dumps(hunt(needles)))


addons = [Heap()]
