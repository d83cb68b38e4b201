"""The whole proxy: mitmdump with the addon compared to plain mitmdump, request by request.

    PYTHONPATH=scripts python -m benchmarks.proxy [--quick] [--json]

Provider, both proxies and the client are separate processes on loopback, with TLS on both sides.
Requests alternate, so that other load affects both proxies alike. The added time is the difference
of the medians (or of the 99th percentiles). Plain mitmdump is configured to stream answers, because
it would otherwise hold each back until it is complete. Both write their output to a file: a reader
thread in the client's process would disturb its clock.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.conversation import Conversation, first_seen
from benchmarks.loopback import HOST, Client, context
from benchmarks.measuring import Row, main
from secretgate.demo.authority import Authority
from secretgate.demo.process import Mitmdump

ADDON = Path(__file__).parents[2] / "addon" / "secretgate_addon.py"
STREAMED = Path(__file__).with_name("streamed.py")
KINDS = ("plain", "secretgate")
SIZES = {"2 kB": 2_000, "200 kB": 200_000, "2 MB": 2_000_000}
WARM_UP = 2
_TURN = 20_000
_TURNS = 100
_CONNECTIONS = 8
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@contextlib.contextmanager
def provider(home: Path) -> Iterator[tuple[int, int, Path]]:
    """Yield the provider's TLS port, its plain port, and its root certificate."""
    authority = Authority("Benchmark provider")
    roots = home / "provider.pem"
    roots.write_bytes(authority.pem)
    leaf = authority.issue([HOST, "localhost"], home / "leaf.pem")
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.loopback", str(leaf)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert process.stdout
    try:
        secure, plain = map(int, process.stdout.readline().split())
        yield secure, plain, roots
    finally:
        process.communicate("", timeout=10)


@dataclass(frozen=True)
class Lane:
    """One proxy, and the connection to the provider through it."""

    kind: str
    proxy: Mitmdump
    port: int

    def client(self, http2: bool = False) -> Client:
        return Client(self.proxy.port, self.roots(http2), HOST, 443, http2)

    def roots(self, http2: bool = False) -> ssl.SSLContext:
        return context(str(self.proxy.certificate), http2=http2)


def lane(kind: str, home: Path, port: int, roots: Path) -> Lane:
    folder = home / f"{kind}-{time.monotonic_ns()}"
    folder.mkdir()
    proxy = Mitmdump(
        folder,
        port,
        roots,
        addon=ADDON if kind == "secretgate" else None,
        options={"flow_detail": 0},
        arguments=["-s", str(STREAMED)] if kind == "plain" else [],
        log=folder / "log",
    )
    return Lane(kind, proxy.start(), port)


@contextlib.contextmanager
def lanes() -> Iterator[dict[str, Lane]]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with provider(home) as (port, _, roots):
            made = {kind: lane(kind, home, port, roots) for kind in KINDS}
            try:
                yield made
            finally:
                for each in made.values():
                    each.proxy.stop()


