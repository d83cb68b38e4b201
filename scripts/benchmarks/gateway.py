"""The cost of a team gateway, measured on this machine, and what it means for a number of developers.

Starts its own Redis or Valkey, real workers and a provider on loopback. Processor time is that of
the workers (user and system, from /proc), so that other load on the machine affects it little;
bytes are what the server reports.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.util
import json
import os
import platform
import random
import shutil
import statistics
import string
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import redis

from benchmarks.sizing import Assumptions, page, sizing
from harness.dialects import Style
from harness.model import Text, saying
from harness.programs import RedisServer
from harness.provider import Provider
from harness.team import USERS, Worker, htpasswd
from secretgate.demo.planted import Maker
from secretgate.ledger import Ledger
from secretgate.placeholders import Issued, Namer, Template
from secretgate.stores.line import Line, Wait, waiting
from secretgate.stores.redis import RedisStore
from secretgate.stores.shared_vault import SharedVault
from secretgate.vault import Scope

MESSAGES = "https://api.anthropic.com/v1/messages"
_TICK = os.sysconf("SC_CLK_TCK")
_SECRET = 40
"""Bytes of a typical secret."""


# Measuring


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def random_text(seed: object, length: int) -> str:
    return "".join(random.Random(str(seed)).choices(string.ascii_letters + string.digits, k=length))


def measure_store(server: RedisServer, count: int, a_month: int) -> dict[str, float]:
    """Return the store's costs: bytes per record, round-trip times, the server's processor time.

    `a_month` is the number of new key-shaped values that a user's provider writes per month.
    """
    key = bytes(32)
    namer = Namer(Template(), key)
    line = Line(RedisStore(server.url, "bench", 86400, 5))
    vault = SharedVault(line, key, namer.digest, Template(), 86400)
    ledger = Ledger(line, namer.digest)
    client = redis.Redis(port=server.port)
    per_scope, busy = 50, 5
    scopes = [
        Scope(f"user{number}", "anthropic", b"account") for number in range(count // per_scope)
    ]

    def used() -> int:
        return int(client.info("memory")["used_memory"])

    def growth(work: Callable[[], None], records: int) -> float:
        before = used()
        work()
        return (used() - before) / records

    def values(scope: Scope) -> dict[bytes, str]:
        return {
            random_text((scope.client, at), _SECRET).encode(): "rule" for at in range(per_scope)
        }

    def learn() -> None:
        for scope in scopes:
            for value, rule in values(scope).items():
                vault.learn(scope, {value: rule})

    def name() -> None:
        for scope in scopes:
            ledger.look_up(scope, values(scope), [])

    def write() -> None:
        for scope in scopes[:busy]:
            for at in range(0, a_month, 100):
                ledger.note_written(scope, [b"written %d" % each for each in range(at, at + 100)])

    def link() -> None:
        for scope in scopes:
            found = list(values(scope))[:5]
            issued = Issued(Template(), {namer.name("rule", value): value for value in found})
            for at in range(per_scope):
                vault.link(scope, f"resp_{at}", issued)

    with waiting(Wait.NEEDED):
        figures = {
            "bytes_per_value": growth(learn, len(scopes) * per_scope),
            "bytes_per_name": growth(name, len(scopes) * per_scope),
            "bytes_per_written": growth(write, busy * a_month),
            "bytes_per_chain": growth(link, len(scopes) * per_scope),
        }
        figures |= round_trips(vault, scopes, client, count)
    line.close()
    return figures


def round_trips(
    vault: SharedVault, scopes: Sequence[Scope], client: redis.Redis, count: int
) -> dict[str, float]:
    """Return how long a round trip takes, for the worker and on the server's processor."""
    for scope in scopes:
        vault.refresh(scope)
    times = []
    before, begun = client.info("cpu"), time.perf_counter()
    for at in range(count):
        start = time.perf_counter()
        vault.refresh(scopes[at % len(scopes)], ["responses"])
        times.append(time.perf_counter() - start)
    after = client.info("cpu")
    work = sum(after[name] - before[name] for name in ("used_cpu_sys", "used_cpu_user"))
    return {
        "round_trips_per_second": count / (time.perf_counter() - begun),
        "server_us_per_round_trip": work / count * 1e6,
        "round_trip_us_p50": statistics.median(times) * 1e6,
        "round_trip_us_p99": statistics.quantiles(times, n=100)[98] * 1e6,
    }


