"""Runs many clients for a long time, and samples memory, descriptors and latency.

Every client repeats one round: it sends a secret, and its placeholder comes back in a stream. The
value must be in what the client receives, and must not be in what the provider receives.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx

from harness.model import echo
from harness.post import CHAT, MESSAGES, RESPONSES, ask
from harness.provider import Provider
from harness.proxy import Proxy
from harness.wires import Access
from secretgate.demo.planted import Maker

TARGETS = (MESSAGES, CHAT, RESPONSES)
_PATIENCE = 600
"""Seconds a client waits for an answer: the default of the OpenAI and Anthropic SDKs."""
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class Sample:
    at: float
    megabytes: float
    descriptors: int
    """Number of open descriptors; -1 if unknown."""
    rounds: int
    p50: float
    p95: float
    """Milliseconds per round since the previous sample, like `p50`."""
    lost: int = 0
    """Number of rounds lost so far."""

    def __str__(self) -> str:
        return (
            f"{self.at:7.0f} s {self.megabytes:8.1f} MB {self.descriptors:6d} fds "
            f"{self.rounds:7d} rounds {self.p50:7.1f} ms p50 {self.p95:7.1f} ms p95 "
            f"{self.lost:4d} lost"
        )


@dataclass
class Soak:
    proxy: Proxy
    provider: Provider
    clients: int = 24
    pause: float = 0.0
    """Mean seconds between two rounds of a client; tools, too, wait for models and people."""
    lost: list[str] = field(default_factory=list)
    """What clients did not receive as expected, without values."""
    leaked: int = 0
    samples: list[Sample] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)
    _rounds: int = 0

    def run(
        self, seconds: float, every: float = 1.0, tell: Callable[[Sample], None] = lambda _: None
    ) -> None:
        over = threading.Event()
        threads = [
            threading.Thread(target=self._client, args=(number, over), daemon=True)
            for number in range(self.clients)
        ]
        start = time.monotonic()
        # Discards what other tests have sent through other proxies.
        self.provider.received.clear()
        with self.provider.manner(script=echo):
            for thread in threads:
                thread.start()
            while time.monotonic() - start < seconds and self.proxy.alive:
                time.sleep(every)
                self._sample(time.monotonic() - start)
                tell(self.samples[-1])
            over.set()
            end = time.monotonic() + 20
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))
            self.lost += ["an answer that never ended" for each in threads if each.is_alive()]

    def _client(self, number: int, over: threading.Event) -> None:
        chance = random.Random(number)
        access = Access.through(self.proxy)
        while not over.is_set():
            with access.client(number % 3 == 0, _PATIENCE) as client:
                for _ in range(10):
                    if over.is_set():
                        return
                    try:
                        over.wait(self.pause * 2 * chance.random())
                        self._round(client, access, chance)
                    except (httpx.HTTPError, OSError) as error:
                        if not over.is_set():
                            self.lost.append(type(error).__name__)

    def _round(self, client: httpx.Client, access: Access, chance: random.Random) -> None:
        target = chance.choice(TARGETS)
        secret = Maker(chance.randrange(50)).github()
        words = "nothing to see here. " * chance.randrange(200)
        body = ask(target, f"{words} the token is {secret} so", stream=chance.random() < 0.8)
        start = time.perf_counter()
        headers = {"content-type": "application/json", "x-api-key": "of-the-test"}
        answer = client.post(access.url(*target), content=body, headers=headers)
        self._times.append(time.perf_counter() - start)
        self._rounds += 1
        if answer.status_code != 200 or secret.encode() not in answer.content:
            self.lost.append(f"status {answer.status_code}")

    def _sample(self, at: float) -> None:
        received, self.provider.received[:] = self.provider.received[:], []
        self.leaked += sum(b"ghp_" in each.everything for each in received)
        times, self._times = self._times or [0.0], []
        cuts = quantiles(times, n=20) if len(times) > 1 else times * 20
        folder = Path("/proc") / str(self.proxy.pid)
        memory, descriptors = 0.0, -1
        with contextlib.suppress(OSError):
            memory = int((folder / "statm").read_text().split()[1]) * _PAGE / 2**20
            descriptors = len([*(folder / "fd").iterdir()])
        p50, p95 = median(times) * 1000, cuts[18] * 1000
        self.samples.append(Sample(at, memory, descriptors, self._rounds, p50, p95, len(self.lost)))

    def thirds(self) -> tuple[list[Sample], list[Sample]]:
        """Return the samples of the middle and the last third; the first third is for warming up."""
        size = max(1, len(self.samples) // 3)
        return self.samples[size : 2 * size] or self.samples, self.samples[-size:]

    def problems(self) -> list[str]:
        """Return what has grown, was lost or leaked."""
        found = (
            [f"{len(self.lost)} rounds were lost: {sorted(set(self.lost))}"] if self.lost else []
        )
        if self.leaked:
            found.append(f"{self.leaked} requests reached the provider with a secret")
        before, after = self.thirds()
        for name, least in (("megabytes", 16.0), ("descriptors", 24.0), ("p50", 2000.0)):
            old = median([getattr(each, name) for each in before if each.p50] or [0.0])
            new = median([getattr(each, name) for each in after if each.p50] or [0.0])
            if new > old * 1.25 + least:
                found.append(f"{name} grew from {old:.1f} to {new:.1f}")
        return found