def percentile(times: Sequence[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def compared(part: str, case: str, times: dict[str, list[float]], **more: object) -> Row:
    """Return a row comparing both proxies, in milliseconds."""
    row: dict[str, object] = {"part": part, "case": case, **more}
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        plain, own = (percentile(times[kind], share) * 1e3 for kind in KINDS)
        row |= {f"plain {name} ms": plain, f"secretgate {name} ms": own}
        row[f"added {name} ms"] = own - plain
    half = len(times["plain"]) // 2 or 1
    halves = [
        (statistics.median(own) - statistics.median(plain)) * 1e3
        for plain, own in (
            (times["plain"][:half], times["secretgate"][:half]),
            (
                times["plain"][half:] or times["plain"],
                times["secretgate"][half:] or times["secretgate"],
            ),
        )
    ]
    row["added p50 ms in either half"] = " / ".join(f"{half:.2f}" for half in halves)
    row["requests"] = len(times["plain"])
    return row


def take_turns(
    clients: dict[str, Client], bodies: Iterator[bytes], count: int
) -> dict[str, list[float]]:
    """Return the seconds of every request; each body goes through both proxies, in alternating order."""
    times: dict[str, list[float]] = {kind: [] for kind in clients}
    for number in range(count + WARM_UP):
        body = next(bodies)
        for kind in sorted(clients, reverse=bool(number % 2)):
            _, taken = clients[kind].post(body)
            if number >= WARM_UP:
                times[kind].append(taken)
    return times


def fresh(size: int) -> Iterator[bytes]:
    while True:
        yield first_seen(size)


def turns(size: int, step: int) -> Iterator[bytes]:
    """Yield the requests of conversations of this size, each one turn longer than the last."""
    while True:
        conversation = Conversation(size)
        for turn in range(_TURNS):
            yield conversation.body()
            conversation.grow(size + step * (turn + 1))


def latency(made: dict[str, Lane], quick: bool) -> Iterator[Row]:
    counts = {"2 kB": 300, "200 kB": 80, "2 MB": 24}
    for http2 in (False, True):
        with contextlib.ExitStack() as stack:
            clients = {k: stack.enter_context(each.client(http2)) for k, each in made.items()}
            name = "HTTP/2" if http2 else "HTTP/1.1"
            for label, size in SIZES.items():
                count = counts[label] // (4 if quick else 1)
                yield _latency(made, clients, f"{label}, first seen", name, fresh(size), count)
            bodies = turns(SIZES["2 MB"], _TURN)
            yield _latency(made, clients, "2 MB, next turn", name, bodies, count)


def _latency(
    made: dict[str, Lane],
    clients: dict[str, Client],
    case: str,
    http: str,
    bodies: Iterator[bytes],
    count: int,
) -> Row:
    before = {kind: cpu(each.proxy.pid) for kind, each in made.items()}
    times = take_turns(clients, bodies, count)
    used = {
        f"{kind} CPU ms": (cpu(each.proxy.pid) - before[kind]) / (count + WARM_UP) * 1e3
        for kind, each in made.items()
    }
    return compared("latency", case, times, http=http, **used)


def cpu(process: int) -> float:
    """Return the processor seconds that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def together(count: int, work: Callable[[int], None]) -> None:
    """Run `work` in `count` threads at once."""
    failed: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def _rate(each: Lane, prepared: Sequence[Sequence[bytes]]) -> tuple[float, float]:
    """Return requests per second over parallel connections, and processor seconds per request.

    The first body of each connection is sent before the measurement.
    """
    clients = [each.client() for _ in prepared]
    for client, bodies in zip(clients, prepared, strict=True):
        client.post(bodies[0])
    before, start = cpu(each.proxy.pid), time.perf_counter()

    def work(number: int) -> None:
        for body in prepared[number][1:]:
            clients[number].post(body)

    together(len(clients), work)
    taken, used = time.perf_counter() - start, cpu(each.proxy.pid) - before
    for client in clients:
        client.__exit__()
    total = sum(map(len, prepared)) - len(prepared)
    return total / taken, used / total


def throughput(made: dict[str, Lane], quick: bool) -> Iterator[Row]:
    """Send each body through both proxies once; it is new to them, or a conversation's next turn."""
    cases: dict[str, tuple[Callable[[], Iterator[bytes]], int]] = {
        "2 kB, first seen": (lambda: fresh(SIZES["2 kB"]), 240),
        "200 kB, first seen": (lambda: fresh(SIZES["200 kB"]), 80),
        "200 kB, next turn": (lambda: turns(SIZES["200 kB"], SIZES["200 kB"] // 100), 80),
    }
    for case, (bodies, count) in cases.items():
        rates: dict[str, list[tuple[float, float]]] = {kind: [] for kind in made}
        for _ in range(2 if quick else 4):
            prepared = [
                list(itertools.islice(bodies(), 1 + count // (4 if quick else 1)))
                for _ in range(_CONNECTIONS)
            ]
            for kind, each in made.items():
                rates[kind].append(_rate(each, prepared))
        row: dict[str, object] = {"part": "throughput", "case": case, "connections": _CONNECTIONS}
        for kind in KINDS:
            row[f"{kind} requests/s"] = statistics.median(rate for rate, _ in rates[kind])
            row[f"{kind} CPU ms"] = statistics.median(each for _, each in rates[kind]) * 1e3
        ratios = sorted(
            own[0] / plain[0]
            for plain, own in zip(rates["plain"], rates["secretgate"], strict=True)
        )
        row["share of plain"] = statistics.median(ratios)
        row["least share"], row["most share"] = ratios[0], ratios[-1]
        yield row


def _streams(each: Lane, count: int, events: int, gap: int) -> tuple[list[float], float, float]:
    """Return times to the first event, seconds until all ended, and processor seconds."""
    firsts: list[float] = []
    body = first_seen(4_000)
    clients = [each.client() for _ in range(count)]
    for client in clients:
        client.post(first_seen(4_000))
    before, start = cpu(each.proxy.pid), time.perf_counter()
    together(count, lambda at: firsts.append(clients[at].post(body, (events, gap))[0]))
    taken = time.perf_counter() - start
    used = cpu(each.proxy.pid) - before
    for client in clients:
        client.__exit__()
    return firsts, taken, used


def streaming(made: dict[str, Lane], quick: bool) -> Iterator[Row]:
    for count in (1, 8) if quick else (1, 8, 32):
        first: dict[str, list[float]] = {kind: [] for kind in made}
        rate: dict[str, list[float]] = {kind: [] for kind in made}
        used: dict[str, list[float]] = {kind: [] for kind in made}
        events = 300 if quick else 1000
        for _ in range(2 if quick else 3):
            for kind, each in made.items():
                for _ in range(max(1, 24 // count)):
                    first[kind] += _streams(each, count, 3, 5)[0]
                _, taken, processor = _streams(each, count, events, 0)
                rate[kind].append(count * events / taken)
                used[kind].append(processor / count / events * 1e6)
        row: dict[str, object] = {"part": "streams", "case": f"{count} at once"}
        for kind in KINDS:
            row[f"{kind} first event p50 ms"] = percentile(first[kind], 0.5) * 1e3
            row[f"{kind} events/s"] = statistics.median(rate[kind])
            row[f"{kind} CPU us/event"] = statistics.median(used[kind])
        row["added first event ms"] = (
            percentile(first["secretgate"], 0.5) - percentile(first["plain"], 0.5)
        ) * 1e3
        yield row


def startup(quick: bool) -> Row:
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder, provider(Path(folder)) as (port, _, roots):
        for number in range(3 if quick else 8):
            for kind in KINDS:
                start = time.perf_counter()
                started = lane(kind, Path(folder), port, roots)
                if number:
                    times[kind].append(time.perf_counter() - start)
                started.proxy.stop()
    row: dict[str, object] = {"part": "start-up", "case": "with a warm cache"}
    for kind in KINDS:
        row[f"{kind} s"] = statistics.median(times[kind])
        row[f"{kind} spread s"] = f"{min(times[kind]):.2f} to {max(times[kind]):.2f}"
    return row


def measure(quick: bool = False) -> list[Row]:
    with lanes() as made:
        rows = [*latency(made, quick), *throughput(made, quick), *streaming(made, quick)]
    return [*rows, startup(quick)]


if __name__ == "__main__":
    main(measure, __doc__ or "")