def conversation(kilobytes: int, turns: int) -> Iterator[bytes]:
    """Yield the last turns of a conversation that grows to a size.

    Secrets are at its beginning, new text at its end.
    """
    make = Maker(kilobytes)
    secrets = f"GITHUB_TOKEN={make.github()}\nDB_PASSWORD={make.password()}\n{make.stripe()}"
    words = random.Random(1).choices(
        [
            "the",
            "file",
            "returns",
            "value",
            "of",
            "some",
            "test",
            "in",
            "which",
            "function",
            "name",
            "list",
            "for",
            "each",
            "item",
        ],
        k=kilobytes * 200,
    )
    text = " ".join(words)[: kilobytes * 1000]
    messages: list[dict[str, Any]] = [{"role": "user", "content": secrets}]
    step = 4000
    messages += [
        {"role": ("assistant", "user")[at // step % 2], "content": text[at : at + step]}
        for at in range(0, len(text), step)
    ]
    for turn in range(turns):
        messages.append({"role": "assistant", "content": f"Answer {turn}. " + text[:1500]})
        messages.append({"role": "user", "content": f"Result {turn}: " + text[2000:4500]})
        body = {"model": "m", "max_tokens": 9, "stream": True, "messages": messages}
        yield json.dumps(body).encode()


class Bench:
    """Starts workers one after another, all with the same users."""

    def __init__(self, folder: Path, provider: Provider, answer_kilobytes: int) -> None:
        self._folder = folder
        self._provider = provider
        self._users = htpasswd(folder / "users")
        text = " ".join(["answer"] * (answer_kilobytes * 10))
        self._script = saying(Text(text))
        self._number = 0

    @contextlib.contextmanager
    def worker(self, vault: str | None, users: Path | None = None) -> Iterator[Worker]:
        self._number += 1
        home = self._folder / f"worker{self._number}"
        home.mkdir()
        options: dict[str, object] = {"proxyauth": f"@{users or self._users}"}
        options |= {"termlog_verbosity": "warn", "flow_detail": 0}
        more = {"environment": {"SECRETGATE_VAULT": vault}} if vault else {"addon": None}
        worker = Worker(self._provider, home, options=options, **more)
        worker.start()
        try:
            with self._provider.manner(script=self._script, style=Style(delta=40)):
                yield worker
        finally:
            worker.stop()

    def turns(self, worker: Worker, kilobytes: int, count: int) -> dict[str, float]:
        """Return processor milliseconds per request after a conversation's first; the best of three."""
        used = [self._turns(worker, kilobytes, count) for _ in range(3)]
        return {"cpu_ms": min(used) / count * 1000, "resident_mb": resident(worker.pid) / 1e6}

    def _turns(self, worker: Worker, kilobytes: int, count: int) -> float:
        begun = 0.0
        with worker.access().client() as client:
            for number, body in enumerate(conversation(kilobytes, count + 1)):
                if number == 1:
                    begun = cpu_seconds(worker.pid)
                head = {"content-type": "application/json", "x-api-key": "of-the-bench"}
                answer = client.post(MESSAGES, content=body, headers=head)
                assert answer.status_code == 200, answer.text
        return cpu_seconds(worker.pid) - begun

    def connections(self, worker: Worker, count: int) -> dict[str, float]:
        """Return the cost of a new tunnel, and the memory of an open one."""
        with contextlib.ExitStack() as stack:
            before, memory = cpu_seconds(worker.pid), resident(worker.pid)
            for _ in range(count):
                client = stack.enter_context(worker.access().client())
                assert client.get("https://api.anthropic.com/v1/models").status_code == 200
            cpu = (cpu_seconds(worker.pid) - before) / count * 1000
            return {
                "connection_cpu_ms": cpu,
                "connection_kb": (resident(worker.pid) - memory) / count / 1000,
            }


def measured(quick: bool, supposed: Assumptions) -> dict[str, Any]:
    program = next(
        filter(None, (shutil.which(name) for name in ("valkey-server", "redis-server"))), None
    )
    if program is None:
        raise SystemExit("needs valkey-server or redis-server: apt-get install redis-server")
    count = 5 if quick else 20
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "redis").mkdir()
        server = RedisServer(program, folder / "redis", durable=False)
        server.start()
        provider = Provider(folder)
        try:
            figures["store"] = measure_store(
                server,
                500 if quick else 5000,
                int(supposed.requests_per_day * supposed.written_per_request * 30),
            )
            bench = Bench(folder, provider, supposed.answer_kilobytes)
            sizes = (20, 200) if quick else (20, 200, supposed.kilobytes, 1000)
            for mode, vault in (("plain", None), ("memory", "memory"), ("redis", server.url)):
                with bench.worker(vault) as worker:
                    figures[mode] = {
                        str(kilobytes): bench.turns(worker, kilobytes, count) for kilobytes in sizes
                    }
                    if mode == "redis":
                        figures["connections"] = bench.connections(worker, 20 if quick else 150)
            if importlib.util.find_spec("bcrypt"):
                with bench.worker(server.url, _bcrypt(folder / "users-bcrypt")) as worker:
                    made = bench.connections(worker, 10 if quick else 50)
                    figures["connections"]["bcrypt_connection_cpu_ms"] = made["connection_cpu_ms"]
        finally:
            provider.close()
            server.stop()
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        figures["server"] = version.stdout.split("sha=")[0].strip()
    return figures


def _bcrypt(file: Path) -> Path:
    """Write hashes as `htpasswd -B` does, with its default cost (5)."""
    import bcrypt

    lines = (
        f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(5)).decode()}\n"
        for user, password in USERS.items()
    )
    file.write_text("".join(lines))
    return file


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from mitmproxy.version import VERSION

    supposed = Assumptions(
        **{name: getattr(arguments, name) for name in Assumptions.__dataclass_fields__}
    )
    if arguments.figures:
        before = json.loads(Path(arguments.figures).read_text())
        figures, about = before["measured"], {k: before[k] for k in _ABOUT}
    else:
        figures = measured(arguments.quick, supposed)
        now = datetime.datetime.now(datetime.UTC)
        about = {
            "when": f"{now:%Y-%m-%d %H:%M} UTC",
            "machine": f"{_machine()}, load average {os.getloadavg()[1]:.1f}",
            "python": platform.python_version(),
            "mitmproxy": VERSION,
        }
    return {
        **about,
        "assumptions": asdict(supposed),
        "measured": figures,
        "sizing": sizing(figures, supposed),
    }


_ABOUT = ("when", "machine", "python", "mitmproxy")


def _machine() -> str:
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{os.cpu_count()} cores of {model}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/sizing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="fewer of everything")
    parser.add_argument("--write", metavar="FILE", help="write the page of arithmetic")
    parser.add_argument(
        "--figures", metavar="FILE", help="take what was measured from the JSON of a run before"
    )
    for name, value in asdict(Assumptions()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    arguments = parser.parse_args()
    made = run(arguments)
    if arguments.write:
        Path(arguments.write).write_text(page(made))
    if arguments.json:
        print(json.dumps(made, indent=2))
    elif not arguments.write:
        print(page(made))


if __name__ == "__main__":
    main()
