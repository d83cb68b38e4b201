"""A small coverage-guided fuzzer: inputs that reach new lines of our code are kept and mutated.

Lines are watched with `sys.monitoring` until they are first reached, which costs next to nothing.
Python 3.11 does not have it, so mutation is blind there.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any, Self

from fuzz.cutting import Target

CORPUS = Path(__file__).with_name("corpus")
OURS = ("/secretgate/", "/secretgate_rules/")
LARGEST = 4096
WORDS = (
    rb'" \ { } [ ] , : "a": null true 1e9 -0 \u0041 \ud800 \\ @1 @2 tok_ REDACTED< data: event: id: '
    rb"\n \r\n \n\n --x --x-- Content-Disposition: name= filename= % %41 + & = base64 rules: id: "
    rb"pattern: - # ' *a &a << !!python [[rules]] regex = '''"
).split(b" ")


def corpus(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


class Watch:
    """Counts the lines of our code that have been reached."""

    _TOOL = 4

    def __init__(self) -> None:
        self.lines = 0
        self._monitoring: Any = getattr(sys, "monitoring", None)

    def __enter__(self) -> Self:
        if self._monitoring and self._monitoring.get_tool(self._TOOL) is None:
            self._monitoring.use_tool_id(self._TOOL, "fuzz")
            events = self._monitoring.events.LINE
            self._monitoring.register_callback(self._TOOL, events, self._reached)
            self._monitoring.set_events(self._TOOL, events)
            self._monitoring.restart_events()
        else:
            self._monitoring = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._monitoring:
            self._monitoring.set_events(self._TOOL, 0)
            self._monitoring.free_tool_id(self._TOOL)

    def _reached(self, code: CodeType, line: int) -> Any:
        self.lines += any(part in code.co_filename for part in OURS)
        return self._monitoring.DISABLE


def changed(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Return the data with one to four mutations: bits, bytes, words, spans of others, repeats."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(out))
        end = min(len(out), at + chance.choice((1, 1, 2, 4, 16, 64)))
        match chance.randint(0, 7):
            case 0 if out:
                out[at % len(out)] ^= 1 << chance.randint(0, 7)
            case 1:
                out[at:end] = b""
            case 2 | 3:
                out[at:at] = chance.choice(WORDS)
            case 4:
                out[at:end] = out[at:end] * chance.choice((2, 3, 20))
            case 5:
                other = chance.choice(others)
                start = chance.randint(0, len(other))
                out[at:end] = other[start : start + chance.choice((4, 16, 64))]
            case 6:
                out[at:end] = chance.randbytes(end - at)
            case _:
                out[at:end] = chance.choice(WORDS)
    return bytes(out[:LARGEST])


class Failure(Exception):
    """An input for which a target failed."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"{len(data)} bytes, {data[:200]!r}")
        self.data = data


def fuzz(
    name: str, target: Target, seconds: float, seed: int, most: int = 1 << 60
) -> Iterator[bytes]:
    """Fuzz a target; yield each input that reached new code, raise Failure."""
    chance = random.Random(f"{name} {seed}")
    pool = [*corpus(name), b""]
    end = time.monotonic() + seconds
    with Watch() as watch:
        for data in pool:
            _run(target, data)
        while time.monotonic() < end and most > 0:
            most -= 1
            before = watch.lines
            data = changed(chance.choice(pool), pool, chance)
            _run(target, data)
            if watch.lines > before:
                pool.append(data)
                yield data


def _run(target: Target, data: bytes) -> None:
    try:
        target(data)
    except Exception as error:
        raise Failure(data) from error


def keep(name: str, data: bytes, prefix: str = "") -> Path:
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{prefix}{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path
