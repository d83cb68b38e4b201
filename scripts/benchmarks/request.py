"""The request path: a body in, the outgoing body out, with everything in between except the network.

    PYTHONPATH=scripts python -m benchmarks.request [--quick] [--json]

*Cold* is the first request, *warm* the next turn of a conversation, one percent longer than the
last. `known` is the number of known values from the start (read from a file). `held up` is the
longest time by which another task of the event loop ran too late while a thread processed the body,
as in the gate: the least of several runs, as other processes delay it too.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial

from benchmarks import bodies
from benchmarks.measuring import Row, Timing, made_ready, main, seconds
from secretgate.hosts import Route, Treatment
from secretgate.ledger import Ledger
from secretgate.outbound.deciding import Requests
from secretgate.outbound.redaction import Redactor
from secretgate.outbound.requests import Request
from secretgate.placeholders import Issued, Namer, Template
from secretgate.providers import DIALECTS
from secretgate.proxy.threads import TURN
from secretgate.settings import Settings
from secretgate.vault import MemoryVault, Scope
from secretgate_rules import Detector, Literals, load_default
from secretgate_rules.load import packs

_SCOPE = Scope("benchmark", "anthropic", b"account")
_TEMPLATE = Template()
_REQUEST = Request(
    route=Route(provider="anthropic", dialect=DIALECTS["anthropic"], treatment=Treatment.CONTENT),
    method="POST",
    path="/v1/messages",
    headers={"content-type": "application/json"},
    content=b"",
    scope=_SCOPE,
    exempt=(),
)
MB = 1_000_000
_NAP = 0.001


@cache
def _known(count: int) -> Literals:
    """Return known values, with the preparation that is done at startup completed."""
    values = {bodies.token(f"known {at}").encode(): "known-value" for at in range(count)}
    known = Literals(values)
    known.prepare()
    made_ready()
    return known


class Gate:
    """The request path with all state in memory."""

    def __init__(self, detector: Detector, known: int = 0) -> None:
        namer = Namer(_TEMPLATE, bytes(32))
        vault, named = MemoryVault(), _known(known)
        redactor = Redactor(detector, vault, Ledger(None, namer.digest), namer, lambda: named)
        self._requests = Requests(Settings(), redactor, vault, Issued(_TEMPLATE, {}))

    def send(self, raw: bytes) -> None:
        decision = self._requests.decide(replace(_REQUEST, content=raw))
        if decision.refused:
            raise RuntimeError(decision.message)


def turns(size: int, secrets: int, count: int, head: bool = False) -> list[bytes]:
    """Return a conversation of a given size and its next turns."""
    conversation = bodies.Conversation(size, head=head).grow(size)
    for number in range(secrets):
        conversation.plant(bodies.token(number), number * 7)
    sent = [conversation.body()]
    for _ in range(count):
        conversation.grow(len(sent[-1]) + size // 100)
        sent.append(conversation.body())
    return sent


def held_up(detector: Detector, raw: bytes, runs: int) -> float:
    """Return the longest time, in seconds, for which the event loop was blocked."""

    async def watch(gate: Gate) -> float:
        longest = 0.0
        done = asyncio.ensure_future(asyncio.to_thread(gate.send, raw))
        while not done.done():
            before = time.perf_counter()
            await asyncio.sleep(_NAP)
            longest = max(longest, time.perf_counter() - before - _NAP)
        await done
        return longest

    interval = sys.getswitchinterval()
    sys.setswitchinterval(TURN)
    try:
        return min(asyncio.run(watch(Gate(detector))) for _ in range(runs))
    finally:
        sys.setswitchinterval(interval)


def row(case: str, raw: bytes, taken: Timing, **more: object) -> Row:
    return {
        "part": "request",
        "case": case,
        "bytes": len(raw),
        "ms": taken.median * 1e3,
        "MB/s": len(raw) / taken.median / MB,
        "least MB/s": len(raw) / taken.most / MB,
        "most MB/s": len(raw) / taken.least / MB,
        **more,
    }


def cold(detector: Detector, raw: bytes, runs: int, known: int = 0) -> Timing:
    taken = []
    for _ in range(runs):
        gate = Gate(detector, known)
        gate.send(b'{"model":"m"}')
        taken.append(seconds(partial(gate.send, raw)))
    return Timing(statistics.median(taken), min(taken), max(taken))


def warm(detector: Detector, sent: Sequence[bytes], known: int = 0) -> Timing:
    gate = Gate(detector, known)
    gate.send(sent[0])
    gate.send(sent[1])
    taken = [seconds(partial(gate.send, raw)) for raw in sent[2:]]
    return Timing(statistics.median(taken), min(taken), max(taken))


def conversations(detector: Detector, quick: bool) -> list[Row]:
    """Measure conversations with and without secrets, for the first request and the next turn."""
    runs, count = (2, 4) if quick else (5, 10)
    rows = []
    cases = [("clean", 0, False), ("one secret", 1, False), ("20 secrets", 20, False)]
    cases.append(("another head every time", 0, True))
    for size in (200_000, 2 * MB):
        for name, secrets, head in cases:
            sent = turns(size, secrets, count + 1, head)
            rows.append(row(f"cold, {name}", sent[0], cold(detector, sent[0], runs)))
            rows.append(row(f"warm, {name}", sent[-1], warm(detector, sent)))
    return rows


def adversarial(detector: Detector, quick: bool) -> list[Row]:
    """Measure bodies designed to be slow."""
    scale = 10 if quick else 1
    thousand = turns(2 * MB, 1000 // scale, 4)
    cases = {
        "a thousand secrets": thousand[0],
        "a million short strings": bodies.short_strings(MB // scale),
        "one string of 30 MB": bodies.one_string(30 * MB // scale),
    }
    rows = []
    for name, raw in cases.items():
        taken = cold(detector, raw, 1 if quick else 3)
        pause = held_up(detector, raw, 1 if quick else 5)
        rows.append(row(f"cold, {name}", raw, taken, **{"held up, ms": pause * 1e3}))
    rows.append(row("warm, a thousand secrets", thousand[-1], warm(detector, thousand)))
    return rows


def growth(detector: Detector, quick: bool) -> list[Row]:
    """Measure cost by length of history and body, number of known values, and number of rules."""
    rows = []
    for size in (125_000, 500_000, 2 * MB) if quick else (125_000, 500_000, 2 * MB, 8 * MB):
        sent = turns(size, 0, 4)
        rows.append(row("cold, by size", sent[0], cold(detector, sent[0], 2)))
        rows.append(row("warm, by size", sent[-1], warm(detector, sent)))
    sent = turns(500_000, 1, 4)
    for known in (0, 100, 1000) if quick else (0, 10, 100, 1000, 5000):
        taken = cold(detector, sent[0], 2, known)
        rows.append(row("cold, by known values", sent[0], taken, known=known))
        taken = warm(detector, sent, known)
        rows.append(row("warm, by known values", sent[-1], taken, known=known))
    rules = [item.rule for item in packs(frozenset()).compiled]
    for count in (len(rules) // 8, len(rules) // 2, len(rules)):
        some = Detector(rules[:count], _TEMPLATE.spelled)
        rows.append(row("cold, by rules", sent[0], cold(some, sent[0], 2), rules=count))
    return rows


def measure(quick: bool = False) -> list[Row]:
    """Measure the throughput of the request path, and what affects it."""
    detector = load_default(_TEMPLATE.spelled, enable=())
    rows: list[Row] = []
    for part in (conversations, adversarial, growth):
        rows += part(detector, quick)
    return rows


if __name__ == "__main__":
    main(measure, __doc__ or "")
