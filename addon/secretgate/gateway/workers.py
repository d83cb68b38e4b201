"""Runs several proxies on one machine as one command: starts, restarts and stops them together.

Each worker is a process like that of `secretgate run` (`launch/mitm.py`): it receives its arguments
through a pipe, so that passwords among them do not appear in process lists, and it ends when the
pipe closes. Workers either share one port (`SO_REUSEPORT`: Linux distributes connections among
them) or have one each, for a load balancer that checks each for readiness.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

from secretgate.launch.mitm import SHARED_PORT

READY_WITHIN = 120.0
_STEADY = 30.0
"""Seconds after which a worker's death is not taken as a sign that the next would die too."""
_PAUSES = (0.5, 30.0)
_SPARE = 10.0
"""Seconds beyond its drain period after which a worker is killed."""


class WorkersError(Exception):
    """The workers cannot start; the message says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """How many workers to run, and with which arguments."""

    count: int
    arguments: Callable[[int], Sequence[str]]
    """Returns mitmproxy's arguments for the worker with a given number."""
    shared: bool
    """Whether all workers listen on one port."""
    drain: float
    """Seconds that a worker may take to end."""


@dataclass
class _Place:
    """A slot for one worker and its successors."""

    number: int
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    was_ready: bool = False
    renewed: bool = False
    """Whether its worker is being replaced."""


class Workers:
    """Starts, supervises and stops the workers."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._say = say
        self._places = [_Place(number) for number in range(plan.count)]
        self._ending = asyncio.Event()
        self._renewing = asyncio.Event()
        self._failed = False

    async def run(self) -> int:
        """Run until a signal ends it; return the exit code."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._end)
        loop.add_signal_handler(signal.SIGINT, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._renewing.set)
        first, *others = self._places
        keepers = [loop.create_task(self._keep(first))]
        # The first worker compiles changed rules; the others then use the compiled ones.
        if await self._comes_up(first):
            keepers += [loop.create_task(self._keep(place)) for place in others]
            renewals = loop.create_task(self._renewals())
            await self._ending.wait()
            renewals.cancel()
        else:
            self._failed = self._failed or not self._ending.is_set()
            self._ending.set()
        await asyncio.gather(*map(self._stop, self._places))
        await asyncio.gather(*keepers)
        return 2 if self._failed else 0

    def _end(self) -> None:
        if self._ending.is_set():
            for place in self._places:
                _send(place, signal.SIGKILL)
        self._ending.set()

    async def _comes_up(self, place: _Place) -> bool:
        """Return whether the worker listens before the timeout and before shutdown begins."""
        ready = asyncio.ensure_future(place.ready.wait())
        ending = asyncio.ensure_future(self._ending.wait())
        await asyncio.wait({ready, ending}, timeout=READY_WITHIN, return_when="FIRST_COMPLETED")
        ready.cancel()
        ending.cancel()
        return place.ready.is_set() and not self._ending.is_set()

    async def _keep(self, place: _Place) -> None:
        """Run one worker after another in a slot."""
        loop = asyncio.get_running_loop()
        shortest, longest = _PAUSES
        pause = shortest
        while not self._ending.is_set():
            begun = loop.time()
            code = await self._live(place)
            if self._ending.is_set():
                return
            if place.renewed:
                place.renewed = False
                continue
            if not place.was_ready:
                self._say(f"worker {place.number} did not start (exit code {code}); see above")
                self._failed = True
                self._ending.set()
                return
            pause = shortest if loop.time() - begun > _STEADY else min(2 * pause, longest)
            self._say(f"worker {place.number} died (exit code {code}); restarting in {pause:g} s")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _live(self, place: _Place) -> int:
        """Run one worker from start to end; return its exit code."""
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        if self._plan.shared:
            environment[SHARED_PORT] = "1"
        place.process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "secretgate.launch.mitm"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        if self._ending.is_set():
            # There was no process yet when all of them were told to stop.
            _send(place, signal.SIGTERM)
        assert process.stdin
        assert process.stdout
        with suppress(OSError):
            process.stdin.write(json.dumps(self._plan.arguments(place.number)).encode() + b"\n")
            await process.stdin.drain()
        while line := await process.stdout.readline():
            for host, port in json.loads(line).get("ready") or ():
                self._say(f"worker {place.number}, process {process.pid}, is on {host}:{port}")
                place.was_ready = True
                place.ready.set()
        code = await process.wait()
        place.ready.clear()
        return code

    async def _stop(self, place: _Place) -> None:
        """End the slot's worker, allowing its streams time to finish."""
        process = place.process
        if process is None or process.returncode is not None:
            return
        _send(place, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self._plan.drain + _SPARE)
        except TimeoutError:
            self._say(f"worker {place.number} did not end in time")
            _send(place, signal.SIGKILL)

    async def _renewals(self) -> None:
        """Replace workers one at a time, each after the previous replacement is ready."""
        while True:
            await self._renewing.wait()
            self._renewing.clear()
            for place in self._places:
                place.renewed = True
                place.ready.clear()
                await self._stop(place)
                if not await self._comes_up(place):
                    self._say(f"worker {place.number} did not restart; the others keep running")
                    break
            else:
                self._say("all workers have been replaced")


def _send(place: _Place, number: signal.Signals) -> None:
    if place.process is not None and place.process.returncode is None:
        with suppress(ProcessLookupError):
            place.process.send_signal(number)


def vacant(host: str, port: int, option: str = "--port") -> None:
    """Raise WorkersError, which names the option that gave it, if a port is not available."""
    try:
        with closing(socket.socket(_family(host))) as alone:
            if os.name == "posix":
                # On Windows, this option would share the port with its current owner.
                alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind((host, port))
    except OSError as error:
        other = "port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "address"
        given = option if other == "port" else "--listen"
        raise WorkersError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another {other} with {given}"
        ) from None


def reserve(host: str, port: int) -> socket.socket:
    """Reserve a port for workers that share it, and return the socket that holds it.

    Only this user's processes can bind to it afterwards. Raises WorkersError.
    """
    vacant(host, port)
    kept = socket.socket(_family(host))
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind((host, port))
    return kept


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def serve(plan: Plan, say: Callable[[str], None]) -> int:
    """Run the workers until a signal ends them; return the exit code."""
    return asyncio.run(Workers(plan, say).run())
