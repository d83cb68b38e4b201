"""How cost grows with the body, the history, the rules, the known values and issued placeholders.

    PYTHONPATH=scripts python -m benchmarks.growth [--quick] [--json]

In one process, without a network: requests are decided, or streams restored, as the gate does it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.conversation import Conversation, first_seen
from benchmarks.loopback import HOST, PATH
from benchmarks.measuring import Row, made_ready, main, timed
from benchmarks.stream import CHUNK, Bench, prose, stream
from secretgate.demo.planted import Maker
from secretgate.engine import Engine, build
from secretgate.inbound.responses import Readers, respond
from secretgate.outbound.requests import Request
from secretgate.placeholders import Issued
from secretgate.settings import Settings
from secretgate.state import Places
from secretgate.vault import Scope

_RULES = """\
- id: benchmark-{0}
  description: A made-up key of kind {0}
  pattern: '\\b(bk{0}_[A-Za-z0-9]{{32}})\\b'
  keywords: ['bk{0}_']
  examples: ['bk{0}_{{{{32:alnum}}}}']
"""


def engine(home: Path, **settings: Any) -> Engine:
    return build(Settings(**settings), Places(home, home), lambda message: None)


def request(engine: Engine, body: bytes) -> Request:
    route = engine.hosts.route([HOST], PATH)
    assert route is not None
    return Request(
        route=route,
        method="POST",
        path=PATH,
        headers={"content-type": "application/json"},
        content=body,
        scope=Scope("benchmark", "anthropic", b"account"),
        exempt=(),
    )


def _decided(engine: Engine, bodies: list[bytes]) -> list[float]:
    """Return the processor seconds of each request."""
    taken = []
    for body in bodies:
        asked = request(engine, body)
        start = time.thread_time()
        decision = engine.requests.decide(asked)
        taken.append(time.thread_time() - start)
        assert not decision.refused, decision.message
    return taken


def _row(name: str, size: int, taken: list[float], length: int) -> Row:
    middle = sorted(taken)[len(taken) // 2]
    return {
        "part": "growth",
        "with": name,
        "size": size,
        "ms": middle * 1e3,
        "least ms": min(taken) * 1e3,
        "most ms": max(taken) * 1e3,
        "MB/s": length / middle / 1e6,
    }


def _bodies(home: Path, quick: bool) -> Iterator[Row]:
    made = engine(home)
    sizes = [2_000, 20_000, 200_000, 2_000_000] + ([] if quick else [8_000_000])
    for size in sizes:
        bodies = [first_seen(size) for _ in range(4 if size > 1e6 else 12)]
        yield _row("bytes of a request, first seen", size, _decided(made, bodies)[1:], size)
    for size in sizes:
        conversation = Conversation(size)
        bodies = [conversation.body()]
        for turn in range(1, 5):
            conversation.grow(size + turn * max(size // 100, 300))
            bodies.append(conversation.body())
        yield _row(
            "bytes of a known conversation, next turn", size, _decided(made, bodies)[1:], size
        )


def _rules(home: Path, quick: bool) -> Iterator[Row]:
    for count in (1, 10, 100) if quick else (1, 10, 100, 1000):
        file = home / f"rules-{count}.yaml"
        file.write_text("rules:\n" + "".join(map(_RULES.format, range(count))))
        bodies = [first_seen(200_000) for _ in range(8)]
        taken = _decided(engine(home, rules=(str(file),)), bodies)[1:]
        yield _row("rules of one's own, 200 kB", count, taken, 200_000)


def _known(home: Path, quick: bool) -> Iterator[Row]:
    for count in (1, 10, 100, 1000) if quick else (1, 10, 100, 1000, 5000):
        maker = Maker(count)
        file = home / f"known-{count}.env"
        file.write_text("".join(f"BENCH_{at}_SECRET={maker.password()}\n" for at in range(count)))
        file.chmod(0o600)
        bodies = [first_seen(200_000) for _ in range(8)]
        made = engine(home, known_files=(str(file),))
        made_ready()
        taken = _decided(made, bodies)[1:]
        yield _row("known values, 200 kB", count, taken, 200_000)


def _issued(quick: bool) -> Iterator[Row]:
    bench = Bench()
    maker = Maker(7)
    raw = b"".join(stream("anthropic", prose(200_000, bench.name, 1000), 64))
    for count in (1, 10, 100, 1000) if quick else (1, 10, 100, 1000, 10_000):
        values = {bench.name.encode(): bench.value.encode()}
        while len(values) < count:
            value = maker.password().encode()
            values[bench.namer.name("generic-api-key", value)] = value
        issued = Issued(bench.template, values)

        def run(issued: Issued = issued) -> None:
            response = respond(
                {"content-type": "text/event-stream"},
                Readers(bench.dialect("anthropic"), issued, lambda reason: None),
                stream=True,
            )
            assert response is not None
            for at in range(0, len(raw), CHUNK):
                response.feed(raw[at : at + CHUNK])
            response.finish()

        each = timed(run, 3 if quick else 5)
        yield _row("issued placeholders, a stream", count, list(each), len(raw))


def measure(quick: bool = False) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o700)
        return [*_bodies(home, quick), *_rules(home, quick), *_known(home, quick), *_issued(quick)]


if __name__ == "__main__":
    main(measure, __doc__ or "")
